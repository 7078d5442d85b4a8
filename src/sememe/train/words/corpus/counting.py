"""Count strings exactly, in threads and bounded memory.

Each thread sums Arrow arrays; more than `MAX_DISTINCT` strings are spilled to disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from sememe.train.words.corpus.disk_counts import ROWS, Counts, Spill, add_up
from sememe.train.words.corpus.reader import Corpus, Report, in_order, report_progress

MAX_DISTINCT = 100_000  # strings in memory per thread


class Counter:
    """The counts of one thread; subclasses define the strings of a piece."""

    def __init__(self, corpus: Corpus) -> None:
        """Count nothing yet."""
        self.corpus = corpus
        self._rows: list[Counts] = []
        self._waiting = 0

    def strings(self, piece: Any) -> Any:
        """Return the strings of a piece as an Arrow array of bytes."""
        raise NotImplementedError

    def settle(self, counts: Counts) -> Counts:
        """Map the counts of strings to the final ones; each string is passed once per call."""
        return counts

    def add(self, piece: Any, spill: Spill) -> None:
        """Count the strings of one piece; too many are added to `spill`."""
        counts = self.strings(piece).value_counts()
        self._rows.append((counts.field(0), counts.field(1)))
        self._waiting += len(counts)
        if self._waiting > ROWS:
            self._rows, self._waiting = [add_up(self._rows)], 0
            if len(self._rows[0][0]) > MAX_DISTINCT:
                spill.add(self.rest()[0])

    def rest(self) -> list[Counts]:
        """Return the counts in memory, in a list of one or none, and clear them."""
        rows, self._rows = self._rows, []
        return [self.settle(add_up(rows))] if rows else []


def count(counters: Sequence[Counter], report: Report) -> Iterator[Counts]:
    """Yield the counts of all strings of a corpus, each once, with one thread per counter."""
    free: SimpleQueue[Counter] = SimpleQueue()
    for counter in counters:
        free.put(counter)

    def add(piece: Any) -> None:
        counter = free.get()
        try:
            counter.add(piece, spill)
        finally:
            free.put(counter)

    with tempfile.TemporaryDirectory(prefix="sememe-") as folder:
        spill = Spill(Path(folder))
        pieces = report_progress(counters[0].corpus, report)
        for _ in in_order(add, pieces, workers=len(counters)):
            pass
        rest = [counts for counter in counters for counts in counter.rest()]
        if spill:
            for counts in rest:
                spill.add(counts)
            yield from spill.read()
        elif rest:
            yield add_up(rest)
