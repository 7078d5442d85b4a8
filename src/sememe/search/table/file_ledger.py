"""The files that rows were read from: a small table of its own, in the same folder as the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
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


class Ledger(LanceTable):
    """The table of files, of `ledger_schema`."""

    def record(self, records: Sequence[SourceRecord]) -> None:
        """Enter files, in one commit; a file already there is replaced."""
        import pyarrow as pa

        latest = {record.source: asdict(record) for record in records}
        if not latest:
            return
        try:
            fresh = pa.Table.from_pylist(list(latest.values()), schema=ledger_schema())
        except UnicodeEncodeError:
            raise InvalidInputError(
                "A source or reason holds a lone surrogate, which no table can hold as UTF-8. "
                "Replace it first: name.encode('utf-8', 'replace').decode()."
            ) from None
        self.swap(fresh, self.find("source", latest))

    def forget(self, sources: Iterable[str]) -> None:
        """Remove files, in one commit; unknown ones are no error."""
        if gone := list(sources):
            self.swap(None, self.find("source", gone))

    def read(self) -> dict[str, SourceRecord]:
        """Return every file, by source."""
        rows = self.dataset.to_table().to_pylist()
        return {row["source"]: SourceRecord(**row) for row in rows}


def ledger_schema() -> pa.Schema:
    """Return the Arrow schema of a ledger."""
    import pyarrow as pa

    numbers = dict.fromkeys(("size", "mtime_ns", "items"), pa.int64())
    types: dict[str, Any] = {"source": pa.string(), **numbers, "reason": pa.string()}
    return pa.schema([pa.field(name, kind, name == "reason") for name, kind in types.items()])
