"""Downsample a stream of rows to few columns, however long it is.

    peaks = Downsampler(1000, np.maximum)
    for block in blocks:                # (n, channels) each
        peaks.add(block)
    peaks.columns(500)                  # (500, channels)

Rows are pooled into bins, which double in size when there are too many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Downsampler:
    """Pools rows into columns of equal length by `np.minimum`, `np.maximum` or `np.add`.

    With `np.add` a column is the mean of its rows. At most twice `most` bins are held, each of as
    many rows, a power of two.

    Attributes:
        count: Number of rows added.
    """

    def __init__(self, most: int, reduce: np.ufunc) -> None:
        """Take how many bins there are at least in the end, given as many rows, and how to pool."""
        self.count = 0
        self._most = most
        self._reduce = reduce
        self._size = 1  # rows in a bin
        self._bins: list[NDArray[np.float64]] = []
        self._held = 0
        self._rest: NDArray[np.float64] | None = None

    def add(self, rows: NDArray[np.floating]) -> None:
        """Add rows, (n, channels)."""
        self.count += len(rows)
        left: NDArray[np.float64] = rows.astype(np.float64)
        if self._rest is not None:
            left = np.concatenate([self._rest, left])
        while True:
            take = min(2 * self._most - self._held, len(left) // self._size)
            if take:
                some = left[: take * self._size].reshape(take, self._size, -1)
                self._bins.append(self._reduce.reduce(some, axis=1))
                left, self._held = left[take * self._size :], self._held + take
            if self._held < 2 * self._most:
                break
            pairs = np.concatenate(self._bins).reshape(self._most, 2, -1)
            self._bins, self._held = [self._reduce.reduce(pairs, axis=1)], self._most
            self._size *= 2
        self._rest = left.copy()

    def columns(self, n: int) -> NDArray[np.float64]:
        """Return (n, channels): column i pools the rows from i to i + 1 nths of all.

        If there are fewer rows than columns, a row is repeated in several.
        """
        parts = [*self._bins]
        if self._rest is not None and len(self._rest):
            parts.append(self._reduce.reduce(self._rest[:, None], axis=0))
        bins = np.concatenate(parts)
        sizes = np.full(len(bins), float(self._size))
        sizes[-1] -= len(bins) * self._size - self.count  # the last is not full
        starts = np.arange(n) * self.count // (n * self._size)
        columns: NDArray[np.float64] = self._reduce.reduceat(bins, starts, axis=0)
        if self._reduce is np.add:
            columns /= np.add.reduceat(sizes, starts)[:, None]
        return columns
