"""The rule of ties, by loops: what `sememe._ties` does for arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

TOLERANCE = 1e-5


def settled(scores: Sequence[float], *, relative: bool = False) -> list[float]:
    """Return the scores with those that tie made equal, as float32."""
    numbers = [np.float32(score) for score in scores]
    ranked = sorted(range(len(numbers)), key=lambda i: -numbers[i])
    found = list(numbers)
    top = first = previous = None  # of the run, of its part, and the score before
    for i in ranked:
        score = numbers[i]
        if previous is None or _gap(previous, score, relative) >= 1:
            top = first = score
        elif int(_gap(top, score, relative)) != int(_gap(top, first, relative)):
            first = score
        found[i], previous = first, score
    return [float(score) for score in found]


def in_order(pairs: Iterable[tuple[Any, float]], *, relative: bool = False) -> list[Any]:
    """Return (id, settled score) of pairs of id and score: best first, ties by id."""
    ids, scores = zip(*pairs, strict=True)
    found = zip(ids, settled(scores, relative=relative), strict=True)
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def _gap(upper: np.float32, lower: np.float32, relative: bool) -> float:
    """Return the gap as a share of what is allowed."""
    if upper == lower:
        return 0.0
    scale = max(abs(upper), abs(lower)) if relative else np.float32(1)
    return float((upper - lower) / (np.float32(TOLERANCE) * scale))
