"""Count the strings of a stream of pieces exactly, in bounded memory, in threads.

Each thread adds up Arrow arrays; more than `MAX_DISTINCT` strings go to disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any

from sememe.train.words.corpus.disk_counts import ROWS, Counts, Spill, add_up
from sememe.train.words.corpus.reader import in_order

MAX_DISTINCT = 100_000  # strings in the memory of a thread


class Counter:
    """What one thread counts; subclasses say what of a piece."""

    def __init__(self, spill: Spill) -> None:
        """Counters of one count share the spill."""
        self._spill = spill
        self._rows: list[Counts] = []
        self._waiting = 0

    def strings(self, piece: Any) -> Any:
        """Return the strings of a piece as an Arrow array of bytes."""
        raise NotImplementedError

    def settle(self, counts: Counts) -> Counts:
        """Turn counts of the strings met into those wanted; called with each string but once."""
        return counts

    def add(self, piece: Any) -> None:
        """Count the strings of one piece."""
        found = self.strings(piece).value_counts()
        self._rows.append((found.field(0), found.field(1)))
        self._waiting += len(found)
        if self._waiting > ROWS:
            self._rows, self._waiting = [add_up(self._rows)], 0
            if len(self._rows[0][0]) > MAX_DISTINCT:
                self._spill.add(self.rest()[0])

    def rest(self) -> list[Counts]:
        """Return what is in memory, in a list of one or none, and forget it."""
        if not self._rows:
            return []
        counts = self.settle(add_up(self._rows))
        self._rows = []
        return [counts]


def count(pieces: Iterable[Any], counters: Sequence[Counter], spill: Spill) -> Iterator[Counts]:
    """Yield the counts of all strings, each once, by as many threads as there are counters."""
    free: SimpleQueue[Counter] = SimpleQueue()
    for counter in counters:
        free.put(counter)

    def add(piece: Any) -> None:
        counter = free.get()
        try:
            counter.add(piece)
        finally:
            free.put(counter)

    for _ in in_order(add, pieces, workers=len(counters)):
        pass
    rest = [counts for counter in counters for counts in counter.rest()]
    if spill:
        for counts in rest:
            spill.add(counts)
        yield from spill.read()
    elif rest:
        yield add_up(rest)
