"""The k best documents of many queries, over scores that arrive in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sememe._errors import DuplicateIdError

if TYPE_CHECKING:
    from sememe._types import FloatArray


class TopK:
    """Keeps the k best documents of each query: score descending, then id ascending.

    The result does not depend on the order or the size of the blocks. Memory: (n_queries, k) scores
    and the ids of all documents.
    """

    def __init__(self, n_queries: int, *, k: int) -> None:
        self.k = k
        self.ids: list[str] = []
        self._seen: set[str] = set()
        self._scores = np.empty((n_queries, 0), dtype=np.float32)
        self._numbers = np.empty((n_queries, 0), dtype=np.int64)  # positions in ids

    def add(self, ids: Sequence[str], scores: FloatArray) -> None:
        """Take a block: scores (n_queries, len(ids))."""
        for identifier in ids:
            if identifier in self._seen:
                raise DuplicateIdError(
                    f"document id {identifier!r} stands twice in the corpus; allowed: once. "
                    "Remove one of the two."
                )
            self._seen.add(identifier)
        numbers = np.arange(len(self.ids), len(self.ids) + len(ids))
        self.ids.extend(ids)
        all_scores = np.concatenate([self._scores, scores], axis=1)
        all_numbers = np.concatenate(
            [self._numbers, np.broadcast_to(numbers, scores.shape)], axis=1
        )
        if all_scores.shape[1] > self.k:
            chosen = self._choose(all_scores, all_numbers)
            all_scores = np.take_along_axis(all_scores, chosen, axis=1)
            all_numbers = np.take_along_axis(all_numbers, chosen, axis=1)
        self._scores, self._numbers = all_scores, all_numbers

    def rankings(self) -> Iterator[dict[str, float]]:
        """Yield {id: score} for each query, best first."""
        for scores, numbers in zip(self._scores, self._numbers, strict=True):
            found = [(self.ids[n], float(s)) for n, s in zip(numbers, scores, strict=True)]
            yield dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))

    def _choose(
        self, scores: FloatArray, numbers: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
        """Return (n_queries, k) columns of the best; ties at the last place go to the lower id."""
        chosen = np.argpartition(-scores, self.k - 1, axis=1)[:, : self.k]
        last = np.take_along_axis(scores, chosen, axis=1).min(axis=1)  # (n_queries,)
        for row in np.flatnonzero((scores >= last[:, None]).sum(axis=1) > self.k):
            above = np.flatnonzero(scores[row] > last[row])
            tied = np.flatnonzero(scores[row] == last[row])
            by_id = sorted(tied.tolist(), key=lambda column: self.ids[numbers[row, column]])
            chosen[row] = np.concatenate([above, by_id])[: self.k]
        return chosen
