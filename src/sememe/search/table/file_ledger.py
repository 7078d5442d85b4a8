"""The files that rows were read from: a small table of its own, in the same folder as the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe.search.table.lance_table import LanceTable

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A file as it was when it was read.

    Attributes:
        source: Its name, the same as in the rows' `source`.
        size: Bytes.
        mtime_ns: Time of its last change, in nanoseconds.
        items: How many items it gave.
        reason: Why it could not be used, or None.
    """

    source: str
    size: int
    mtime_ns: int
    items: int
    reason: str | None = None


class Ledger:
    """The table of files."""

    def __init__(self, table: LanceTable) -> None:
        self._table = table

    @classmethod
    def create(cls, path: Path) -> Ledger:
        """Create an empty ledger."""
        return cls(LanceTable.create(path, _make_schema()))

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Open an existing ledger."""
        return cls(LanceTable.open(path))

    @property
    def table(self) -> LanceTable:
        """The Lance table it is kept in."""
        return self._table

    def record(self, records: Sequence[SourceRecord]) -> None:
        """Enter files, in one commit; a file already there is replaced."""
        import pyarrow as pa

        latest = {record.source: record for record in records}
        if not latest:
            return
        columns = [
            [getattr(record, name) for record in latest.values()] for name in _make_schema().names
        ]
        try:
            arrays = [
                pa.array(c, type=f.type) for c, f in zip(columns, _make_schema(), strict=True)
            ]
        except UnicodeEncodeError:
            raise InvalidInputError(
                "A source or reason holds a lone surrogate, which no table can hold as UTF-8. "
                "Replace it first: name.encode('utf-8', 'replace').decode()."
            ) from None
        fresh = pa.Table.from_arrays(arrays, schema=_make_schema())
        self._table.swap(fresh, self._table.find("source", latest))

    def forget(self, sources: Iterable[str]) -> None:
        """Remove files, in one commit; unknown ones are no error."""
        gone = list(sources)
        if gone:
            self._table.swap(None, self._table.find("source", gone))

    def read(self) -> dict[str, SourceRecord]:
        """Return every file, by source."""
        rows = self._table.dataset.to_table().to_pylist()
        return {row["source"]: SourceRecord(**row) for row in rows}


def _make_schema() -> pa.Schema:
    import pyarrow as pa

    fields: list[pa.Field[Any]] = [
        pa.field("source", pa.string(), False),
        pa.field("size", pa.int64(), False),
        pa.field("mtime_ns", pa.int64(), False),
        pa.field("items", pa.int64(), False),
        pa.field("reason", pa.string()),
    ]
    return pa.schema(fields)
