"""What all vectors have in common, to be taken away (Mu & Viswanath 2018, arXiv:1702.01417).

Word vectors do not lie around zero: they share a mean, and a few directions in which nearly all of
their spread is a matter of how frequent a word is. Cosines see both. Taking them away ("all but the
top") leaves what tells words apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray


@dataclass(frozen=True, eq=False)
class CommonPart:
    """A mean and orthogonal directions; called on rows (n, dim), returns them without.

    mean: (dim,). directions: (dim, k), orthonormal columns.
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Return rows - mean, less their part along each direction: (n, dim) float32."""
        moved = rows - self.mean
        moved -= (moved @ self.directions) @ self.directions.T
        without: FloatArray = moved.astype(np.float32)
        return without


def common_part(matrix: FloatArray, *, directions: int) -> CommonPart:
    """Return the mean of the rows and the `directions` in which they differ most: (n, dim).

    >>> rows = np.array([[9, 1, 0], [-9, 1, 2], [9, 1, 2], [-9, 1, 0]], np.float32)
    >>> common_part(rows, directions=1)(rows).tolist()  # the first axis says nothing here
    [[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]
    """
    mean = matrix.mean(axis=0, dtype=np.float64)
    moved = matrix - mean
    _, vectors = np.linalg.eigh(moved.T @ moved)  # by rising eigenvalue
    return CommonPart(mean, vectors[:, len(mean) - directions :])
