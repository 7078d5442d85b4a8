"""Validation of vectors, keys and counts, and the names of metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import FloatArray
from sememe.vectors.nearest import unit


def check_matrix(matrix: ArrayLike, name: str) -> FloatArray:
    """Return a read-only (n, dim) float32 view with contiguous rows, all finite.

    A memory-mapped file is not read. Rows need not be adjacent, as in the first columns of a wider
    array; they are not copied. InvalidInputError for another shape, no numbers, NaN or infinity.
    """
    mapped = isinstance(matrix, np.memmap)
    rows = to_float32(matrix, name)
    if rows.ndim == 2 and rows.strides[1] != rows.itemsize:
        rows = np.ascontiguousarray(rows)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InvalidInputError(f"{name} has shape {rows.shape}; give (n, dim), dim at least 1.")
    if not mapped:
        for start in range(0, len(rows), 65_536):
            finite = np.isfinite(rows[start : start + 65_536]).all(axis=1)
            if not finite.all():
                row = start + int(finite.argmin())
                raise InvalidInputError(
                    f"{name} holds NaN or infinity in row {row}; leave that row out."
                )
    view = rows.view()
    view.flags.writeable = False
    return view


def to_float32(values: ArrayLike, name: str) -> FloatArray:
    """Convert values to float32, or refuse what is not an array of numbers.

    Numbers too large for float32 become infinity without a warning; the caller checks for it.
    """
    try:
        with np.errstate(over="ignore"):
            return np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{name} is not all numbers in rows of one length ({error}); give (n, dim) numbers."
        ) from None


def check_shape(vectors: ArrayLike, *, at_least: int = 1) -> FloatArray:
    """Return (n, dim) float32 rows, or refuse fewer than `at_least` and other shapes."""
    rows = to_float32(vectors, "vectors")
    if rows.ndim != 2 or len(rows) < at_least or rows.shape[1] == 0:
        raise InvalidInputError(
            f"got vectors of shape {rows.shape}; allowed: (n, dim), at least ({at_least}, 1)."
        )
    return rows


def check_vectors(vectors: ArrayLike, *, normalize: bool) -> FloatArray:
    """Return finite (n, dim) float32 rows, at unit length if `normalize`; zero rows stay zero."""
    rows = check_shape(vectors)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise InvalidInputError(
            f"vector {int(np.argmin(finite))} holds NaN or infinity; allowed: finite numbers. "
            "Leave it out."
        )
    return unit(rows) if normalize else rows


def check_counts(counts: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return counts as (n,) int64, or refuse negative ones and other shapes."""
    given = np.asarray(counts)
    if given.shape == (n,) and given.dtype.kind in "iu":
        whole = given.astype(np.int64, copy=False)
        if not n or whole.min() >= 0:  # uint64 that overflows int64 is negative
            return whole
    raise InvalidInputError(
        f"counts has shape {given.shape}, dtype {given.dtype}; give {n} whole numbers >= 0."
    )


def check_keys(keys: Sequence[str]) -> Sequence[str]:
    """Return the keys, or refuse a single str in place of a list."""
    if isinstance(keys, str):
        raise InvalidInputError(f"keys={keys!r} is one str; give a list of keys: [{keys!r}].")
    return keys


_ALIASES = {"cos": "cosine", "ip": "dot", "l2": "euclidean", "l1": "manhattan"}


def resolve_metric(name: str, allowed: tuple[str, ...]) -> Any:
    """Return the canonical name of a metric, or refuse one that is not in `allowed`."""
    metric = _ALIASES.get(name, name)
    if metric not in allowed:
        raise UnknownNameError.of("metric", name, allowed)
    return metric


def cosine_similarity(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the cosine of two vectors, 0 if one is all zeros."""
    lengths = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(np.clip(x @ y / lengths, -1, 1)) if lengths else 0.0
