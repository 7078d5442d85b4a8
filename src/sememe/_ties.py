"""Ties: equal items whose scores differ in the last bits are ordered by id, on every machine.

The vectors of two copies differ in the last bits when they were encoded in batches of different
sizes, and the bits differ between processors and numbers of threads. The copies then score
0.83142000 and 0.83142006, and which comes first is chance. So wherever results are ranked:

    1. Sort the scores. A score less than `TOLERANCE` below the one before it ties with it.
    2. Scores that tie, from one to the next, are one score: the highest of them. Only where scores
       lie so dense that a run of ties is wider than the tolerance, it is cut every tolerance from
       its top: no score changes by more.
    3. Equal scores are ordered by id.

A grid to round to would part two copies wherever one of its edges falls between them. Here only a
gap of just the tolerance can turn the order, and gaps between copies are far smaller: encoders
promise the same vector in every batch to 1e-5, and measured cosines keep within 5e-7.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

TOLERANCE = 1e-5
_FINE = 1e-6  # for scores that crowd at 0 and 1
_SPARE = 32  # columns taken beyond k, so that few runs of ties reach past them


def settle(
    scores: ArrayLike, *, tolerance: float = TOLERANCE, relative: bool = False
) -> NDArray[Any]:
    """Return the scores (..., n) with those that tie along the last axis made equal.

    Args:
        scores: Higher is better. NaN and infinities stay as they are.
        tolerance: Two scores with a smaller gap tie.
        relative: Take the tolerance as a share of the larger of the two. For scores without a scale
            of their own: inner products, distances, BM25.

    >>> settle([0.25, 0.75, 0.75 + 1e-7, 0.75 - 1e-7]).tolist()
    [0.25, 0.7500001, 0.7500001, 0.7500001]
    """
    import numpy as np

    scores = np.asarray(scores)
    if not scores.size:
        return scores.copy()
    order = np.argsort(-scores, axis=-1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):  # infinities, and zeros where relative
        gap = _share(ranked[..., :-1], ranked[..., 1:], tolerance, relative)
        top = np.take_along_axis(ranked, _first_places(gap >= 1), axis=-1)
        step = np.floor(_share(top, ranked, tolerance, relative))  # 0 in a run that is no wider
        first = _first_places((gap >= 1) | (step[..., 1:] != step[..., :-1]))
    settled = np.empty_like(ranked)
    np.put_along_axis(settled, order, np.take_along_axis(ranked, first, axis=-1), axis=-1)
    return settled


def _share(upper: Any, lower: Any, tolerance: float, relative: bool) -> Any:
    """Return the gap between scores as a share of what is allowed; 0 between equal ones."""
    import numpy as np

    gap = np.where(upper == lower, 0, upper - lower)
    return gap / (tolerance * np.maximum(abs(upper), abs(lower)) if relative else tolerance)


def _first_places(begins: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each of n ranked scores the place of the first of its run.

    begins: (..., n - 1), whether a run begins at the second score, the third, ...
    """
    import numpy as np

    places = np.zeros((*begins.shape[:-1], begins.shape[-1] + 1), np.int64)
    places[..., 1:] = np.where(begins, np.arange(1, places.shape[-1]), 0)
    return np.maximum.accumulate(places, axis=-1)


def highest(
    scores: NDArray[Any], k: int, *, relative: bool = False
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the places of the k highest of (n,) scores and of all that tie with the last of them.

    scores: Without NaN. relative: See `settle`.

    Returns:
        (m,) places, ascending, and their (m,) settled scores.
    """
    import numpy as np

    if k >= len(scores):
        return np.arange(len(scores)), settle(scores, relative=relative)
    edge = np.partition(scores, len(scores) - k)[len(scores) - k]
    allowed = TOLERANCE * (2 * abs(edge) if relative else 1)  # no tie is wider
    places = (
        np.flatnonzero(scores >= edge - allowed) if np.isfinite(edge) else np.arange(len(scores))
    )
    settled = settle(scores[places], relative=relative)
    kept = settled >= settled[scores[places] == edge][0]
    return places[kept], settled[kept]


def best_places(scores: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Return the places of the k best along the last axis of (n,) or (m, n) scores, best first.

    Ties by place. Where there are fewer than k, all are returned.
    """
    import numpy as np

    if scores.ndim == 1:
        places, settled = highest(scores, k)
        return places[np.argsort(-settled, kind="stable")[:k]]
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
    import numpy as np

    top = scores.max(axis=1, keepdims=True)
    near: NDArray[np.intp] = (scores >= top - scores.dtype.type(TOLERANCE)).argmax(axis=1)
    return np.asarray(near)


def rank(
    scores: ArrayLike, ids: Sequence[Any], *, tolerance: float = TOLERANCE
) -> list[tuple[int, float]]:
    """Return (place, settled score) of each item, best first, ties by id.

    >>> rank([0.75, 0.5, 0.75 + 1e-7], ["b", "c", "a"])
    [(2, 0.7500001), (0, 0.7500001), (1, 0.5)]
    """
    settled: list[float] = settle(scores, tolerance=tolerance).tolist()
    return sorted(enumerate(settled), key=lambda pair: (-pair[1], ids[pair[0]]))


def tolerance_of_outputs(outputs: Iterable[float]) -> float:
    """Return the tolerance for what a network says of items by itself, logits or probabilities.

    It is finer: a logistic function crowds scores at 0 and 1 that are far from equal.
    """
    return _FINE * max([1.0, *map(abs, outputs)])
