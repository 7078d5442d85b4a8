"""Semantic deduplication: keep the first of near-duplicate rows.

    result = duplicates(encoder.encode(texts), threshold=0.9)
    kept = [texts[i] for i in result.kept]

Greedy, as in SemHash: a row is dropped if its cosine with a row kept before it is at least the
threshold. So no two kept rows are duplicates, and each dropped row is represented by a kept one.
Connected components would chain instead: of a ~ b ~ c only a is kept, though a and c may differ.
Which rows are kept depends on their order: put the better ones first.

At most n * n * dim multiply-adds, fewer if many rows are dropped.

Reference: Abbas et al. 2023, SemDeDup (arXiv:2303.09540), of which this is the exact form, without
its clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._progress import progress
from sememe._ties import TOLERANCE, first_best
from sememe._types import FloatArray
from sememe.space._cosines import Cosines
from sememe.space.pairs import check_threshold

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Duplicates:
    """Kept rows, and what each dropped row is a duplicate of.

    Attributes:
        kept: (k,) int64, the rows to keep, ascending.
        dropped: (d,) int64, the other rows, ascending.
        duplicate_of: (d,) int64, the most similar of the rows kept before each dropped one.
        scores: (d,) float32, their cosines.
    """

    kept: Ids
    dropped: Ids
    duplicate_of: Ids
    scores: FloatArray

    def groups(self) -> dict[int, list[int]]:
        """Return {kept row: its dropped duplicates}, for kept rows with duplicates."""
        groups: dict[int, list[int]] = {}
        for row, kept in zip(self.dropped.tolist(), self.duplicate_of.tolist(), strict=True):
            groups.setdefault(kept, []).append(row)
        return dict(sorted(groups.items()))


def duplicates(
    vectors: ArrayLike, *, threshold: float = 0.9, show_progress: bool = False
) -> Duplicates:
    """Keep the first of near-duplicate rows: greedy, in order, exact.

    Args:
        vectors: (n, dim), one or more; norms are ignored.
        threshold: Minimum cosine of a duplicate, -1 to 1; compared in float32.
        show_progress: Draw a progress bar on standard error.

    Raises:
        InvalidInputError: No row, a row of zeros, NaN or infinity (names it), or a threshold out of
            range.
    """
    lowest = np.float32(check_threshold(threshold))
    rows = Cosines(vectors)
    kept, best, scores = _deduplicate(rows, lowest, show=show_progress)
    dropped = np.flatnonzero(best >= 0)
    return Duplicates(kept, dropped, best[dropped], scores[dropped])


def _deduplicate(rows: Cosines, lowest: np.float32, *, show: bool) -> tuple[Ids, Ids, FloatArray]:
    """Return the kept rows, and for each row the kept one it duplicates, or -1, and the cosine."""
    best = np.full(rows.n, -1, np.int64)
    scores = np.full(rows.n, -np.inf, np.float32)
    kept = np.empty(rows.n, np.int64)
    held = np.empty(rows.size * rows.size, np.float32)
    count = 0
    with progress("comparing", total=rows.n, show=show) as advance:
        for start in range(0, rows.n, rows.size):
            block = np.arange(start, min(start + rows.size, rows.n))
            left = rows.unit(slice(start, start + rows.size))
            for first in range(0, count, rows.size):
                some = kept[first : min(first + rows.size, count)]
                products = rows.products(left, some, held)
                i, j, exact = rows.sift(products, block, some, cut=float(lowest))
                good = exact >= lowest
                _update_best(best, scores, i[good], j[good], exact[good])
            products = rows.products(left, slice(start, start + rows.size), held)
            products[np.triu_indices(len(block))] = -np.inf
            i, j, exact = rows.sift(products, block, block, cut=float(lowest))
            good = exact >= lowest
            _update_in_order(best, scores, i[good], j[good], exact[good])
            fresh = block[best[block] < 0]
            kept[count : count + len(fresh)] = fresh
            count += len(fresh)
            advance(int(block[-1]) + 1)
    return kept[:count].copy(), best, scores


def _update_best(best: Ids, scores: FloatArray, i: Ids, j: Ids, exact: FloatArray) -> None:
    """Update each row i with the best of its kept rows j, if that beats the best so far."""
    if not len(i):
        return
    order = np.lexsort((j, i))
    rows, starts, counts = np.unique(i[order], return_index=True, return_counts=True)
    top = np.repeat(np.maximum.reduceat(exact[order], starts), counts)
    near = np.flatnonzero(exact[order] >= top - np.float32(TOLERANCE))
    chosen = order[near[np.searchsorted(near, starts)]]
    better = exact[chosen] > scores[rows] + np.float32(TOLERANCE)  # those that tie came earlier
    best[rows[better]] = j[chosen[better]]
    scores[rows[better]] = exact[chosen[better]]


def _update_in_order(best: Ids, scores: FloatArray, i: Ids, j: Ids, exact: FloatArray) -> None:
    """Process the rows i of a block in order; an earlier row j counts only if it is kept."""
    rows, starts, counts = np.unique(i, return_index=True, return_counts=True)
    ends = starts + counts
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        others = j[start:end]
        alive = np.flatnonzero(best[others] < 0)
        if len(alive):
            at = alive[first_best(exact[None, start + alive])[0]]
            if exact[start + at] > scores[row] + np.float32(TOLERANCE):
                best[row], scores[row] = others[at], exact[start + at]
