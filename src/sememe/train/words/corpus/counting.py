"""Count strings exactly, in threads and bounded memory.

Each thread sums Arrow arrays; more than `MAX_DISTINCT` strings are spilled to disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any

from sememe.train.words.corpus.disk_counts import ROWS, Counts, Spill, add_up
from sememe.train.words.corpus.reader import in_order

MAX_DISTINCT = 100_000  # strings in memory per thread


class Counter:
    """The counts of one thread; subclasses define the strings of a piece."""

    def __init__(self, spill: Spill) -> None:
        """Share the spill with the other counters."""
        self._spill = spill
        self._rows: list[Counts] = []
        self._waiting = 0

    def strings(self, piece: Any) -> Any:
        """Return the strings of a piece as an Arrow array of bytes."""
        raise NotImplementedError

    def settle(self, counts: Counts) -> Counts:
        """Map the counts of strings to the final ones; each string is passed once per call."""
        return counts

    def add(self, piece: Any) -> None:
        """Count the strings of one piece."""
        counts = self.strings(piece).value_counts()
        self._rows.append((counts.field(0), counts.field(1)))
        self._waiting += len(counts)
        if self._waiting > ROWS:
            self._rows, self._waiting = [add_up(self._rows)], 0
            if len(self._rows[0][0]) > MAX_DISTINCT:
                self._spill.add(self.rest()[0])

    def rest(self) -> list[Counts]:
        """Return the counts in memory, in a list of one or none, and clear them."""
        if not self._rows:
            return []
        counts = self.settle(add_up(self._rows))
        self._rows = []
        return [counts]


def count(pieces: Iterable[Any], counters: Sequence[Counter], spill: Spill) -> Iterator[Counts]:
    """Yield the counts of all strings, each once, with one thread per counter."""
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
