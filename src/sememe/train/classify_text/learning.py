"""Learn a text classifier from vectors and texts: choose, cross-validate, pool, fit to all.

Every example is predicted once by heads that have not seen it. From these predictions come the
weights of the heads, calibrated probabilities, the report, sets of labels and suspected labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sememe.encoders.classify.text_heads import Pool, TextHeads, to_probabilities
from sememe.train.classify_text.heads import (
    STRENGTHS,
    USUAL,
    Examples,
    fit_ngrams,
    fit_vectors,
    mean_log_loss,
    pool_heads,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

    Ints = NDArray[np.int64]

_LARGE = 2000  # examples, from which one fold suffices to choose the penalty
_FEW = 30  # examples, below which the penalty is the usual one


@dataclass(frozen=True, eq=False)
class Learnt:
    """What was learnt.

    Attributes:
        heads: Fitted to all examples.
        held: (h,) indices of the examples that were predicted by heads that had not seen them.
        probabilities: (h, classes) of these, pooled by weights fitted to the other folds.
        raw: (h, classes) of these, by the head on vectors alone, not calibrated.
        misfits: (h,) ascending: 1 - the probability of the true class.
        named: Whether the classes' names were used.
    """

    heads: TextHeads
    held: Ints
    probabilities: FloatArray
    raw: FloatArray
    misfits: FloatArray
    named: bool


def learn(data: Examples, fold: Ints) -> Learnt:
    """Learn from examples; fold: (n,) the fold of each."""
    every = np.arange(len(data.y))
    parts = [(every[fold != i], every[fold == i]) for i in np.unique(fold).tolist()]
    parts = [(train, held) for train, held in parts if len(np.unique(data.y[train])) > 1]
    strength, named = _choose(data, parts)
    ordered = data.ordered
    if not parts:
        head = fit_vectors(data, every, strength=strength, named=named)
        pool = Pool((1.0,), np.zeros(len(head.bias), np.float32), ordered=ordered)
        nothing = np.empty((0, data.classes), np.float32)
        return Learnt(
            TextHeads(head, None, pool), every[:0], nothing, nothing, nothing[:, 0], named
        )
    held = np.concatenate([own for _, own in parts])
    logits = _predict_held(data, parts, strength, named)
    number = np.concatenate([np.full(len(own), i) for i, (_, own) in enumerate(parts)])
    y = data.y[held]
    pooled = np.empty((len(held), data.classes), np.float32)
    for i in range(len(parts)):
        others, here = number != i, number == i
        if not others.any():
            others = here
        pool = pool_heads([rows[others] for rows in logits], y[others], ordered=ordered)
        pooled[here] = pool.probabilities([rows[here] for rows in logits])
    pool = pool_heads(logits, y, ordered=ordered)
    ngrams = fit_ngrams(data, every) if len(logits) > 1 and pool.weights[1] > 0 else None
    if ngrams is None:
        pool = replace(pool, weights=pool.weights[:1])
    head = fit_vectors(data, every, strength=strength, named=named)
    order = np.argsort(held)
    raw = to_probabilities(logits[0][order], ordered=ordered)
    misfits = np.sort(1 - pooled[np.arange(len(y)), y])
    return Learnt(TextHeads(head, ngrams, pool), held[order], pooled[order], raw, misfits, named)


def _choose(data: Examples, parts: list[tuple[Ints, Ints]]) -> tuple[float, bool]:
    """Choose the penalty, and whether to use the names, by the likelihood of held-out examples."""
    named = data.names is not None
    if len(data.y) < _FEW or not parts:
        return USUAL, named
    parts = parts[:1] if len(data.y) >= _LARGE else parts

    def lose(strength: float, named: bool) -> float:
        return sum(
            len(held) * mean_log_loss(_predict(data, train, held, strength, named), data.y[held])
            for train, held in parts
        )

    best = min(STRENGTHS, key=lambda strength: lose(strength, named))
    if named:
        named = lose(best, True) <= lose(best, False)
    return best, named


def _predict(data: Examples, train: Ints, held: Ints, strength: float, named: bool) -> FloatArray:
    """Return the probabilities of some examples, learnt from the vectors of others."""
    head = fit_vectors(data, train, strength=strength, named=named)
    return to_probabilities(head.logits(data.vectors[held]), ordered=data.ordered)


def _predict_held(
    data: Examples, parts: list[tuple[Ints, Ints]], strength: float, named: bool
) -> list[FloatArray]:
    """Return the logits of each head for the held-out examples, fold after fold."""
    by_vectors, by_ngrams = [], []
    for train, held in parts:
        head = fit_vectors(data, train, strength=strength, named=named)
        by_vectors.append(head.logits(data.vectors[held]))
        ngrams = fit_ngrams(data, train)
        if ngrams is not None:
            by_ngrams.append(ngrams.logits([data.texts[i] for i in held.tolist()]))
    return [np.concatenate(rows) for rows in (by_vectors, by_ngrams) if rows]
