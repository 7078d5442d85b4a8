"""Exact nearest-neighbour search over the rows of a matrix, in blocks; ties by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sememe._blas import one_thread
from sememe._errors import InvalidInputError
from sememe._ties import highest
from sememe._types import FloatArray

Ranked = list[tuple[str, float]]  # (key, score), best first
_CELLS = 8_000_000  # scores held at once: 32 MB


def check_k(k: int, name: str = "k") -> int:
    """Return k as an int, or refuse what is not a whole number of at least 1."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InvalidInputError(f"{name}={k!r}; give a whole number of at least 1.")
    return int(k)


def compute_norms(matrix: FloatArray) -> FloatArray:
    """Return the norm of each row, (n,) float32; 1 for a zero row, so that it scores 0.

    InvalidInputError if a row holds NaN or infinity, as a damaged memory-mapped file may.
    """
    lengths = np.empty(len(matrix), np.float32)
    for start in range(0, len(matrix), 65_536):
        block = np.asarray(matrix[start : start + 65_536], np.float32)
        np.sqrt(np.einsum("ij,ij->i", block, block), out=lengths[start : start + len(block)])
        _recompute_extremes(lengths[start : start + len(block)], block)
    if not np.isfinite(lengths).all():
        row = int(np.isfinite(lengths).argmin())
        raise InvalidInputError(
            f"the vector in row {row} holds NaN, infinity or numbers near the largest float32. "
            "Fetch its file again, or write the vectors anew without it."
        )
    lengths[lengths == 0] = 1
    return lengths


def _recompute_extremes(lengths: FloatArray, rows: FloatArray) -> None:
    """Recompute in float64, in place, the norms whose squares overflow or underflow float32."""
    odd = ~((lengths > 1e-15) & (lengths < 1e15))
    if odd.any():
        with np.errstate(over="ignore"):
            lengths[odd] = np.linalg.norm(rows[odd].astype(np.float64), axis=-1)


def unit(vectors: FloatArray) -> FloatArray:
    """Scale rows to unit length; zero rows stay zero."""
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    _recompute_extremes(lengths[..., 0], vectors)
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths), np.float32)


def iterate_blocks(queries: int, rows: int) -> Iterator[slice]:
    """Yield slices of the queries whose scores fit in memory."""
    size = max(_CELLS // max(rows, 1), 1)
    for start in range(0, queries, size):
        yield slice(start, min(start + size, queries))


def products(matrix: FloatArray, queries: FloatArray) -> FloatArray:
    """Return (queries, rows) inner products; few queries run on one thread."""
    if len(queries) > 8:
        return np.asarray(queries @ matrix.T)
    with one_thread():
        if len(queries) == 1:  # matrix-vector: twice as fast as matrix-matrix
            return np.asarray(matrix @ queries[0])[None]
        return np.asarray(queries @ matrix.T)


def rank_best(
    scores: FloatArray,
    keys: Sequence[str],
    *,
    k: int,
    without: Sequence[int] = (),
    relative: bool = False,
) -> Ranked:
    """Return the keys of the k highest of (rows,) scores as (key, score): descending, ties by key.

    without: Rows to exclude; -1 excludes none. relative: The scores have no scale of their own; see
    `sememe._ties.settle`. The scores are overwritten.
    """
    skip = {row for row in without if 0 <= row < len(scores)}
    scores[list(skip)] = -np.inf
    k = min(k, len(scores) - len(skip))
    if k <= 0:
        return []
    rows, settled = highest(scores, k, relative=relative)
    ranked = [
        (keys[row], score)
        for row, score in zip(rows.tolist(), settled.tolist(), strict=True)
        if score > -np.inf
    ]
    return sorted(ranked, key=lambda pair: (-pair[1], pair[0]))[:k]


def cosines(matrix: FloatArray, norms: FloatArray, queries: FloatArray) -> FloatArray:
    """Return (queries, rows) cosines; norms: (rows,) of the matrix."""
    scores = products(matrix, unit(queries))
    scores /= norms
    return np.clip(scores, -1, 1, out=scores)


def distances(matrix: FloatArray, query: FloatArray, metric: str) -> FloatArray:
    """Return (rows,) "euclidean" or "manhattan" distances.

    They are computed from differences, so that small ones are exact.
    """
    out = np.empty(len(matrix), np.float32)
    step = max(_CELLS // (8 * max(matrix.shape[1], 1)), 1)
    for start in range(0, len(matrix), step):
        gaps = matrix[start : start + step] - query
        sums = (np.square(gaps) if metric == "euclidean" else np.abs(gaps)).sum(axis=1)
        out[start : start + step] = np.sqrt(sums) if metric == "euclidean" else sums
    return out
