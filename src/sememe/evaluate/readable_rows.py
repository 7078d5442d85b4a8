"""Encode labelled images or audio, leaving out unreadable items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.evaluate.unit_vectors import check_encoder_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import Encoder, FloatArray
    from sememe.sources.datasets.labelled_data import Labelled


def encode_labelled(
    encoder: Encoder, data: Labelled, task: str, *, show_progress: bool = False
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return (n, dim) rows, and (n,) which of them are of readable items.

    Raises:
        InvalidInputError: The encoder is of another modality, or no item can be read.
    """
    source: Any = check_encoder_of(encoder, task, data.modality)
    readable = getattr(source, "encode_readable", None)
    known = np.ones(len(data), bool)
    if readable is None:
        return source.encode(list(data.items), show_progress=show_progress), known
    rows, reasons = readable(list(data.items), show_progress=show_progress)
    known[list(reasons)] = False
    if not known.any():
        first = next(iter(reasons.values()), "there is none")
        raise InvalidInputError(f"task {task!r}: no {data.noun} can be read: {first}.")
    return rows, known
