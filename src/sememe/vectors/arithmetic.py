"""a is to b as c is to ?, by 3CosAdd and 3CosMul (Levy & Goldberg 2014, CoNLL).

With unit vectors, 3CosAdd takes the key x with the highest cos(x, b - a + c) (Mikolov et al. 2013).
3CosMul multiplies instead, so that none of the three similarities dominates:

    cos(x, b) * cos(x, c) / (cos(x, a) + 0.001),   each cosine moved to (cos + 1) / 2
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from sememe._types import FloatArray
from sememe.vectors.nearest import cosines, products, unit

Method = Literal["3CosAdd", "3CosMul"]
_EPSILON = 0.001


def three_cos_add(
    matrix: FloatArray, norms: FloatArray, a: FloatArray, b: FloatArray, c: FloatArray
) -> FloatArray:
    """Return the scores, (queries, rows) in [-1, 1]; a, b, c: (queries, dim)."""
    return cosines(matrix, norms, unit(b) - unit(a) + unit(c))


def three_cos_mul(
    matrix: FloatArray, norms: FloatArray, a: FloatArray, b: FloatArray, c: FloatArray
) -> FloatArray:
    """Return the scores, (queries, rows) from 0; a, b, c: (queries, dim)."""
    cos_a, cos_b, cos_c = (_shift_cosines(matrix, norms, one) for one in (a, b, c))
    cos_b *= cos_c
    cos_b /= np.add(cos_a, np.float32(_EPSILON), out=cos_a)
    return cos_b


def _shift_cosines(matrix: FloatArray, norms: FloatArray, queries: FloatArray) -> FloatArray:
    scores = products(matrix, unit(queries))
    scores /= norms
    scores += 1
    scores /= 2
    return np.clip(scores, 0, 1, out=scores)
