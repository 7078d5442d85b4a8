"""The classes of texts: their order, and what their names mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError
from sememe.sources.datasets.labelled_texts import clean_label

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.encoders.base import BaseEncoder


def order_classes(
    classes: Sequence[str], grades: Sequence[str] = ()
) -> tuple[tuple[str, ...], bool]:
    """Return the classes in order, and whether they are grades.

    >>> order_classes(["1", "10", "2"]), order_classes(["3", "1", "2"])
    ((('1', '10', '2'), False), (('1', '2', '3'), True))

    Raises:
        InvalidInputError: The grades are others than the classes.
    """
    if grades:
        given = tuple(map(clean_label, grades))
        if sorted(given) != sorted(classes):
            raise InvalidInputError(
                f"grades={list(given)}, but the labels are {', '.join(classes)}. Give each of them "
                "once, from the lowest to the highest."
            )
        return given, True
    if len(classes) > 2 and all(one.isascii() and one.isdigit() for one in classes):
        numbers = sorted(map(int, classes))
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return tuple(sorted(classes, key=int)), True
    return tuple(classes), False


def encode_names(encoder: BaseEncoder, classes: Sequence[str]) -> FloatArray | None:
    """Return (classes, dim) vectors of the names; None if they do not all mean something."""
    names = [" ".join(one.replace("_", " ").replace("-", " ").split()) for one in classes]
    for name in names:
        letters = [c for c in name if c.isalpha()]
        if not letters or (len(letters) < 2 and letters[0].isascii()):
            return None
    return encoder.encode(names)
