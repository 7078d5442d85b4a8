"""Labelled items to vectors: classes, held-out examples, and what cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.encoders.image.test_time_augmentation import encode_augmented
from sememe.sources.datasets.labelled_data import Labelled, describe_layout
from sememe.space.probe import split_folds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import Encoder, FloatArray


class Encoded(NamedTuple):
    """Vectors to train a probe on, and held-out ones.

    Attributes:
        rows, y: (n, dim) vectors, and (n,) numbers of their classes.
        groups: (n,) numbers of their groups, if there are any.
        train: (t,) indices of the rows to train on.
        held, truth: (m, dim) held-out vectors, and (m,) numbers of their classes.
        classes: Names of the classes.
        skipped, held_skipped: What is left out of both, with reasons.
    """

    rows: FloatArray
    y: NDArray[np.int64]
    groups: NDArray[np.int64] | None
    train: NDArray[np.int64]
    held: FloatArray
    truth: NDArray[np.int64]
    classes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    held_skipped: tuple[Skipped, ...]


def encode_examples(
    encoder: Encoder, data: Labelled, aside: Labelled | None, *, views: int, seed: int, show: bool
) -> Encoded:
    """Encode what can be read, and hold out a fifth unless `aside` is given.

    Raises:
        InvalidInputError: What can be read is of one class; nothing is held out.
    """
    rows, reasons = encode_augmented(encoder, data.items, views=views, show_progress=show)
    readable = [row for row in range(len(data)) if row not in reasons]
    read = check_classes(data.select(readable), "what can be read of the data")
    rows, classes = rows[readable], read.classes
    y, groups = number_labels(read.labels, classes), number_groups(read)
    skipped = (*data.skipped, *_list_skipped(data, reasons))
    if aside is None:
        train, held = hold_out_fifth(y, groups, seed)
        encoded = Encoded(rows, y, groups, train, rows[held], y[held], classes, skipped, ())
    else:
        known = set(classes)
        held_rows, reasons = encode_augmented(encoder, aside.items, views=views, show_progress=show)
        for row, label in enumerate(aside.labels):
            if label not in known:
                reasons.setdefault(row, f"its class {label} is not learnt")
        kept = [row for row in range(len(aside)) if row not in reasons]
        truth = number_labels([aside.labels[row] for row in kept], classes)
        missed = (*aside.skipped, *_list_skipped(aside, reasons))
        train = np.arange(len(y))
        encoded = Encoded(rows, y, groups, train, held_rows[kept], truth, classes, skipped, missed)
    if not len(encoded.truth):
        raise InvalidInputError(describe_missing(data, aside, classes))
    return encoded


def check_classes(data: Labelled, what: str) -> Labelled:
    """Return data of two classes or more, else raise InvalidInputError. what: Its name there."""
    if len(data.classes) < 2:
        raise InvalidInputError(
            f"{what} has one class, {data.classes[0] if data.classes else 'none'}; give two or "
            f"more: {describe_layout(data.modality)}."
        )
    return data


def number_labels(labels: Sequence[str], classes: Iterable[str]) -> NDArray[np.int64]:
    """Return the index of each label among the classes, (n,)."""
    numbers = {label: i for i, label in enumerate(classes)}
    return np.array([numbers[label] for label in labels], np.int64)


def number_groups(data: Labelled) -> NDArray[np.int64] | None:
    """Return the number of each item's group, (n,), None without groups."""
    return np.unique(data.groups, return_inverse=True)[1] if data.groups else None


def hold_out_fifth(
    y: NDArray[np.int64], groups: NDArray[np.int64] | None, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return indices to train on, and of a fifth of each class; that is empty if there is none."""
    return next(split_folds(y, seed=seed, groups=groups), (np.arange(len(y)), np.arange(0)))


def describe_missing(data: Labelled, aside: Labelled | None, classes: tuple[str, ...]) -> str:
    """Return why nothing is held out, and what to give."""
    if aside is not None:
        return (
            f"no {data.noun} to measure with is of a class that is learnt: learnt are "
            f"{', '.join(classes)}; given are {', '.join(aside.classes)}. Name them alike."
        )
    return (
        f"there is no {data.noun} to measure with. Give two or more of each class, or others to "
        "measure with: evaluate, --evaluate FOLDER"
    )


def _list_skipped(data: Labelled, reasons: dict[int, str]) -> list[Skipped]:
    items = {row: data.items[row] for row in sorted(reasons)}
    names = {row: str(x) if isinstance(x, str | Path) else f"{row}" for row, x in items.items()}
    return [Skipped(name, reasons[row]) for row, name in names.items()]
