"""Folds of cross-validation.

Folds(5)                       five random folds, stratified by class
Folds(pattern="^.")            folds from file names: in ESC-50 they begin with the fold
Folds(groups="_(.+)_")         one fold per group, such as a speaker
Folds(5, groups="_(.+)_")      five folds that do not split groups
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe.sources.datasets.filename_patterns import match_filenames
from sememe.sources.datasets.labelled_data import Labelled

_DEFAULT_FOLDS = 5
_MAX_GROUP_FOLDS = 10  # groups, above which several share a fold


@dataclass(frozen=True, slots=True)
class Split:
    """Items in folds.

    Attributes:
        fold: (n,) the index of each item's fold.
        names: Names of the folds.
        group: (n,) the index of each item's group; None without groups.
    """

    fold: NDArray[np.int64]
    names: tuple[str, ...]
    group: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Folds:
    """Assignment of items to folds.

    Attributes:
        number: Number of folds. By default the folds of the data, else one per group, up to ten,
            else five.
        pattern: A regular expression that matches the fold in each file name.
        groups: One that matches the group. All items of a group are in one fold.
    """

    number: int | None = None
    pattern: str | None = None
    groups: str | None = None

    def of(self, data: Labelled, *, seed: int = 0) -> Split:
        """Assign data to folds, at random by the seed unless folds are given.

        Raises:
            InvalidInputError: Fewer than two folds, more folds than items or groups, a name that
                does not match a pattern, or both a number of folds and a fold pattern.
        """
        if self.number is not None and self.pattern is not None:
            raise InvalidInputError(
                f"folds={self.number} and the fold pattern {self.pattern!r}; give one of them."
            )
        groups = read_groups(data, self.groups)
        group = None if groups is None else _number_names(groups)[0]
        named = data.folds if self.number is None and self.groups is None else ()
        if self.pattern is not None:
            named = match_filenames(data.items, self.pattern, "fold pattern")
        few_groups = 2 <= len(set(groups or ())) <= _MAX_GROUP_FOLDS
        if not named and groups and few_groups and self.number is None:
            named = groups
        if named:
            fold, names = _number_names(named)
            if len(names) < 2:
                raise InvalidInputError(f"all are in fold {names[0]!r}; give two folds or more.")
            return Split(fold, names, group)
        return _draw(data, _DEFAULT_FOLDS if self.number is None else self.number, group, seed)


def read_groups(data: Labelled, pattern: str | None) -> tuple[str, ...] | None:
    """Return the group of each item, from file names by the pattern or from the table, or None."""
    if pattern is not None:
        return match_filenames(data.items, pattern, "group pattern")
    return data.groups or None


def _number_names(names: tuple[str, ...]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the index of each name among the distinct ones, and these, sorted."""
    known, numbers = np.unique(np.array(names), return_inverse=True)
    return numbers.astype(np.int64), tuple(known.tolist())


def _draw(data: Labelled, n: int, group: NDArray[np.int64] | None, seed: int) -> Split:
    units = len(data) if group is None else int(group.max(initial=-1)) + 1
    if group is not None and units < 2:
        raise InvalidInputError("all are in one group; give two or more to hold one out.")
    if not 2 <= n <= units:
        what = f"{data.noun}s" if group is None else "groups"
        raise InvalidInputError(
            f"folds={n} of {units} {what}; give 2 or more, and no more than there are {what}."
        )
    rng = np.random.default_rng(seed)
    y = _number_names(data.labels)[0]
    fold = _spread(y, n, rng) if group is None else _spread_groups(y, group, n, rng)
    return Split(fold, tuple(str(i + 1) for i in range(n)), group)


def _spread(y: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Assign the items of each class to the folds in turn, continuing across classes."""
    order = np.lexsort((rng.random(len(y)), y))
    fold = np.empty(len(y), np.int64)
    fold[order] = np.arange(len(y)) % n
    return fold


def _spread_groups(
    y: NDArray[np.int64], group: NDArray[np.int64], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Assign whole groups, largest first, to the fold that keeps classes most balanced."""
    counts = np.zeros((group.max() + 1, y.max() + 1), np.int64)  # (groups, classes)
    np.add.at(counts, (group, y), 1)
    held = np.zeros((n, counts.shape[1]), np.int64)
    fold_of = np.empty(len(counts), np.int64)
    for one in np.lexsort((rng.random(len(counts)), -counts.sum(axis=1))).tolist():
        uneven = ((held + counts[one]) ** 2 - held**2).sum(axis=1)
        fold_of[one] = np.lexsort((held.sum(axis=1), uneven))[0]
        held[fold_of[one]] += counts[one]
    return fold_of[group]
