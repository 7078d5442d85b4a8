"""Vectors to classes, learnt from examples: what the ways to do it share.

    linear_probe.py      multinomial logistic regression
    kernel_probe.py      kernel ridge regression: as exact as all examples together make it
    neighbour_probe.py   the nearest examples vote

Each is fitted to rows and the numbers of their classes, and gives probabilities. Fitted state is a
dictionary of arrays, so that it can be stored without pickle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

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

    def fit(self, rows: FloatArray, labels: Labels, *, groups: Labels | None = None) -> Probe:
        """Learn from (n, dim) rows and (n,) numbers of classes.

        groups: (n,) numbers; what is held out to choose by are whole groups.
        """
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


def check_examples(rows: FloatArray, labels: Labels) -> int:
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


class Standard(NamedTuple):
    """What rows are brought to before classes are told from them; see `standardize`.

    Attributes:
        centre: (dim,) what is taken from unit rows before their roots; zeros for rows without
            negative numbers, whose 0 has a meaning.
        mean, deviation: (dim,) of the roots.
    """

    centre: FloatArray
    mean: FloatArray
    deviation: FloatArray

    @classmethod
    def among(cls, arrays: Mapping[str, NDArray[Any]]) -> Standard:
        """Return the one whose arrays are among those of a probe; of old ones nothing is taken."""
        mean = arrays["mean"]
        return cls(arrays.get("centre", np.zeros_like(mean)), mean, arrays["deviation"])


def fit_standard(rows: FloatArray) -> Standard:
    """Return what `standardize` takes, from the rows that are learnt from; no deviation is near 0.

    Rows with negative numbers lie around their mean, not around 0, so that it is the mean's side on
    which a number lies that the root keeps.
    """
    signed = bool((rows < 0).any())
    centre = unit(rows).mean(axis=0) if signed else np.zeros(rows.shape[1], np.float32)
    found = take_root(rows, centre)
    deviation = (found.std(axis=0) + 1e-3 * found.std() + 1e-12).astype(np.float32)
    return Standard(centre, found.mean(axis=0), deviation)


def standardize(rows: FloatArray, standard: Standard) -> FloatArray:
    """Return rows at unit length, their roots taken, each column less its mean, over its deviation.

    The root evens out a few large features among many small ones, as behind rectifiers (Perronnin
    et al. 2010, doi:10.1007/978-3-642-15561-1_11).
    """
    found: FloatArray = (take_root(rows, standard.centre) - standard.mean) / standard.deviation
    return found


def take_root(rows: FloatArray, centre: FloatArray) -> FloatArray:
    """Return unit rows less a centre, with the root of each number, its sign kept, at unit length.

    >>> take_root(np.array([[3.0, -4.0]], np.float32), np.zeros(2, np.float32)).round(3).tolist()
    [[0.6549999713897705, -0.7559999823570251]]
    """
    x = unit(rows) - centre
    return unit(np.sign(x) * np.sqrt(np.abs(x)))


def split_folds(
    labels: Labels, *, seed: int = 0, groups: Labels | None = None
) -> Iterator[tuple[Labels, Labels]]:
    """Yield (places to learn from, places held out), each class in both; none where too few.

    Five folds, of many examples the first alone. A class of one example is only learnt from. With
    groups, such as who speaks, whole groups are held out, and what is of a class that the others
    lack is left out.
    """
    rng = np.random.default_rng(seed)
    if groups is not None and len(np.unique(groups)) > 1:
        yield from _split_groups(labels, groups, rng)
        return
    fold = np.full(len(labels), -1)
    for one in np.unique(labels):
        places = rng.permutation(np.flatnonzero(labels == one))
        n = min(_FOLDS, len(places))
        if n > 1:
            fold[places] = np.arange(len(places)) % n
    for i in range(1 if len(labels) >= _LARGE else _FOLDS):
        if (fold == i).any():
            yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)


def _split_groups(
    labels: Labels, groups: Labels, rng: np.random.Generator
) -> Iterator[tuple[Labels, Labels]]:
    """Yield folds of whole groups. The classes learnt are numbered as the examples have them."""
    known = rng.permutation(np.unique(groups))
    n = min(_FOLDS, len(known))
    for i in range(n):
        aside = np.isin(groups, known[i::n])
        learnt = np.flatnonzero(~aside)
        if set(labels[learnt].tolist()) == set(labels.tolist()):
            yield learnt, np.flatnonzero(aside)


def row_blocks(rows: FloatArray) -> Iterator[FloatArray]:
    """Yield rows a block at a time, to compare with all of the examples."""
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def softmax(scores: NDArray[np.floating]) -> FloatArray:
    """Return rows of positive numbers that add up to 1."""
    found = np.exp(scores - scores.max(axis=1, keepdims=True))
    probable: FloatArray = (found / found.sum(axis=1, keepdims=True)).astype(np.float32)
    return probable
