"""Vectors to classes, learnt from examples: what the ways to do it share.

    linear_probe.py      multinomial logistic regression
    kernel_probe.py      kernel ridge regression: as exact as all examples together make it
    neighbour_probe.py   the nearest examples vote

Each is fitted to rows and the numbers of their classes, and gives probabilities. Fitted state is a
dictionary of arrays, so that it can be stored without pickle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sememe._errors import InvalidInputError
from sememe.vectors.nearest import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

    Labels = NDArray[np.int64]

_FOLDS = 5
_LARGE = 2000  # examples from which one fold is enough to choose by
_BLOCK = 1024  # rows compared with all others at once


class Probe(Protocol):
    """What tells classes from vectors."""

    held_out_: float

    def fit(self, rows: FloatArray, labels: Labels) -> Probe:
        """Learn from (n, dim) rows and (n,) numbers of classes."""
        ...

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return (n, classes) float32, rows adding up to 1."""
        ...

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return what was learnt."""
        ...

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Probe:
        """Return the probe whose `arrays` these are."""
        ...


def checked_examples(rows: FloatArray, labels: Labels) -> int:
    """Return the number of classes, or refuse what cannot be learnt from.

    Raises:
        InvalidInputError: Fewer than two classes, or a class without an example.
    """
    if rows.ndim != 2 or labels.shape != (len(rows),):
        raise InvalidInputError(
            f"got rows {rows.shape} and labels {labels.shape}; give (n, dim) and (n,)."
        )
    counts = np.bincount(labels)
    if len(counts) < 2 or not counts.all():
        raise InvalidInputError(
            f"got examples of {int((counts > 0).sum())} classes; give at least two, numbered from "
            "0, with an example of each."
        )
    return len(counts)


def standardisation(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean and deviation of each column of `rooted` rows; none is near 0."""
    found = rooted(rows)
    deviation = found.std(axis=0)
    return found.mean(axis=0), (deviation + 1e-3 * found.std() + 1e-12).astype(np.float32)


def standardised(rows: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Return rows at unit length, their roots taken, each column less its mean, over its deviation.

    The root evens out a few large features among many small ones, as behind rectifiers (Perronnin
    et al. 2010, doi:10.1007/978-3-642-15561-1_11).
    """
    found: FloatArray = (rooted(rows) - mean) / deviation
    return found


def rooted(rows: FloatArray) -> FloatArray:
    """Return unit rows with the root of each number, its sign kept; these too at unit length.

    >>> rooted(np.array([[3.0, -4.0]], np.float32)).round(3).tolist()
    [[0.6549999713897705, -0.7559999823570251]]
    """
    x = unit(rows)
    return unit(np.sign(x) * np.sqrt(np.abs(x)))


def folds(labels: Labels, *, seed: int = 0) -> Iterator[tuple[Labels, Labels]]:
    """Yield (places to learn from, places held out), each class in both; none where too few.

    Five folds, of many examples the first alone. A class of one example is only learnt from.
    """
    fold = np.full(len(labels), -1)
    rng = np.random.default_rng(seed)
    for one in np.unique(labels):
        places = rng.permutation(np.flatnonzero(labels == one))
        n = min(_FOLDS, len(places))
        if n > 1:
            fold[places] = np.arange(len(places)) % n
    for i in range(1 if len(labels) >= _LARGE else _FOLDS):
        if (fold == i).any():
            yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)


def row_blocks(rows: FloatArray) -> Iterator[FloatArray]:
    """Yield rows a block at a time, to compare with all of the examples."""
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def softmax(scores: NDArray[np.floating]) -> FloatArray:
    """Return rows of positive numbers that add up to 1."""
    found = np.exp(scores - scores.max(axis=1, keepdims=True))
    probable: FloatArray = (found / found.sum(axis=1, keepdims=True)).astype(np.float32)
    return probable
