"""Labelled items to rows: those that can be read, the numbers of their classes, and the rest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.encoders.image.test_time_augmentation import encode_augmented
from sememe.sources.datasets.labelled_data import Labelled, describe_layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import Encoder, FloatArray


def several(data: Labelled, what: str) -> Labelled:
    """Return data of two classes or more, or refuse it.

    Raises:
        InvalidInputError: One class alone; the message begins with `what`.
    """
    if len(data.classes) < 2:
        raise InvalidInputError(
            f"{what} has one class, {data.classes[0] if data.classes else 'none'}; give two or "
            f"more: {describe_layout(data.modality)}."
        )
    return data


def learnt_rows(
    encoder: Encoder, data: Labelled, *, views: int, show: bool
) -> tuple[FloatArray, Labelled, tuple[Skipped, ...]]:
    """Return rows of what can be read, that data, and what is left out.

    Raises:
        InvalidInputError: What can be read is of one class alone.
    """
    rows, reasons = encode_augmented(encoder, data.items, views=views, show_progress=show)
    known = [place for place in range(len(data)) if place not in reasons]
    read = several(data.select(known), "what can be read of the data")
    return rows[known], read, (*data.skipped, *_skipped(data, reasons))


def asked_rows(
    encoder: Encoder, aside: Labelled, labels: tuple[str, ...], *, views: int, show: bool
) -> tuple[FloatArray, NDArray[np.int64], tuple[Skipped, ...]]:
    """Return rows to measure with, numbers of their classes, and what is left out."""
    number = {label: i for i, label in enumerate(labels)}
    rows, reasons = encode_augmented(encoder, aside.items, views=views, show_progress=show)
    for place, label in enumerate(aside.labels):
        if label not in number:
            reasons.setdefault(place, f"its class {label} is not learnt")
    known = [place for place in range(len(aside)) if place not in reasons]
    y = np.array([number[aside.labels[place]] for place in known], np.int64)
    return rows[known], y, (*aside.skipped, *_skipped(aside, reasons))


def none_to_measure(given: Labelled, aside: Labelled | None, labels: tuple[str, ...]) -> str:
    """Say why there is nothing to measure with, and what to give."""
    if aside is not None:
        return (
            f"no {given.noun} to measure with is of a class that is learnt: learnt are "
            f"{', '.join(labels)}; given are {', '.join(aside.classes)}. Name them alike."
        )
    return (
        f"there is no {given.noun} to measure with. Give two or more of each class, or others to "
        "measure with: evaluate, --evaluate FOLDER"
    )


def _skipped(data: Labelled, reasons: dict[int, str]) -> tuple[Skipped, ...]:
    return tuple(
        Skipped(str(item) if isinstance(item := data.items[place], str | Path) else f"{place}", why)
        for place, why in sorted(reasons.items())
    )
