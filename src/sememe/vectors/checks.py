"""What vectors are checked for, and the names of the ways to compare two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import FloatArray


def checked_matrix(matrix: ArrayLike, name: str) -> FloatArray:
    """Return a read-only (n, dim) float32 array, each row in one piece, all of it finite.

    A memory-mapped file is taken as it is: reading all of it is what it is there to avoid. Rows
    may lie apart, as the first columns of a wider array do; they are not copied.
    """
    mapped = isinstance(matrix, np.memmap)
    rows = numbers(matrix, name)
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


def numbers(values: ArrayLike, name: str) -> FloatArray:
    """Return values as float32, or refuse what is no array of numbers.

    One too large for float32 becomes infinity without a warning, for the caller to name.
    """
    try:
        with np.errstate(over="ignore"):
            return np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{name} is not all numbers in rows of one length ({error}); give (n, dim) numbers."
        ) from None


def checked_counts(counts: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return (n,) int64, none negative."""
    given = np.asarray(counts)
    if given.shape == (n,) and given.dtype.kind in "iu":
        whole = given.astype(np.int64, copy=False)
        if not n or whole.min() >= 0:  # what int64 cannot hold has become negative
            return whole
    raise InvalidInputError(
        f"counts has shape {given.shape}, dtype {given.dtype}; give {n} whole numbers >= 0."
    )


def listed(keys: Sequence[str]) -> Sequence[str]:
    """Return the keys, or refuse a single str."""
    if isinstance(keys, str):
        raise InvalidInputError(f"keys={keys!r} is one str; give a list of keys: [{keys!r}].")
    return keys


_ALIASES = {"cos": "cosine", "ip": "dot", "l2": "euclidean", "l1": "manhattan"}


def known_metric(name: str, allowed: tuple[str, ...]) -> Any:
    """Return the metric's own name, or refuse one that is not allowed here."""
    metric = _ALIASES.get(name, name)
    if metric not in allowed:
        raise UnknownNameError.of("metric", name, allowed)
    return metric


def cosine(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the cosine of two vectors, 0 where one is all zeros."""
    lengths = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(np.clip(x @ y / lengths, -1, 1)) if lengths else 0.0
