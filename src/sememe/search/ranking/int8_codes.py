"""Inner products from a quarter of the bytes, with a proven bound on their error.

A row x is rotated by a fixed R and rounded to whole numbers c from -127 to 127, a query q to whole
numbers h from -63 to 63:

    R x = step c + r        R q = unit h + d        x . q = unit step c.h  +  d . step c  +  R q . r

The first term is the estimate, and the mean over the rows of the second is added to it, d . m with
m the mean of step c. By Cauchy and Schwarz it misses at most |d| |step c| + |d . m| + |q| |r|. A
row whose estimate is more than twice that below the k-th best is not one of the k best, so exact
products of the others give the exact answer.

The rotation spreads what is in a few components, as in vectors reduced by principal components,
over all of them: 8 bits then lose 0.007 of a unit vector, not 0.03. It is a change of signs and two
discrete cosine transforms, over rows and columns of the components laid out as a rectangle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.search.ranking.integer_product import IntegerProduct

_ROW, _QUERY = 127, 63  # the largest whole numbers
_SHIFT = np.float32(64)  # added to the query's, which are given without a sign
_ROUNDING = 1e-5  # of float32 arithmetic, in units of the vectors' lengths


@dataclass(frozen=True, eq=False)
class Rotation:
    """A fixed rotation of vectors of one width."""

    dim: int

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Return (n, dim) rows, rotated."""
        down, across = self._transforms
        within = np.matmul((rows * self._signs).reshape(-1, len(across)), across)
        rotated: FloatArray = np.matmul(down, within.reshape(-1, len(down), len(across)))
        return rotated.reshape(len(rows), self.dim)

    @cached_property
    def _signs(self) -> FloatArray:
        return np.random.default_rng(0).choice(np.array([-1, 1], np.float32), self.dim)

    @cached_property
    def _transforms(self) -> tuple[FloatArray, FloatArray]:
        """The transforms of columns and rows; the sides are as near to each other as can be."""
        short = next(n for n in range(math.isqrt(self.dim), 0, -1) if self.dim % n == 0)
        return _cosine_transform(self.dim // short), _cosine_transform(short)


def _cosine_transform(n: int) -> FloatArray:
    """Return the orthonormal discrete cosine transform (n, n), of the second kind."""
    matrix = np.cos(np.pi / n * (np.arange(n)[:, None] + 0.5) * np.arange(n))
    matrix[:, 1:] *= np.sqrt(2)
    transform: FloatArray = (matrix / np.sqrt(n)).astype(np.float32)
    return transform


class Int8Codes:
    """Rows in 8 bits, to be filled in pieces."""

    def __init__(self, rows: int, rotation: Rotation) -> None:
        """Make room for so many rows."""
        self._rotation = rotation
        self._numbers: NDArray[np.int8] = np.zeros((rotation.dim, rows), np.int8)  # columns: rows
        self._steps = np.zeros(rows, np.float32)
        self._shifts = np.zeros(rows, np.float32)  # what the query's shift adds to an estimate
        self._total = np.zeros(rotation.dim)
        self._lost = 0.0  # |r|, the greatest
        self._length = 0.0  # |step c|, the greatest

    @property
    def nbytes(self) -> int:
        """Memory that they take, in bytes."""
        return self._numbers.nbytes + self._steps.nbytes + self._shifts.nbytes

    def fill(self, start: int, rows: FloatArray) -> None:
        """Put (n, dim) rows in places from `start` on."""
        scaled = self._rotation(rows)
        largest = np.maximum(scaled.max(axis=1), -scaled.min(axis=1))
        steps = np.where(largest > 0, largest / _ROW, 1).astype(np.float32)
        scaled /= steps[:, None]
        numbers = np.rint(scaled)
        scaled -= numbers  # now what rounding lost, in steps
        self._lost = max(self._lost, _greatest_length(scaled, steps))
        self._length = max(self._length, _greatest_length(numbers, steps))
        self._total += steps @ numbers
        places = slice(start, start + len(rows))
        self._numbers[:, places] = numbers.astype(np.int8).T
        self._steps[places] = steps
        self._shifts[places] = _SHIFT * numbers.sum(axis=1) * steps

    def trim(self, rows: int) -> None:
        """Keep the first `rows`, where fewer than expected were filled."""
        if rows < len(self._steps):
            self._numbers = np.ascontiguousarray(self._numbers[:, :rows])
            self._steps, self._shifts = self._steps[:rows], self._shifts[:rows]

    def estimate(self, query: FloatArray, multiply: IntegerProduct) -> tuple[FloatArray, float]:
        """Return (r,) estimates of the rows' inner products with (dim,) `query`, and their error.

        No estimate is farther than the error from its product.
        """
        rotated = self._rotation(query[None])[0]
        unit = float(np.abs(rotated).max()) / _QUERY or 1.0
        numbers = np.rint(rotated / unit)
        lost = rotated - np.float32(unit) * numbers
        sums = multiply((numbers + _SHIFT).astype(np.uint8), self._numbers)
        estimates: FloatArray = sums.astype(np.float32) * self._steps
        estimates -= self._shifts
        estimates *= np.float32(unit)
        shared = float(lost @ self._total) / max(1, len(self._steps))  # d . m
        estimates += np.float32(shared)
        length = float(np.linalg.norm(rotated))
        error = float(np.linalg.norm(lost)) * self._length + abs(shared) + length * self._lost
        return estimates, error + _ROUNDING * length * self._length


def _greatest_length(rows: FloatArray, steps: FloatArray) -> float:
    squares = np.einsum("ij,ij->i", rows, rows)
    return float((np.sqrt(squares) * steps).max(initial=0))
