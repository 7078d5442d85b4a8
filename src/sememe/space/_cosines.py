"""Cosines between the rows of one matrix, in blocks: float32 to filter, float64 to decide.

A product of float32 matrices is fast but inexact in the last bits, which depend on the position of
a pair in its block. So it only filters: pairs within `margin` of the threshold are recomputed in
float64 and rounded to float32. Scores are thus the same on every machine, and a row and its copy
score 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.vectors.checks import check_shape

Ids = NDArray[np.int64]
At = slice | Ids
_BLOCK = 1024  # rows of a block; its scores take 4 MB
_CELLS = 1 << 20  # numbers in the rows of a block: wide vectors have smaller blocks
_MANY = 128  # if more than 1 in this many passes, a float64 product of all is faster


class Cosines:
    """The rows of a matrix, their norms, and the cosines between any two of them.

    Attributes:
        n: Number of rows.
        size: Rows of a block.
        margin: Maximum difference of a float32 score from the exact one.
    """

    def __init__(self, vectors: ArrayLike, *, at_least: int = 1) -> None:
        """Take (n, dim) vectors; float32 is not copied.

        InvalidInputError for fewer than `at_least` rows, or a row of zeros, NaN or infinity.
        """
        rows = check_shape(vectors, at_least=at_least)
        if rows.strides[1] != rows.itemsize:
            rows = np.ascontiguousarray(rows)
        self.n, dim = rows.shape
        self.size = min(max(_CELLS // dim, 16), _BLOCK)
        self._rows = rows
        self._lengths = self._compute_lengths()
        self._are_unit = bool(np.abs(self._lengths - 1).max() <= 1e-6)
        usual = 1e-15 < self._lengths.min() and self._lengths.max() < 1e15
        self._divisors = self._lengths.astype(np.float32) if usual else self._lengths
        self.margin = (dim + 32) * 2.0**-23  # since the sum of |a b| is at most 1, in any order

    def unit(self, at: At) -> FloatArray:
        """Return (m, dim) float32 unit rows, exact to a few units in the last place."""
        rows = self._rows[at]
        if self._are_unit:
            return rows
        return np.asarray(rows / self._divisors[at, None], np.float32)

    def exact(self, first: Ids, second: Ids) -> FloatArray:
        """Return (m,) float32 cosines of the rows `first` with the rows `second`, pair by pair."""
        scores = np.empty(len(first), np.float32)
        step = max(self.size // 2, 1)
        for start in range(0, len(first), step):
            part = slice(start, start + step)
            a, b = first[part], second[part]
            products = np.einsum("ij,ij->i", self._wide(a), self._wide(b))
            scores[part] = _divide(products, self._lengths[a] * self._lengths[b])
        return scores

    def sift(self, scores: FloatArray, first: Ids, second: Ids, *, cut: float) -> Any:
        """Return the pairs of a block that may score `cut` or more: rows, columns, exact scores.

        scores: (a, b) float32 products of the rows `first` (a,) and `second` (b,). Pairs up to
        twice the margin below the cut are included; the caller filters by the exact score.
        """
        at = np.flatnonzero(scores.ravel() >= np.float32(cut - 2 * self.margin))
        row, column = np.divmod(at, len(second))
        i, j = first[row], second[column]
        if len(at) <= scores.size // _MANY:
            return i, j, self.exact(i, j)
        products = self._wide(first) @ self._wide(second).T
        lengths = self._lengths[i] * self._lengths[j]
        return i, j, _divide(products.ravel()[at], lengths)

    def blocks(self) -> Iterator[tuple[Ids, Ids, FloatArray]]:
        """Yield the pairs in which the first row comes before the second.

        Yields:
            Rows `first` (a,), rows `second` (b,) and (a, b) products, which are overwritten by the
            next block; other pairs have -inf.
        """
        held = np.empty(self.size * self.size, np.float32)
        for start in range(0, self.n, self.size):
            first = np.arange(start, min(start + self.size, self.n))
            left = self.unit(slice(start, start + self.size))
            for other in range(start, self.n, self.size):
                second = np.arange(other, min(other + self.size, self.n))
                scores = self.products(left, slice(other, other + self.size), held)
                if other == start:
                    scores[np.tril_indices(len(first))] = -np.inf
                yield first, second, scores

    def products(self, left: FloatArray, at: At, held: FloatArray) -> FloatArray:
        """Return (a, b) products of unit rows with the unit rows `at`, stored in `held`."""
        right = self.unit(at)
        out = held[: len(left) * len(right)].reshape(len(left), len(right))
        np.matmul(left, right.T, out=out)
        return out

    def _wide(self, at: At) -> NDArray[np.float64]:
        return self._rows[at].astype(np.float64)

    def _compute_lengths(self) -> NDArray[np.float64]:
        lengths = np.empty(self.n)
        for start in range(0, self.n, self.size):
            rows = self._wide(slice(start, start + self.size))
            lengths[start : start + self.size] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        for wrong, what in ((~np.isfinite(lengths), "NaN or infinity"), (lengths == 0, "zeros")):
            if wrong.any():
                only = "only " if what == "zeros" else ""
                raise InvalidInputError(
                    f"vector {int(wrong.argmax())} holds {only}{what}; allowed: finite numbers "
                    "that are not all zero. Leave it out."
                )
        return lengths


def _divide(products: NDArray[np.float64], lengths: NDArray[np.float64]) -> FloatArray:
    return np.clip(products / lengths, -1, 1).astype(np.float32)
