"""Bring the legs of several vector columns onto one scale, and make one leg of them.

Cosines of different spaces cannot be compared: CLIP's lie between 0.1 and 0.35, those of texts
between 0 and 1. How far a document stands out among all of its column can: its distance from the
query's mean similarity, in standard deviations.

Nor can those of texts and of images in one column: a photo is the mean of some words, and lies
nearer to most queries than a sentence does. Each kind is a leg of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sememe.search.ranking.exact import VectorLeg

_LEAST = 1e-3  # of a deviation: a column of one row, or of equal ones, says nothing
_ROWS = 30  # what is usual counts as so many rows
TEXTS = 0.05, 0.1  # the usual mean and deviation of cosines between texts
PICTURES = 0.2, 0.1  # ... between features of pictures


def steadied(leg: VectorLeg, usual: tuple[float, float] = TEXTS) -> VectorLeg:
    """Return a leg whose mean and deviation can be relied on, however few its rows.

    Thirty rows are added to them, which have the usual mean and deviation.
    """
    mean, deviation = usual
    total = leg.count + _ROWS
    middle = (leg.count * leg.mean + _ROWS * mean) / total
    spread = leg.count * (leg.deviation**2 + (leg.mean - middle) ** 2)
    spread += _ROWS * (deviation**2 + (mean - middle) ** 2)
    return replace(leg, mean=middle, deviation=(spread / total) ** 0.5)


def merged(legs: Sequence[VectorLeg], k: int) -> VectorLeg:
    """Return the k best documents of all legs, on the scale of the first; ties by id.

    A document in several keeps its best score.
    """
    import numpy as np

    from sememe._ties import rank

    first, *others = legs
    if not others:
        return first
    best: dict[str, tuple[float, int]] = {}
    for leg in legs:
        for id_, row, score in zip(leg.ids, leg.rows.tolist(), _scores(leg, first), strict=True):
            if id_ not in best or score > best[id_][0]:
                best[id_] = (score, row)
    ids = list(best)
    ranked = rank([score for score, _ in best.values()], ids)[:k]
    ids = [ids[place] for place, _ in ranked]
    rows = np.array([best[id_][1] for id_ in ids], np.uint64)
    scores = np.array([score for _, score in ranked], np.float32)
    return VectorLeg(ids, rows, scores, first.mean, first.deviation, first.count)


def _scores(leg: VectorLeg, scale: VectorLeg) -> list[float]:
    if leg is scale or not len(scale.ids):
        return [float(score) for score in leg.scores]
    unit = max(scale.deviation, _LEAST) / max(leg.deviation, _LEAST)
    return [scale.mean + (float(score) - leg.mean) * unit for score in leg.scores]
