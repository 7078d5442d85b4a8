"""Pearson's and Spearman's correlation."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._errors import InvalidInputError


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Return Spearman's rank correlation, in [-1, 1]; NaN if a side is constant.

    It is Pearson's correlation of the ranks; tied values have the mean of their ranks.
    Reference: Spearman 1904. Papers on sentence similarity often report it times 100.

    >>> round(spearman([1, 2, 3, 4], [10, 20, 30, 25]), 4)
    0.8
    """
    a, b = _check(first, second)
    return _pearson(_average_ranks(a), _average_ranks(b))


def pearson(first: ArrayLike, second: ArrayLike) -> float:
    """Return Pearson's correlation, in [-1, 1]; NaN if a side is constant.

    r = sum (a - mean a)(b - mean b) / sqrt(sum (a - mean a)^2 * sum (b - mean b)^2)

    >>> round(pearson([1, 2, 3], [1, 2, 4]), 4)
    0.982
    """
    return _pearson(*_check(first, second))


def _pearson(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if (a == a[0]).all() or (b == b[0]).all():
        return math.nan
    a, b = _center(a), _center(b)
    value = float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))
    return max(-1.0, min(1.0, value))


def _center(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the mean, and scale so that squares neither overflow nor underflow."""
    values = values / abs(values).max()
    values = values - values.mean()
    scaled: NDArray[np.float64] = values / abs(values).max()
    return scaled


def _average_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank from 1; a group of s ties that ends at rank r has rank r - (s - 1) / 2."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(size) - (size - 1) / 2)[group]


def _check(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise InvalidInputError(
            f"got arrays of shape {a.shape} and {b.shape}. "
            "Give two flat lists of equal length, at least 2 values each."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InvalidInputError("got a NaN or infinite value, which has no rank. Remove its pair.")
    return a, b
