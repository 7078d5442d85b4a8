"""The k best documents of many queries, from scores computed in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sememe._errors import DuplicateIdError
from sememe._ties import TOLERANCE, highest, rank
from sememe._types import FloatArray

_SPARE = 64  # documents kept beyond k, in case they tie with the k-th


class TopK:
    """Keeps the k best documents of each query: score descending, ties by id.

    The result does not depend on the order or the size of the blocks. Memory: (n_queries, k + 64)
    scores and the ids of all documents.
    """

    def __init__(self, n_queries: int, *, k: int) -> None:
        self.k = k
        self._room = k + _SPARE
        self.ids: list[str] = []
        self._seen: set[str] = set()
        self._scores = np.empty((n_queries, 0), dtype=np.float32)
        self._numbers = np.empty((n_queries, 0), dtype=np.int64)  # positions in ids

    def add(self, ids: Sequence[str], scores: FloatArray) -> None:
        """Add a block of documents; scores: (n_queries, len(ids))."""
        for identifier in ids:
            if identifier in self._seen:
                raise DuplicateIdError(
                    f"document id {identifier!r} occurs twice in the corpus; allowed: once. "
                    "Remove one of the two."
                )
            self._seen.add(identifier)
        numbers = np.arange(len(self.ids), len(self.ids) + len(ids))
        self.ids.extend(ids)
        numbers = np.broadcast_to(numbers, scores.shape)
        all_scores = np.concatenate([self._scores, scores], axis=1)
        all_numbers = np.concatenate([self._numbers, numbers], axis=1)
        if all_scores.shape[1] > self._room:
            chosen = self._choose(all_scores, all_numbers)
            all_scores = np.take_along_axis(all_scores, chosen, axis=1)
            all_numbers = np.take_along_axis(all_numbers, chosen, axis=1)
        self._scores, self._numbers = all_scores, all_numbers

    def rankings(self) -> Iterator[dict[str, float]]:
        """Yield {id: score} for each query, best first."""
        for scores, numbers in zip(self._scores, self._numbers, strict=True):
            ids = [self.ids[number] for number in numbers.tolist()]
            yield {ids[i]: score for i, score in rank(scores, ids)[: self.k]}

    def _choose(self, scores: FloatArray, numbers: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return (n_queries, room) columns of the best.

        If many tie at the last rank, those with the lowest ids are among them.
        """
        chosen = np.argpartition(-scores, self._room - 1, axis=1)[:, : self._room]
        last = np.take_along_axis(scores, chosen, axis=1).min(axis=1)  # (n_queries,)
        near = np.abs(scores - last[:, None]) < TOLERANCE
        for row in np.flatnonzero(near.sum(axis=1) > _SPARE // 2):
            columns, settled = highest(scores[row], self._room)
            ids = [self.ids[number] for number in numbers[row, columns].tolist()]
            best = sorted(range(len(ids)), key=lambda i: (-settled[i], ids[i]))
            chosen[row] = columns[best[: self._room]]
        return chosen
