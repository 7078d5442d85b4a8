"""Encode labelled images or audio, leaving out unreadable items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._types import Encoder, FloatArray
from sememe.evaluate.unit_vectors import check_encoder_of
from sememe.sources.datasets.labelled_data import Labelled


def encode_labelled(
    encoder: Encoder, data: Labelled, task: str, *, show_progress: bool = False
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return (n, dim) rows, and (n,) which of them are of readable items; refuse if none is."""
    checked = check_encoder_of(encoder, task, data.modality)
    done = checked.encode_with_receipt(list(data.items), show_progress=show_progress)
    failed = done.receipt.failed
    known = np.ones(len(data), bool)
    known[list(failed)] = False
    if not known.any():
        first = next(iter(failed.values()), "there is none")
        raise InvalidInputError(f"task {task!r}: no {data.noun} can be read: {first}.")
    return done.vectors, known
