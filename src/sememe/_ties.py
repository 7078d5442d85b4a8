"""Ties: equal items whose scores differ in the last bits are ordered by id, on every machine.

The vectors of two copies differ in the last bits when they were encoded in batches of different
sizes, and the bits differ between processors and numbers of threads. The copies then score
0.83142000 and 0.83142006, and which comes first is chance. So wherever results are ranked:

    1. Sort the scores. A score less than `TOLERANCE` below the one before it ties with it.
    2. Scores that tie, from one to the next, become the highest of them. A run of ties wider than
       the tolerance is cut every tolerance from its top: no score changes by more.
    3. Equal scores are ordered by id.

Rounding to a grid would separate two copies at its edges. Here only a gap of just the tolerance can
change the order, and gaps between copies are far smaller: encoders promise the same vector in every
batch to 1e-5, and measured cosines agree within 5e-7.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

TOLERANCE = 1e-5
_FINE = 1e-6  # for scores compressed near 0 and 1
_SPARE = 32  # columns taken beyond k, so that few runs of ties reach past them


def settle(
    scores: ArrayLike, *, tolerance: float = TOLERANCE, relative: bool = False
) -> NDArray[Any]:
    """Return the scores (..., n) with those that tie along the last axis made equal.

    scores: Higher is better; NaN and infinities are unchanged. tolerance: Two scores with a smaller
    gap tie. relative: Take the tolerance as a fraction of the larger of the two, for scores without
    a fixed scale: inner products, distances, BM25.

    >>> settle([0.25, 0.75, 0.75 + 1e-7, 0.75 - 1e-7]).tolist()
    [0.25, 0.7500001, 0.7500001, 0.7500001]
    """
    scores = np.asarray(scores)
    if not scores.size:
        return scores.copy()
    order = np.argsort(-scores, axis=-1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):  # infinities, and zeros where relative
        gap = _share(ranked[..., :-1], ranked[..., 1:], tolerance, relative)
        top = np.take_along_axis(ranked, _first_of_run(gap >= 1), axis=-1)
        step = np.floor(_share(top, ranked, tolerance, relative))  # 0 in a run that is no wider
        first = _first_of_run((gap >= 1) | (step[..., 1:] != step[..., :-1]))
    settled = np.empty_like(ranked)
    np.put_along_axis(settled, order, np.take_along_axis(ranked, first, axis=-1), axis=-1)
    return settled


def _share(upper: Any, lower: Any, tolerance: float, relative: bool) -> Any:
    """Return the gap between scores as a fraction of the tolerance; 0 between equal ones."""
    gap = np.where(upper == lower, 0, upper - lower)
    return gap / (tolerance * np.maximum(abs(upper), abs(lower)) if relative else tolerance)


def _first_of_run(begins: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (..., n): for each of n ranked scores the index of the first of its run.

    begins: (..., n - 1), whether a run begins at the second score, the third, ...
    """
    indices = np.zeros((*begins.shape[:-1], begins.shape[-1] + 1), np.int64)
    indices[..., 1:] = np.where(begins, np.arange(1, indices.shape[-1]), 0)
    return np.maximum.accumulate(indices, axis=-1)


def highest(
    scores: NDArray[Any], k: int, *, relative: bool = False
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the k highest of (n,) scores, and all that tie with the last of them.

    scores: Without NaN. relative: See `settle`.

    Returns:
        (m,) indices, ascending, and their (m,) settled scores.
    """
    if k >= len(scores):
        return np.arange(len(scores)), settle(scores, relative=relative)
    edge = np.partition(scores, len(scores) - k)[len(scores) - k]
    allowed = TOLERANCE * (2 * abs(edge) if relative else 1)  # no tie is wider
    is_near = scores >= edge - allowed if np.isfinite(edge) else np.ones(len(scores), bool)
    near = np.flatnonzero(is_near)
    settled = settle(scores[near], relative=relative)
    kept = settled >= settled[scores[near] == edge][0]
    return near[kept], settled[kept]


def best_places(scores: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Return the indices of the k best of (n,) or (m, n) scores along the last axis, best first.

    Ties are ordered by index. If n < k, all are returned.
    """
    if scores.ndim == 1:
        indices, settled = highest(scores, k)
        return indices[np.argsort(-settled, kind="stable")[:k]]
    n = scores.shape[1]
    k, take = min(k, n), min(k + _SPARE, n)
    columns = np.argpartition(-scores, take - 1, axis=1)[:, :take]
    columns.sort(axis=1)
    settled = settle(np.take_along_axis(scores, columns, axis=1))
    order = np.argsort(-settled, axis=1, kind="stable")
    best: NDArray[np.int64] = np.take_along_axis(columns, order, axis=1)[:, :k]
    if take < n:
        ranked = np.take_along_axis(settled, order, axis=1)
        for row in np.flatnonzero(ranked[:, k - 1] == ranked[:, -1]):  # more may tie
            best[row] = best_places(scores[row], k)
    return best


def first_best(scores: NDArray[Any]) -> NDArray[np.intp]:
    """Return (m,): the first column of each row of (m, n) scores that ties with its highest."""
    top = scores.max(axis=1, keepdims=True)
    return np.asarray((scores >= top - scores.dtype.type(TOLERANCE)).argmax(axis=1))


def rank(
    scores: ArrayLike, ids: Sequence[Any], *, tolerance: float = TOLERANCE
) -> list[tuple[int, float]]:
    """Return (index, settled score) of each item, best first, ties by id.

    >>> rank([0.75, 0.5, 0.75 + 1e-7], ["b", "c", "a"])
    [(2, 0.7500001), (0, 0.7500001), (1, 0.5)]
    """
    settled: list[float] = settle(scores, tolerance=tolerance).tolist()
    return sorted(enumerate(settled), key=lambda pair: (-pair[1], ids[pair[0]]))


def tolerance_of_outputs(outputs: Iterable[float]) -> float:
    """Return the tolerance for a network's own logits or probabilities.

    It is finer, since a logistic function compresses unequal scores near 0 and 1.
    """
    return _FINE * max([1.0, *map(abs, outputs)])
