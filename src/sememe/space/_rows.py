"""Validation of input vectors: finite rows, optionally at unit length."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.vectors.checks import to_float32
from sememe.vectors.nearest import unit


def check_vectors(vectors: ArrayLike, *, normalize: bool) -> FloatArray:
    """Return finite (n, dim) float32 rows, at unit length if `normalize`; zero rows stay zero."""
    rows = to_float32(vectors, "vectors")
    if rows.ndim != 2 or 0 in rows.shape:
        raise InvalidInputError(
            f"got vectors of shape {rows.shape}; allowed: (n, dim), at least (1, 1)."
        )
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise InvalidInputError(
            f"vector {int(np.argmin(finite))} holds NaN or infinity; allowed: finite numbers. "
            "Leave it out."
        )
    return unit(rows) if normalize else rows
