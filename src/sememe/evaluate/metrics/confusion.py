"""How classes were told: accuracy, of each class, and which are taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sememe.evaluate.metrics.intervals import bootstrap_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PAIRS = 5  # of classes that are confused, shown


@dataclass(frozen=True, slots=True)
class Confusion:
    """Items of one class that were told to be of another: how many, of how many."""

    label: str
    told: str
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """How items were told.

    Attributes:
        accuracy: The share of them that is told right.
        interval: Its 95 % bootstrap interval.
        per_class: The same for each class that there are items of.
        confused: The pairs of classes with the most errors.
    """

    accuracy: float
    interval: tuple[float, float]
    per_class: dict[str, float]
    confused: tuple[Confusion, ...]


def measure_accuracy(
    told: NDArray[np.int64], truth: NDArray[np.int64], labels: Sequence[str], *, seed: int = 0
) -> AccuracyReport:
    """Compare what was told, (n,) numbers of classes, with the truth; n is at least 1."""
    hits = told == truth
    per_class = {labels[i]: float(hits[truth == i].mean()) for i in np.unique(truth).tolist()}
    interval = bootstrap_interval(hits, seed=seed)
    return AccuracyReport(
        float(hits.mean()), interval, per_class, find_confusions(told, truth, labels)
    )


def find_confusions(
    told: NDArray[np.int64], truth: NDArray[np.int64], labels: Sequence[str]
) -> tuple[Confusion, ...]:
    """Return the pairs of classes with the most errors, at most five; ties by the classes' order.

    >>> find_confusions(np.array([1, 0, 1]), np.array([0, 0, 1]), ["cat", "dog"])
    (Confused(label='cat', told='dog', count=1, of=2),)
    """
    wrong = told != truth
    pairs = Counter(zip(truth[wrong].tolist(), told[wrong].tolist(), strict=True))
    worst = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:_PAIRS]
    return tuple(Confusion(labels[a], labels[b], n, int((truth == a).sum())) for (a, b), n in worst)
