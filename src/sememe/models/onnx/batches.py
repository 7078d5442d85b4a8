"""Batch sequences of token ids by length, and run the batches in parallel.

Sequences are sorted by length and cut into batches of at most 512 tokens, padding included: so
hardly any padding is computed, memory is bounded, and a core's data stays in its cache. One core a
batch is faster than many cores on one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._cpus import count_cpus
from sememe._errors import InvalidInputError
from sememe._types import FloatArray

# All lengths (n,), and the indices of a batch's sequences, to the network's output for these.
Run = Callable[[NDArray[np.int64], NDArray[np.int64]], FloatArray]


class Batches:
    """Runs a network on batches of sequences of like length.

    min_tokens, max_tokens: The shortest and the longest sequence that `lengths` allows. budget:
    Tokens of a batch, padding included. equal: Whether a batch holds sequences of one length only.
    """

    def __init__(
        self,
        *,
        threads: int | None,
        min_tokens: int = 1,
        max_tokens: int = 0,
        budget: int = 512,
        equal: bool = False,
    ) -> None:
        self._min_tokens = min_tokens
        self._max_tokens = max_tokens
        self._threads = threads or count_cpus()
        self._budget = budget
        self._equal = equal

    def lengths(self, ids: Sequence[Sequence[int]]) -> NDArray[np.int64]:
        """Return (n,) how many tokens each sequence has, special tokens included.

        Raises:
            InvalidInputError: If a sequence has fewer than `min_tokens` or more than `max_tokens`.
        """
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        for i in np.flatnonzero((lengths < self._min_tokens) | (lengths > self._max_tokens))[
            :1
        ].tolist():
            raise InvalidInputError(
                f"sequence {i} has {lengths[i]} tokens, special ones included; the network has "
                f"positions for {self._min_tokens} to {self._max_tokens}. Cut it"
            )
        return lengths

    def each(self, lengths: NDArray[np.int64], run: Callable[[NDArray[np.int64]], None]) -> None:
        """Call `run` with the indices of each batch's sequences; batches run in parallel."""
        batches = list(split_by_budget(lengths, self._budget, equal=self._equal))
        if len(batches) < 2 or self._threads == 1:
            for batch in batches:
                run(batch)
        else:
            list(self._pool.map(run, batches))

    def rows(self, ids: Sequence[Sequence[int]], width: int, run: Run) -> FloatArray:
        """Return (n, width), one row for each sequence; `run` returns a batch's (N, width)."""
        lengths = self.lengths(ids)
        out = np.empty((len(ids), width), np.float32)

        def fill(batch: NDArray[np.int64]) -> None:
            out[batch] = run(lengths, batch)

        self.each(lengths, fill)
        return out

    def states(self, ids: Sequence[Sequence[int]], run: Run) -> list[FloatArray]:
        """Return each sequence's own rows; `run` returns a batch's (N, T, width) with padding."""
        lengths = self.lengths(ids)
        states: list[Any] = [None] * len(ids)

        def fill(batch: NDArray[np.int64]) -> None:
            for i, rows in zip(batch.tolist(), run(lengths, batch), strict=True):
                states[i] = rows[: lengths[i]].copy()

        self.each(lengths, fill)
        return states

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="sememe-batch")


def split_by_budget(
    lengths: NDArray[np.int64], budget: int, *, equal: bool = False
) -> Iterator[NDArray[np.int64]]:
    """Yield indices of sequences, longest first, in batches of at most `budget` padded tokens.

    equal: Whether a batch holds sequences of one length only.

    >>> [batch.tolist() for batch in split_by_budget(np.array([2, 5, 2, 4]), 10)]
    [[1, 3], [0, 2]]
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        stop = start + max(1, budget // longest)
        if equal:
            stop = min(stop, start + int((lengths[order[start:]] == longest).sum()))
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
