"""The reading half of a store: its rows, and searches of them by vector and by term."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sememe._errors import InvalidInputError, SememeError
from sememe._types import FloatArray
from sememe.search.ranking import approximate, keyword
from sememe.search.ranking.exact import Mask, VectorColumn, VectorRanking
from sememe.search.ranking.filters import find_rows, names_chunk_columns
from sememe.search.ranking.keyword import Operator, TermRanking
from sememe.search.statistics import StoreStatistics, read_statistics
from sememe.search.table.corruption import comes_from_reading, translate_errors
from sememe.search.table.file_ledger import Ledger, SourceRecord
from sememe.search.table.item_catalogue import Catalogue, CatalogueReader
from sememe.search.table.lance_table import Addresses, LanceTable
from sememe.search.table.metadata_columns import metadata_types
from sememe.search.table.rows import vector_dims
from sememe.search.table.snapshot import Snapshot, read_snapshot
from sememe.vectors.nearest import check_k

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
_MASKS_KEPT = 12


class Reader:
    """Reads and searches the rows of one version; `sememe.search.store.Store` writes, too.

    Keeps the snapshot of the version, the vectors of the columns searched, the rows that passed the
    last few filters, and which terms occur.

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
        self._lock = threading.RLock()  # of the tables; a write holds it to its end
        self._kept_lock = threading.RLock()  # of what is kept between searches
        self._kept: Snapshot | None = None
        self._columns: dict[str, VectorColumn] = {}
        self._vocabulary = keyword.Vocabulary()
        self._masks: OrderedDict[tuple[int, str], Mask] = OrderedDict()
        self._catalogue = CatalogueReader()

    @property
    def version(self) -> int:
        """The table version in use."""
        return self._chunks.version

    @property
    def dims(self) -> dict[str, int]:
        """Vector column -> width."""
        return vector_dims(self._chunks.dataset.schema)

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata column -> "bool", "int64", "double" or "string"."""
        return metadata_types(self._chunks.dataset.schema)

    @property
    def is_newest(self) -> bool:
        """Whether the version in use is the newest."""
        tables = (self._chunks, self._ledger)
        return all(table.dataset.latest_version == table.version for table in tables)

    def refresh(self) -> bool:
        """Move to the newest version; return whether it is another. Costs 0.1 ms if it is not."""
        with self._lock:
            moved = self._ledger.refresh()
            return self._chunks.refresh() or moved

    def run_read(self, work: Callable[[], T]) -> T:
        """Run a read; if a writer deleted its version meanwhile, refresh and run it again.

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

    # Reading

    def count(self) -> int:
        """Return the number of rows."""
        return int(self._chunks.dataset.count_rows())

    def sources(self) -> dict[str, SourceRecord]:
        """Return the files in the ledger, by source; CorruptFileError if it cannot be read."""
        with translate_errors(self.path):
            return self._ledger.read()

    def read_catalogue(self) -> Catalogue:
        """Return the catalogue of stored items, 24 bytes each."""
        with self._lock, translate_errors(self.path):
            return self._catalogue.read(self._chunks)

    def find_parts(self, id: str) -> set[tuple[int, int, int]]:
        """Return (part, start, end) of each part of an item that is stored."""
        import pyarrow.compute as pc

        columns = ["part", "start", "end"]
        rows = self._chunks.dataset.to_table(columns=columns, filter=pc.field("id") == id)
        return set(zip(*(rows[name].to_pylist() for name in columns), strict=True))

    def statistics(self) -> StoreStatistics:
        """Return figures of the rows and of the files on disk."""
        with translate_errors(self.path):
            return read_statistics(self._chunks, self.path)

    def iterate(
        self, columns: Sequence[str] | None = None, *, batch_size: int = 1024
    ) -> Iterator[pa.RecordBatch]:
        """Stream the rows as Arrow batches, all columns where none are named."""
        names = None if columns is None else list(columns)
        with translate_errors(self.path):
            scanner = self._chunks.dataset.scanner(columns=names, batch_size=batch_size)
            yield from scanner.to_batches()

    def rows(
        self, addresses: Addresses, columns: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Fetch rows by address, in the order given.

        addresses: (k,) uint64, from a ranking of the same version. columns: Which ones; all but
        the vectors where None.

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
        snapshot = self._snapshot()
        positions, which = snapshot.positions_of(ids)
        order = np.lexsort((snapshot.parts[positions], which))
        return snapshot.addresses[positions[order]]

    def keyword_coverage(self) -> float:
        """Return the fraction of the rows that the keyword index covers."""
        with translate_errors(self.path):
            return keyword.keyword_coverage(self._chunks)

    def vector_index_faults(self) -> list[str]:
        """Return what is wrong with the approximate indices, if there are any."""
        with translate_errors(self.path):
            return approximate.find_faults(self._chunks, self.path)

    # Searching

    def search_vectors(
        self, column: str, queries: FloatArray, k: int, *, where: str | None = None
    ) -> list[VectorRanking]:
        """Rank k documents for each query by inner product, which for unit vectors is the cosine.

        queries: (m, dim) float32. where: SQL over the columns; only rows that pass are ranked.

        Raises:
            InvalidInputError: If there is no such column, or the queries have another width.
            FilterError: If `where` cannot be run.
        """
        vectors = self._check_query(column, queries, k)
        if (notes := self._find_notes(column)) is not None:
            return approximate.search(self._chunks, notes, column, queries, k, where)
        snapshot = self._snapshot()
        mask = None if where is None else self._mask(where)
        return vectors.search(snapshot, queries, k, mask, keep=len(snapshot) <= self.exact_limit)

    def search_groups(
        self, column: str, query: FloatArray, k: int, groups: Sequence[str], *, where: str | None
    ) -> list[VectorRanking]:
        """Rank the documents of each group of rows by itself, as `search_vectors` does for one.

        query: (dim,) float32. groups: SQL over the columns, one for each ranking that is returned;
        its mean and deviation are those over its group, whatever `where` is.
        """
        vectors = self._check_query(column, query[None], k)
        if (notes := self._find_notes(column)) is not None:
            filters = [f"({where}) AND ({group})" if where else group for group in groups]
            search = approximate.search
            return [search(self._chunks, notes, column, query[None], k, one)[0] for one in filters]
        snapshot = self._snapshot()
        mask = None if where is None else self._mask(where)
        inside = [self._mask(group) for group in groups]
        keep = len(snapshot) <= self.exact_limit
        return vectors.search_groups(snapshot, query, k, mask, inside, keep=keep)

    def score_ids(self, column: str, query: FloatArray, ids: Sequence[str]) -> FloatArray:
        """Return the exact best similarity of each id to (dim,) `query`: (len(ids),) float32.

        NaN where an item has no vector in the column, or is unknown.
        """
        return self._check_query(column, query[None], 1).score_ids(self._snapshot(), query, ids)

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
            extra: Terms with their boost that add to the score of documents with one of `terms`.
            where: SQL over the columns; a document needs a row that passes.
            operator: "any" term, or "all" of them.

        Raises:
            InvalidInputError: If a term has white space, or a boost is not above 0.
            FilterError: If `where` cannot be run.
        """
        check_k(k)
        snapshot, documents = self._snapshot(), None
        if where is not None:
            mask = self._mask(where)  # raises FilterError before the engine sees it
            if names_chunk_columns(where):  # terms are on some rows, others may be what passes
                documents = np.zeros(len(snapshot.ids), dtype=bool)
                documents[snapshot.documents[mask]] = True
        return keyword.search_terms(
            self._chunks,
            snapshot,
            self._vocabulary,
            terms,
            k,
            extra=extra,
            where=where if documents is None else None,
            documents=documents,
            operator=operator,
        )

    def count_rows(self, where: str) -> int:
        """Return how many rows pass a filter; FilterError if it cannot be run."""
        return int(np.count_nonzero(self._mask(where)))

    def assign(self, ids: Sequence[str], filters: Sequence[str]) -> list[int]:
        """Return for each item the last of the filters that a row of it passes, -1 for none."""
        positions, which = self._snapshot().positions_of(ids)
        groups = np.full(len(ids), -1)
        for group, where in enumerate(filters):
            groups[which[self._mask(where)[positions]]] = group
        return groups.tolist()

    def count_term_rows(self, terms: Iterable[str]) -> dict[str, int]:
        """Return how many rows hold each term, counted up to a thousand."""
        return self._vocabulary.count_rows(self._chunks, terms)

    def _snapshot(self) -> Snapshot:
        """Return the rows of the table's version, read once for each version."""
        with self._kept_lock:
            if self._kept is None or self._kept.version != self._chunks.version:
                self._kept = read_snapshot(self._chunks)
            return self._kept

    def _mask(self, where: str) -> Mask:
        """Return (n,) rows that pass the filter."""
        snapshot = self._snapshot()
        key = (snapshot.version, where)
        with self._kept_lock:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        positions = snapshot.positions(find_rows(self._chunks.dataset, where))
        mask = np.zeros(len(snapshot), dtype=bool)
        mask[positions[positions >= 0]] = True
        with self._kept_lock:
            self._masks[key] = mask
            while len(self._masks) > _MASKS_KEPT:
                self._masks.popitem(last=False)
        return mask

    def _find_notes(self, column: str) -> approximate.Notes | None:
        return approximate.find_usable_notes(self._chunks, self.path, column, self.exact_limit)

    def _check_query(self, name: str, queries: FloatArray, k: int) -> VectorColumn:
        """Return the column that queries (m, dim) are compared with."""
        check_k(k)
        dims = self.dims
        if name not in dims:
            raise InvalidInputError(
                f"column={name!r} is not a vector column of this index: {', '.join(dims)}."
            )
        if queries.ndim != 2 or queries.shape[1] != dims[name]:
            raise InvalidInputError(
                f"queries of shape {queries.shape}; {name} needs (m, {dims[name]})."
            )
        with self._kept_lock:
            return self._columns.setdefault(name, VectorColumn(self._chunks, name, dims[name]))
