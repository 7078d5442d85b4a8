"""The most similar pairs among all n(n-1)/2, exact, in memory bounded by a block of scores.

    pairs = similar_pairs(encoder.encode(texts), max_pairs=20, threshold=0.8)
    pairs[0].first, pairs[0].second, pairs[0].score

This is paraphrase mining as in sentence-transformers. Every pair is compared once: n * n * dim
multiply-adds, four times as many for twice the vectors. 100,000 x 512 take about half a minute on
two cores, a million about an hour. In addition to the vectors, memory holds a block of scores and
at most three times `max_pairs`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._errors import InvalidInputError
from sememe._progress import progress
from sememe._ties import TOLERANCE, settle
from sememe._types import FloatArray
from sememe.space._cosines import Cosines
from sememe.vectors.nearest import check_k

Ids = NDArray[np.int64]


class Pair(NamedTuple):
    """Two similar rows.

    Attributes:
        first: The first row.
        second: The second row; `first < second`.
        score: Their cosine, in [-1, 1]: float32, rounded from float64. Pairs that tie have the
            score of the best of them; see `sememe._ties`.
    """

    first: int
    second: int
    score: float


def most_similar_pair(vectors: ArrayLike, *, show_progress: bool = False) -> Pair:
    """Return the two rows with the highest cosine; of pairs that tie, the one that comes first.

    Args:
        vectors: (n, dim), two or more; norms are ignored.
        show_progress: Draw a progress bar on standard error.

    Raises:
        InvalidInputError: Fewer than two rows, or one of zeros, NaN or infinity (names it).
    """
    return similar_pairs(vectors, max_pairs=1, show_progress=show_progress)[0]


def similar_pairs(
    vectors: ArrayLike,
    *,
    max_pairs: int = 100,
    threshold: float | None = None,
    show_progress: bool = False,
) -> list[Pair]:
    """Return the pairs of rows with the highest cosines, highest first; ties by row.

    Args:
        vectors: (n, dim), two or more; norms are ignored.
        max_pairs: Maximum number of pairs. m copies of a row make m(m-1)/2 pairs of score 1.
        threshold: Minimum score of a pair, -1 to 1; compared in float32.
        show_progress: Draw a progress bar on standard error.

    Raises:
        InvalidInputError: Fewer than two rows, a row of zeros, NaN or infinity (names it), or a
            number out of range.
    """
    max_pairs = check_k(max_pairs, "max_pairs")
    lowest = np.float32(-np.inf if threshold is None else check_threshold(threshold))
    rows = Cosines(vectors, at_least=2)
    best = _Best(rows.n, min(max_pairs, rows.n * (rows.n - 1) // 2), lowest)
    total = rows.n * (rows.n - 1) // 2
    with progress("comparing", total=total, show=show_progress) as advance:
        done = 0
        for first, second, scores in rows.blocks():
            best.offer(rows, first, second, scores)
            same = first[0] == second[0]
            done += len(first) * (len(first) - 1) // 2 if same else scores.size
            advance(done)
    return best.pairs()


def check_threshold(threshold: float) -> float:
    """Return a threshold on cosines as a float, or refuse what is not from -1 to 1."""
    if (
        isinstance(threshold, bool)
        or not isinstance(threshold, int | float | np.integer | np.floating)
        or not -1 <= threshold <= 1
    ):
        raise InvalidInputError(f"threshold={threshold!r}; allowed: a cosine, from -1 to 1.")
    return float(threshold)


class _Best:
    """The best pairs so far. Ordered by score, ties by key: first * n + second."""

    def __init__(self, n: int, limit: int, lowest: np.float32) -> None:
        self._n = n
        self._limit = limit
        self._keys: list[Ids] = []
        self._scores: list[FloatArray] = []
        self._held = 0
        self._lowest = lowest
        self._edge = lowest  # a pair must score this
        self._last: int | None = None  # once all are held: more than the last, or before this key
        self._least = lowest

    def offer(self, rows: Cosines, first: Ids, second: Ids, scores: FloatArray) -> None:
        """Add the pairs of a block of products that may be among the best."""
        cut = float(self._edge)
        if np.count_nonzero(scores >= self._edge) > 2 * self._limit:
            last = np.partition(scores, -self._limit, axis=None)[-self._limit]
            cut = max(cut, float(last) - TOLERANCE)
        if cut == -np.inf:
            cut = -2.0  # all but the other half of the pairs
        if not scores.max() >= np.float32(cut - 2 * rows.margin):
            return
        i, j, exact = rows.sift(scores, first, second, cut=cut)
        keys = i * self._n + j
        good = exact >= self._edge
        if self._last is not None:
            good &= (exact > self._least) | (keys < self._last)
        self._keys.append(keys[good])
        self._scores.append(exact[good])
        self._held += len(self._keys[-1])
        spare = 0 if self._last is None else self._limit + 1024
        if self._held >= self._limit + spare:
            self._trim()

    def pairs(self) -> list[Pair]:
        """Return the best pairs in order."""
        if not self._held:
            return []
        settled = self._trim()
        first, second = np.divmod(self._keys[0][: self._limit], self._n)
        columns = first.tolist(), second.tolist(), settled.tolist()
        return [Pair(*pair) for pair in zip(*columns, strict=True)]

    def _trim(self) -> FloatArray:
        """Keep the best `limit`, in order, remember the last, and return their settled scores."""
        keys, scores = np.concatenate(self._keys), np.concatenate(self._scores)
        settled = settle(scores)
        order = np.lexsort((keys, -settled))
        kept, rest = order[: self._limit], order[self._limit :]
        if len(kept) == self._limit:
            self._least, self._last = settled[kept[-1]], int(keys[kept[-1]])
            self._edge = max(self._lowest, self._least - np.float32(TOLERANCE))
            tied = rest[settled[rest] == self._least]
            best = tied[scores[tied].argsort()[-1:]]  # the score of those it ties with
            kept = np.append(kept, best)
        self._keys, self._scores = [keys[kept]], [scores[kept]]
        self._held = len(kept)
        return settled[order[: self._limit]]
