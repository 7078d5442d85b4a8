"""The store under an index: rows in a Lance table, searched by vector and by term.

A store is a folder on local disk: `chunks.lance` holds the rows, `sources.lance` the files they
came from, `ann.json` the recall of the approximate index. Changes need the writer lock
(`sememe.search.lock`), which the caller holds; reading needs nothing. A store sees one version of
the table until `refresh` is called, so that the rankings of one search and the
rows fetched for it agree.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sememe._errors import (
    CorruptFileError,
    IndexExistsError,
    IndexFormatError,
    IndexNotFoundError,
    InvalidInputError,
    SememeError,
)
from sememe._types import FloatArray
from sememe.search.ranking import approximate, keyword
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.keyword import Operator, TermRanking
from sememe.search.reader import Reader
from sememe.search.statistics import StoreStatistics, read_statistics
from sememe.search.table import maintenance
from sememe.search.table.corruption import comes_from_reading, translate_errors
from sememe.search.table.file_ledger import Ledger, SourceRecord
from sememe.search.table.item_catalogue import Catalogue, CatalogueReader
from sememe.search.table.lance_table import Addresses, LanceTable
from sememe.search.table.metadata_columns import metadata_types, plan_evolution
from sememe.search.table.rows import FIXED_COLUMNS, Row, base_schema, to_table, vector_dims

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
CHUNKS = "chunks.lance"
SOURCES = "sources.lance"


class Store:
    """Rows of one index, on disk.

    Attributes:
        path: The folder.
        exact_limit: Rows up to which `search_vectors` compares with every row; above, it uses an
            approximate index where one has been built.
    """

    def __init__(self, path: Path, chunks: LanceTable, ledger: Ledger) -> None:
        self.path = path
        self.exact_limit = approximate.EXACT_LIMIT
        self._chunks = chunks
        self._ledger = ledger
        self._lock = threading.RLock()
        self._reader = Reader(path)
        self._catalogue = CatalogueReader()
        self._ready_to_write = False

    # Opening

    @classmethod
    def create(cls, path: str | PathLike[str], dims: Mapping[str, int]) -> Store:
        """Create an empty store in a folder, which is made where it is missing.

        Args:
            path: The folder.
            dims: Vector column (`vector_<8 hex>`) -> width.

        Raises:
            IndexExistsError: If the folder already holds a store.
            InvalidInputError: If a name or width is none that a vector column can have.
        """
        folder = Path(path)
        schema = base_schema(dims)
        if _holds_table(folder / CHUNKS):
            raise IndexExistsError(
                f"{folder} already holds an index. Open it, or choose another folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in (folder / CHUNKS, folder / SOURCES):
            shutil.rmtree(leftover, ignore_errors=True)  # of a creation that was interrupted
        ledger = Ledger.create(folder / SOURCES)
        chunks = LanceTable.create(folder / CHUNKS, schema)
        keyword.create_keyword_index(chunks)
        return cls(folder, chunks, ledger)

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Store:
        """Open the store in a folder, at its newest version.

        Raises:
            IndexNotFoundError: If there is none.
            IndexFormatError: If it cannot be opened, or has other columns.
        """
        folder = Path(path)
        if not _holds_table(folder / CHUNKS):
            raise IndexNotFoundError(
                f"{folder} holds no index ({CHUNKS} is missing). Check the path, or build one."
            )
        try:
            with translate_errors(folder):
                chunks, ledger = LanceTable.open(folder / CHUNKS), Ledger.open(folder / SOURCES)
                missing = set(FIXED_COLUMNS) - set(chunks.dataset.schema.names)
        except CorruptFileError as error:
            raise IndexFormatError(str(error)) from error
        if missing:
            raise IndexFormatError(
                f"{folder / CHUNKS} lacks the columns {', '.join(sorted(missing))}: it is not a "
                "table of this version. Build the index anew in another folder."
            )
        return cls(folder, chunks, ledger)

    @property
    def version(self) -> int:
        """The table version this store sees."""
        return self._chunks.version

    @property
    def dims(self) -> dict[str, int]:
        """Vector column -> width."""
        return vector_dims(self._chunks.dataset.schema)

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata column -> "bool", "int64", "double" or "string"."""
        return metadata_types(self._chunks.dataset.schema)

    def refresh(self) -> bool:
        """Move to the newest version; return whether it is another. Costs 0.1 ms if it is not."""
        with self._lock:
            moved = self._ledger.table.refresh()
            return self._chunks.refresh() or moved

    @property
    def is_newest(self) -> bool:
        """Whether nobody has changed the store since the version it sees."""
        tables = (self._chunks, self._ledger.table)
        return all(table.dataset.latest_version == table.version for table in tables)

    def run_read(self, work: Callable[[], T]) -> T:
        """Run a read; if a writer threw its version away meanwhile, refresh and run it again.

        Raises:
            CorruptFileError: If the engine cannot read a file of the newest version.
        """
        with translate_errors(self.path):
            try:
                return work()
            except BaseException as error:
                if not (comes_from_reading(error) or isinstance(error, SememeError)):
                    raise
                if not self.refresh():
                    raise
            return work()

    # Writing

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows: one batch, one commit, safe on disk when this returns.

        Raises:
            InvalidInputError: If a row does not fit; nothing was written.
        """
        self.replace(rows, ())

    def replace(self, rows: Sequence[Row], ids: Iterable[str] | None = None) -> None:
        """Remove every row of `ids` and add `rows`, in one commit, safe when this returns.

        Args:
            rows: The new rows.
            ids: The items whose old rows go; those of `rows` where None.

        Raises:
            InvalidInputError: If a row does not fit; nothing was written.
        """
        gone = dict.fromkeys(row.id for row in rows) if ids is None else dict.fromkeys(ids)
        with self._lock:
            self._prepare_to_write()
            change = plan_evolution(rows, self.metadata)
            if change.new or change.widen:
                to_table(rows, base_schema(self.dims))  # refuse bad rows before any commit
                maintenance.evolve(self._chunks, change)
            table = to_table(rows, self._chunks.dataset.schema)
            self._chunks.swap(table, self._chunks.find("id", gone) if gone else None)
            with maintenance.limit_read_ahead():
                if maintenance.merge_small(self._chunks):
                    maintenance.drop_old_versions(self._chunks)

    def delete(self, ids: Iterable[str]) -> int:
        """Remove every row of `ids` in one commit; return how many rows that was."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return 0
        with self._lock:
            self._prepare_to_write()
            addresses = self._chunks.find("id", wanted)
            self._chunks.swap(None, addresses)
            return len(addresses)

    def compact(self) -> None:
        """End a write: merge small files, index new rows, drop old versions.

        May be killed at any moment. Costs little when there is little to do.
        """
        with self._lock, maintenance.limit_read_ahead():
            self._prepare_to_write()
            maintenance.merge_small(self._chunks, more_than=maintenance.FEW_SMALL)
            keyword.refresh_keyword_index(self._chunks)
            for column in self.dims:
                approximate.refresh(self._chunks, self.path, column, self.exact_limit)
            maintenance.drop_old_versions(self._chunks)
            maintenance.merge_small(self._ledger.table, more_than=maintenance.FEW_SMALL)
            maintenance.drop_old_versions(self._ledger.table)

    def record_sources(self, records: Sequence[SourceRecord]) -> None:
        """Enter files in the ledger, in one commit."""
        self._ledger.record(records)

    def forget_sources(self, sources: Iterable[str]) -> None:
        """Remove files from the ledger, in one commit."""
        self._ledger.forget(sources)

    def sources(self) -> dict[str, SourceRecord]:
        """Return the files in the ledger, by source.

        Raises:
            CorruptFileError: If the ledger cannot be read.
        """
        with translate_errors(self.path):
            return self._ledger.read()

    # Reading

    def count(self) -> int:
        """Return the number of rows."""
        return int(self._chunks.dataset.count_rows())

    def read_catalogue(self) -> Catalogue:
        """Return the catalogue of stored items, 24 bytes each."""
        with self._lock, translate_errors(self.path):
            return self._catalogue.read(self._chunks)

    def present_parts(self, id: str) -> list[int]:
        """Return which parts of an item are stored, ascending."""
        import pyarrow.compute as pc

        rows = self._chunks.dataset.to_table(columns=["part"], filter=pc.field("id") == id)
        return sorted(rows["part"].to_pylist())

    def statistics(self) -> StoreStatistics:
        """Return figures of the rows and of the files on disk."""
        with translate_errors(self.path):
            return read_statistics(self._chunks, self.path)

    def iterate(
        self, columns: Sequence[str] | None = None, *, batch_size: int = 1024
    ) -> Iterator[pa.RecordBatch]:
        """Stream the rows as Arrow batches, all columns where none are named."""
        names = None if columns is None else list(columns)
        scanner = self._chunks.dataset.scanner
        with translate_errors(self.path):
            yield from scanner(columns=names, batch_size=batch_size).to_batches()

    def rows(
        self, addresses: Addresses, columns: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Fetch rows by address, in the order given.

        Args:
            addresses: (k,) uint64, from a ranking of the same version.
            columns: Which columns; all but the vectors where None.

        Raises:
            InvalidInputError: If an address is of another version.
        """
        if not len(addresses):
            return []
        names = [n for n in self._chunks.dataset.schema.names if n not in self.dims]
        try:
            return self._chunks.fetch(addresses, names if columns is None else columns)
        except KeyError as error:
            raise InvalidInputError(
                f"Row {error} is not in version {self.version}. Search again after refresh()."
            ) from None

    def addresses(self, ids: Sequence[str]) -> Addresses:
        """Return the addresses of every row of some items, item by item, parts ascending."""
        snapshot = self._reader.snapshot(self._chunks)
        positions, which = snapshot.positions_of(ids)
        order = np.lexsort((snapshot.parts[positions], which))
        addresses: Addresses = snapshot.addresses[positions[order]]
        return addresses

    # Searching

    def search_vectors(
        self, column: str, queries: FloatArray, k: int, *, where: str | None = None
    ) -> list[VectorRanking]:
        """Rank documents by inner product, which for unit vectors is the cosine.

        Args:
            column: A vector column.
            queries: (m, dim) float32.
            k: Documents for each query.
            where: SQL over the columns; only rows that pass are found.

        Raises:
            InvalidInputError: If there is no such column, or the queries have another width.
            FilterError: If `where` cannot be run.
        """
        return self._reader.search_vectors(
            self._chunks, column, queries, k, where, exact_limit=self.exact_limit
        )

    def search_groups(
        self, column: str, query: FloatArray, k: int, groups: Sequence[str], *, where: str | None
    ) -> list[VectorRanking]:
        """Rank the documents of each group of rows by itself, as `search_vectors` does for one.

        query: (dim,) float32. groups: SQL over the columns, one for each ranking that is returned;
        its mean and deviation are those over its group, whatever `where` is.
        """
        return self._reader.search_groups(
            self._chunks, column, query, k, where, groups, exact_limit=self.exact_limit
        )

    def score_ids(self, column: str, query: FloatArray, ids: Sequence[str]) -> FloatArray:
        """Return the exact best similarity of each id, (len(ids),); NaN where it has no vector.

        Args:
            column: A vector column.
            query: (dim,) float32.
            ids: Which items; unknown ones get NaN.
        """
        return self._reader.score_ids(self._chunks, column, query, ids)

    def search_terms(
        self,
        terms: Sequence[str] | Mapping[str, float],
        k: int,
        *,
        extra: Mapping[str, float] | None = None,
        where: str | None = None,
        operator: Operator = "any",
    ) -> TermRanking:
        """Rank documents by BM25 (k1=1.2, b=0.75); formula: `ranking.keyword`.

        Args:
            terms: The analysed query: a list (a repeated term counts twice) or term -> boost.
            k: Documents to return.
            extra: Terms with their boost that add to the score of what is found, and find nothing.
            where: SQL over the columns; only documents with a row that passes are found.
            operator: "any" term, or "all" of them.

        Raises:
            InvalidInputError: If a term has white space, or a boost is not above 0.
            FilterError: If `where` cannot be run.
        """
        return self._reader.search_terms(
            self._chunks, terms, k, extra=extra, where=where, operator=operator
        )

    def document_frequency(self, term: str) -> int:
        """Return how many rows hold the term (1 to 30 ms)."""
        return keyword.document_frequency(self._chunks, term)

    def keyword_coverage(self) -> float:
        """Return the fraction of the rows that the keyword index covers."""
        with translate_errors(self.path):
            return keyword.keyword_coverage(self._chunks)

    def vector_index_faults(self) -> list[str]:
        """Return what is wrong with the approximate indices, if there are any."""
        with translate_errors(self.path):
            return approximate.find_faults(self._chunks, self.path)

    def _prepare_to_write(self) -> None:
        self._chunks.refresh()
        if not self._ready_to_write:
            maintenance.finish_widening(self._chunks)
            keyword.ensure_keyword_index(self._chunks)
            self._ready_to_write = True


def _holds_table(path: Path) -> bool:
    versions = path / "_versions"
    return versions.is_dir() and any(versions.glob("*.manifest"))
