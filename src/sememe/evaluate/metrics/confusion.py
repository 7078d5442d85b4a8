"""Classification results: accuracy, accuracy per class, and the most confused classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sememe.evaluate.metrics.intervals import bootstrap_interval

_PAIRS = 5  # of confused classes, listed


@dataclass(frozen=True, slots=True)
class Confusion:
    """`count` of the `of` items of class `label` were predicted as another class, `told`."""

    label: str
    told: str
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """Classification accuracy.

    Attributes:
        accuracy: Fraction of items predicted correctly.
        interval: Its 95 % bootstrap interval.
        per_class: The accuracy of each class that has items.
        confused: The pairs of classes with the most errors.
    """

    accuracy: float
    interval: tuple[float, float]
    per_class: dict[str, float]
    confused: tuple[Confusion, ...]


def measure_accuracy(
    predicted: NDArray[np.int64], truth: NDArray[np.int64], labels: Sequence[str], *, seed: int = 0
) -> AccuracyReport:
    """Compare (n,) predicted class indices with the truth; n is at least 1."""
    hits = predicted == truth
    per_class = {labels[i]: float(hits[truth == i].mean()) for i in np.unique(truth).tolist()}
    interval = bootstrap_interval(hits, seed=seed)
    confused = find_confusions(predicted, truth, labels)
    return AccuracyReport(float(hits.mean()), interval, per_class, confused)


def find_confusions(
    predicted: NDArray[np.int64], truth: NDArray[np.int64], labels: Sequence[str]
) -> tuple[Confusion, ...]:
    """Return the pairs of classes with the most errors, at most five; ties in order of classes.

    >>> find_confusions(np.array([1, 0, 1]), np.array([0, 0, 1]), ["cat", "dog"])
    (Confusion(label='cat', told='dog', count=1, of=2),)
    """
    wrong = predicted != truth
    pairs = Counter(zip(truth[wrong].tolist(), predicted[wrong].tolist(), strict=True))
    worst = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:_PAIRS]
    return tuple(Confusion(labels[a], labels[b], n, int((truth == a).sum())) for (a, b), n in worst)
