"""The store under an index: rows in a Lance table, searched by vector and by term.

A store is a folder on local disk: `chunks.lance` holds the rows, `sources.lance` the files they
came from, `ann.json` the recall of the approximate index. Changes need the writer lock
(`sememe.search.lock`), which the caller holds; reading needs nothing. A store uses one version of
the table until `refresh` is called, so that the rankings of one search and the rows fetched for it
agree.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

from sememe._errors import CorruptFileError, IndexExistsError, IndexFormatError, IndexNotFoundError
from sememe.search.ranking import approximate, keyword
from sememe.search.reader import Reader
from sememe.search.table import maintenance
from sememe.search.table.corruption import translate_errors
from sememe.search.table.file_ledger import Ledger, SourceRecord, ledger_schema
from sememe.search.table.lance_table import LanceTable
from sememe.search.table.metadata_columns import plan_evolution
from sememe.search.table.rows import FIXED_COLUMNS, Row, base_schema, to_table

CHUNKS = "chunks.lance"
SOURCES = "sources.lance"


class Store(Reader):
    """Rows of one index, on disk."""

    _ready_to_write = False

    @classmethod
    def create(cls, path: str | PathLike[str], dims: Mapping[str, int]) -> Store:
        """Create an empty store in a folder, which is made where it is missing.

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
        ledger = Ledger.create(folder / SOURCES, ledger_schema())
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

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows: one batch, one commit, safe on disk when this returns.

        Raises:
            InvalidInputError: If a row does not fit; nothing was written.
        """
        self.replace(rows, ())

    def replace(self, rows: Sequence[Row], ids: Iterable[str] | None = None) -> None:
        """Remove every row of `ids` and add `rows`, in one commit; raises as `append`.

        ids: The items whose old rows go; those of `rows` where None.
        """
        gone = dict.fromkeys((row.id for row in rows) if ids is None else ids)
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
            maintenance.merge_small(self._ledger, more_than=maintenance.FEW_SMALL)
            maintenance.drop_old_versions(self._ledger)

    def record_sources(self, records: Sequence[SourceRecord]) -> None:
        """Enter files in the ledger, in one commit."""
        self._ledger.record(records)

    def forget_sources(self, sources: Iterable[str]) -> None:
        """Remove files from the ledger, in one commit."""
        self._ledger.forget(sources)

    def _prepare_to_write(self) -> None:
        self._chunks.refresh()
        if not self._ready_to_write:
            maintenance.finish_widening(self._chunks)
            keyword.ensure_keyword_index(self._chunks)
            self._ready_to_write = True


def _holds_table(path: Path) -> bool:
    versions = path / "_versions"
    return versions.is_dir() and any(versions.glob("*.manifest"))
