"""Sequences of token ids in batches of like length, each core running batches of its own.

Sequences are sorted by length and cut into batches of at most `_BUDGET` tokens, padding included:
so hardly any padding is computed, memory is bounded, and what a core works on stays in its cache.
A core for each batch costs less than many cores on one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

    # all lengths (n,) and the places of a batch's sequences to what a network makes of them
    Run = Callable[[NDArray[np.int64], NDArray[np.int64]], FloatArray]

_BUDGET = 1024  # tokens in one run of the graph


class Batches:
    """What all networks of BERT's family do with sequences before their graph runs."""

    def __init__(self, *, max_tokens: int, threads: int | None) -> None:
        self._max_tokens = max_tokens
        self._threads = threads or os.cpu_count() or 1

    def lengths(self, ids: Sequence[Sequence[int]]) -> NDArray[np.int64]:
        """Return (n,) how many tokens each sequence has, marks included.

        Raises:
            InvalidInputError: None, or more than there are positions.
        """
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        for i in np.flatnonzero((lengths < 1) | (lengths > self._max_tokens))[:1].tolist():
            raise InvalidInputError(
                f"sequence {i} has {lengths[i]} tokens, marks included; the network has positions "
                f"for 1 to {self._max_tokens}. Cut it"
            )
        return lengths

    def each(self, lengths: NDArray[np.int64], run: Callable[[NDArray[np.int64]], None]) -> None:
        """Call `run` with the places of each batch's sequences; batches run side by side."""
        batches = list(split_by_budget(lengths, _BUDGET))
        if len(batches) < 2:
            for batch in batches:
                run(batch)
        else:
            list(self._pool.map(run, batches))

    def rows(self, ids: Sequence[Sequence[int]], width: int, run: Run) -> FloatArray:
        """Return (n, width), one row for each sequence; `run` gives a batch's (N, width).

        Raises:
            InvalidInputError: See `lengths`.
        """
        lengths = self.lengths(ids)
        out = np.empty((len(ids), width), np.float32)

        def one(batch: NDArray[np.int64]) -> None:
            out[batch] = run(lengths, batch)

        self.each(lengths, one)
        return out

    def states(self, ids: Sequence[Sequence[int]], run: Run) -> list[FloatArray]:
        """Return each sequence's own rows; `run` gives a batch's (N, T, width), padding and all.

        Raises:
            InvalidInputError: See `lengths`.
        """
        lengths = self.lengths(ids)
        found: list[Any] = [None] * len(ids)

        def one(batch: NDArray[np.int64]) -> None:
            for i, rows in zip(batch.tolist(), run(lengths, batch), strict=True):
                found[i] = rows[: lengths[i]].copy()

        self.each(lengths, one)
        return found

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="sememe-batch")


def split_by_budget(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield places of sequences, longest first, in batches of at most `budget` padded tokens.

    >>> [batch.tolist() for batch in split_by_budget(np.array([2, 5, 2, 4]), 10)]
    [[1, 3], [0, 2]]
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, budget // int(lengths[order[start]]))
        yield order[start:stop]
        start = stop


def make_inputs(
    ids: Sequence[Sequence[int]], lengths: NDArray[np.int64], batch: NDArray[np.int64]
) -> dict[str, Any]:
    """Return the padded ids (N, T) of a batch and their lengths (N,), int32."""
    return {"ids": pad(ids, lengths, batch), "lengths": lengths[batch].astype(np.int32)}


def pad(
    rows: Sequence[Sequence[int]], lengths: NDArray[np.int64], batch: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Return the batch's rows one above the other, int32, zeros at their ends."""
    out = np.zeros((len(batch), int(lengths[batch].max())), np.int32)
    for row, i in zip(out, batch.tolist(), strict=True):
        row[: lengths[i]] = rows[i]
    return out
