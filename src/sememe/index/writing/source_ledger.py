"""Files being read and files read, entered as their rows are committed.

A file is entered as begun before the first of its rows is stored, and with its size and time of
change once all of them are: whatever is interrupted is read again, and what is stored of it is
removed if the file is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sememe.search.store import Store
from sememe.search.table.file_ledger import SourceRecord

_FILES = 1024  # files read between two entries
_BEGUN = -1  # size of a file that was begun


class SourceLedger:
    """Enters files in a store's ledger; a write of items that come from no file enters none."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reading: str | None = None
        self._begun: dict[str, SourceRecord] = {}  # to be entered before a commit
        self._finished: list[SourceRecord] = []  # to be entered after a flush

    def begin(self, source: str) -> None:
        """Note that a file's first item follows."""
        self._reading = source
        self._begun[source] = SourceRecord(source, _BEGUN, 0, 0)

    def finish(self, record: SourceRecord | None) -> None:
        """Note that a file has been read; None leaves its entry to the end of the sync."""
        self._reading = None
        if record is not None:
            self._finished.append(record)

    @property
    def is_full(self) -> bool:
        """Whether to flush and enter what was read."""
        return len(self._finished) >= _FILES

    def enter_begun(self) -> None:
        """Enter the files that were begun; to be called before every commit."""
        begun, self._begun = self._begun, {}
        self._store.record_sources(list(begun.values()))

    def enter_finished(self, failed: Mapping[str, str]) -> None:
        """Enter the files that were read; to be called once all their rows are stored.

        failed: id -> reason, of items whose content could not be read; an image or audio file is
            one item, and its id is its source.
        """
        records = [
            replace(one, items=0, reason=failed[one.source]) if one.source in failed else one
            for one in self._finished
        ]
        self._store.record_sources(records)
        self._finished = []
        self._begun = {s: record for s, record in self._begun.items() if s == self._reading}
