"""Search for the best answers to many analogy questions over many keys, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from sememe._ties import TOLERANCE, first_best
from sememe._types import FloatArray
from sememe.vectors.arithmetic import Method
from sememe.vectors.nearest import unit

Ints = NDArray[np.int64]
Rows = Callable[[int, int], FloatArray]

KEYS_AT_ONCE = 8192
_QUESTIONS_AT_ONCE = 1024  # times 8192 float32: 32 MB
_EPSILON = 0.001  # Levy and Goldberg 2014


def unit_rows(matrix: FloatArray) -> Rows:
    """Return a function (start, stop) -> unit rows of a matrix."""
    return lambda start, stop: unit(matrix[start:stop])


def random_rows(dim: int, seed: int) -> Rows:
    """Return a function (start, stop) -> random unit rows, the same at every call."""

    def rows(start: int, stop: int) -> FloatArray:
        generator = np.random.default_rng([seed, start])
        return unit(generator.standard_normal((stop - start, dim), dtype=np.float32))

    return rows


def find_answers(rows: Rows, n: int, triples: Ints, barred: Ints, *, method: Method) -> Ints:
    """Return (q,) the row of the best answer to each question; ties go to the first.

    rows: n unit vectors, in blocks. triples: (q, 3) rows of a, b and c. barred: (m, 2) pairs of a
    question and a row excluded from its answers. "3CosAdd" maximises the product with b - a + c
    (Mikolov et al. 2013), "3CosMul" cos(b) cos(c) / (cos(a) + 0.001), cosines shifted to [0, 1]
    (Levy and Goldberg 2014, aclanthology.org/W14-1618).
    """
    words, inverse = np.unique(triples, return_inverse=True)
    inverse = inverse.reshape(triples.shape)
    known = _gather(rows, n, words)  # (w, dim)
    targets = known[inverse[:, 1]] - known[inverse[:, 0]] + known[inverse[:, 2]]  # (q, dim)
    best = np.zeros(len(triples), dtype=np.int64)
    best_score = np.full(len(triples), -np.inf, dtype=np.float32)
    barred = barred[np.lexsort((barred[:, 1], barred[:, 0]))]
    for start, stop in _spans(n, KEYS_AT_ONCE):
        block = rows(start, stop)
        here = barred[(barred[:, 1] >= start) & (barred[:, 1] < stop)]
        # Shifted from [-1, 1] to [0, 1]: (w, keys).
        cosines = np.clip((known @ block.T + 1) / 2, 0, 1) if method == "3CosMul" else None
        for first, last in _spans(len(triples), _QUESTIONS_AT_ONCE):
            if cosines is None:
                scores = targets[first:last] @ block.T
            else:
                a, b, c = inverse[first:last].T
                scores = cosines[b] * cosines[c] / (cosines[a] + np.float32(_EPSILON))
            low, high = np.searchsorted(here[:, 0], [first, last])
            scores[here[low:high, 0] - first, here[low:high, 1] - start] = -np.inf
            answers = first_best(scores)
            score = scores[np.arange(last - first), answers]
            better = np.flatnonzero(score > best_score[first:last] + np.float32(TOLERANCE))
            best[first + better] = start + answers[better]
            best_score[first + better] = score[better]
    return best


def _gather(rows: Rows, n: int, wanted: Ints) -> FloatArray:
    """Return the wanted rows, computed in the same blocks as in the search."""
    parts = []
    for start, stop in _spans(n, KEYS_AT_ONCE):
        low, high = np.searchsorted(wanted, [start, stop])
        if low < high:
            parts.append(rows(start, stop)[wanted[low:high] - start])
    return np.concatenate(parts)


def _spans(n: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n, step):
        yield start, min(start + step, n)
