"""What probes share: the protocol, standardisation of features, and folds for model selection.

    linear_probe.py      multinomial logistic regression
    kernel_probe.py      kernel ridge regression
    neighbour_probe.py   k nearest neighbours

A probe is fitted to vectors and class indices and predicts probabilities.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.vectors.nearest import unit

Labels = NDArray[np.int64]
Fold = tuple[Labels, Labels]  # training indices, held-out indices
_FOLDS = 5
_LARGE = 2000  # examples from which one fold suffices for model selection
_BLOCK = 1024  # rows compared with all others at once


def check_examples(rows: FloatArray, labels: Labels) -> int:
    """Return the number of classes, or refuse fewer than two and one without an example."""
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


class Standard(NamedTuple):
    """Parameters of `standardize`.

    Attributes:
        centre: (dim,), subtracted from unit rows before the root; zeros for rows without negative
            numbers, for which 0 is meaningful.
        mean, deviation: (dim,), of the roots.
    """

    centre: FloatArray
    mean: FloatArray
    deviation: FloatArray

    @classmethod
    def among(cls, arrays: Mapping[str, NDArray[Any]]) -> Standard:
        """Return the parameters among a probe's arrays; old probes have no centre."""
        mean = arrays["mean"]
        return cls(arrays.get("centre", np.zeros_like(mean)), mean, arrays["deviation"])


class Probe(ABC):
    """A classifier of vectors. Its fitted state is stored as arrays, without pickle."""

    held_out_: float
    _names: ClassVar[tuple[str, ...]]  # of the arrays
    _learnt: Mapping[str, NDArray[Any]] = {}

    @abstractmethod
    def fit(self, rows: FloatArray, labels: Labels, *, groups: Labels | None = None) -> Self:
        """Fit to (n, dim) rows and (n,) class indices; each class has an example.

        groups: (n,) group indices, such as speakers: hyperparameters are selected on whole groups
        held out.
        """

    @abstractmethod
    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return (n, classes) float32; each row sums to 1."""

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return the fitted state."""
        return self._learnt

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return the probe with this fitted state."""
        probe = cls()
        standard = Standard.among(arrays)._asdict() if "mean" in cls._names else {}
        known = {**standard, **arrays}  # old ones have no centre
        probe._learnt = {name: known[name] for name in cls._names}
        return probe


def fit_standard(rows: FloatArray) -> Standard:
    """Return the parameters of `standardize` for training rows; no deviation is near 0.

    Rows with negative numbers are centred on their mean, so that the signed root is taken of the
    deviation from it.
    """
    signed = bool((rows < 0).any())
    centre = unit(rows).mean(axis=0) if signed else np.zeros(rows.shape[1], np.float32)
    roots = take_root(rows, centre)
    deviation = (roots.std(axis=0) + 1e-3 * roots.std() + 1e-12).astype(np.float32)
    return Standard(centre, roots.mean(axis=0), deviation)


def standardize(rows: FloatArray, standard: Standard) -> FloatArray:
    """Standardise the signed roots of unit rows: (root - mean) / deviation, by column.

    The root balances a few large features against many small ones, as after rectifiers (Perronnin
    et al. 2010, doi:10.1007/978-3-642-15561-1_11).
    """
    return (take_root(rows, standard.centre) - standard.mean) / standard.deviation


def take_root(rows: FloatArray, centre: FloatArray) -> FloatArray:
    """Return the signed square root of unit rows minus a centre, at unit length.

    >>> take_root(np.array([[3.0, -4.0]], np.float32), np.zeros(2, np.float32)).round(3).tolist()
    [[0.6549999713897705, -0.7559999823570251]]
    """
    x = unit(rows) - centre
    return unit(np.sign(x) * np.sqrt(np.abs(x)))


def split_folds(labels: Labels, *, seed: int = 0, groups: Labels | None = None) -> Iterator[Fold]:
    """Yield folds with each class in training and held out, if possible.

    Five folds, or only the first of many examples. A class with one example is only trained on.
    With groups, such as speakers, whole groups are held out, and folds without a class in training
    are skipped.
    """
    rng = np.random.default_rng(seed)
    if groups is not None and len(np.unique(groups)) > 1:
        yield from _split_groups(labels, groups, rng)
        return
    fold = np.full(len(labels), -1)
    for one in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == one))
        n = min(_FOLDS, len(members))
        if n > 1:
            fold[members] = np.arange(len(members)) % n
    for i in range(1 if len(labels) >= _LARGE else _FOLDS):
        if (fold == i).any():
            yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)


def _split_groups(labels: Labels, groups: Labels, rng: np.random.Generator) -> Iterator[Fold]:
    """Yield folds of whole groups in which every class occurs in training."""
    known = rng.permutation(np.unique(groups))
    n = min(_FOLDS, len(known))
    for i in range(n):
        held_out = np.isin(groups, known[i::n])
        train = np.flatnonzero(~held_out)
        if set(labels[train].tolist()) == set(labels.tolist()):
            yield train, np.flatnonzero(held_out)


def split_rows(rows: FloatArray) -> Iterator[FloatArray]:
    """Yield rows in blocks, to compare with all examples."""
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def softmax(scores: NDArray[np.floating]) -> FloatArray:
    """Return the softmax of each row."""
    exps = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exps / exps.sum(axis=1, keepdims=True), np.float32)
