"""All-but-the-top postprocessing of word vectors (Mu & Viswanath 2018, arXiv:1702.01417).

Word vectors are not centred on zero: they share a mean, and a few directions whose variance mostly
encodes word frequency. Both distort cosines; removing them leaves what distinguishes words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray


@dataclass(frozen=True, eq=False)
class CommonPart:
    """A mean and orthogonal directions, removed from the rows (n, dim) it is called on.

    mean: (dim,). directions: (dim, k), orthonormal columns.
    """

    mean: NDArray[np.float64]
    directions: NDArray[np.float64]

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Return rows - mean without their component along each direction: (n, dim) float32."""
        moved = rows - self.mean
        moved -= (moved @ self.directions) @ self.directions.T
        return moved.astype(np.float32)


def find_common_part(matrix: FloatArray, *, directions: int) -> CommonPart:
    """Return the mean of the rows, (n, dim), and their first principal directions.

    >>> rows = np.array([[9, 1, 0], [-9, 1, 2], [9, 1, 2], [-9, 1, 0]], np.float32)
    >>> find_common_part(rows, directions=1)(rows).tolist()  # without the first axis
    [[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]
    """
    mean = matrix.mean(axis=0, dtype=np.float64)
    moved = matrix - mean
    _, vectors = np.linalg.eigh(moved.T @ moved)  # ascending eigenvalues
    return CommonPart(mean, vectors[:, len(mean) - directions :])
