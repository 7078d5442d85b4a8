"""Minimal filtering: several outputs of a convolution in fewer products than one by one.

Sliding a filter of n over a sequence takes n products an output. Read as polynomials, m outputs are
m + n - 1 values of a product, so m + n - 1 products are enough, if the sums before and after them
are cheap: 8 instead of 20 for four outputs of a filter of five. Where each "product" is one of
matrices, as in a network, the sums weigh little.

Reference: Winograd 1980; Lavin and Gray 2016 (arXiv:1509.09308), section 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # to evaluate polynomials at: small, exact


def minimal_filter(m: int, n: int) -> tuple[Matrix, Matrix, Matrix]:
    """Return (A, G, B) such that A @ ((G @ filter) * (B @ read)) is m outputs of a filter of n.

    read: (m + n - 1,) neighbouring inputs; filter: (n,); output i is the sum over k of
    read[i + k] * filter[k]. A is (m, m + n - 1), G (m + n - 1, n), B square. m + n may be 9 at
    most: beyond, float32 loses too many digits.

    >>> A, G, B = minimal_filter(2, 3)
    >>> (A @ ((G @ [1, 10, 100]) * (B @ [1, 2, 3, 4]))).round(9).tolist()
    [321.0, 432.0]
    """
    size = m + n - 1
    points = np.array(_POINTS[: size - 1])
    if len(points) < size - 1:
        raise ValueError(f"m={m}, n={n}; m + n may be {len(_POINTS) + 2} at most")

    def values(degree: int) -> Matrix:
        """Evaluate polynomials of `degree` coefficients at the points and at infinity."""
        at_infinity = np.eye(1, degree, degree - 1)
        return np.concatenate([np.vander(points, degree, increasing=True), at_infinity])

    interpolate = np.linalg.inv(values(size)).astype(np.float64)
    return values(m).T, values(n), interpolate.T
