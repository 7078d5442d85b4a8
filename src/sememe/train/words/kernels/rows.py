"""Rows of float32, padded and aligned for the kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sememe.train.words.kernels.primitives import ROW_PADDING

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK = 65_536  # rows drawn at once


def row_width(dim: int) -> int:
    """Return the width of a padded row: whole cache lines if that adds at most an eighth.

    >>> row_width(100), row_width(50), row_width(3)
    (112, 56, 8)
    """
    wide = -(-dim // ROW_PADDING) * ROW_PADDING
    return wide if wide <= dim * 9 // 8 else -(-dim // 8) * 8


def new_rows(
    n: int, dim: int, width: int, *, seed: int | None, known: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return (n, width) rows aligned to cache lines: the known ones first, then new ones.

    New rows are uniform in [-1 / dim, 1 / dim) in their first `dim` columns, as in gensim and
    fastText; with seed=None they are zero. Row i depends only on i and the seed.
    """
    room = np.zeros(n * width + ROW_PADDING, np.float32)
    start = -room.ctypes.data // 4 % ROW_PADDING
    rows = room[start : start + n * width].reshape(n, width)
    if seed is not None:
        for chunk in range(0, n, _CHUNK):
            some = rows[chunk : chunk + _CHUNK, :dim]
            drawn = np.random.default_rng([seed, chunk]).random((_CHUNK, dim), np.float32)
            some[:] = (drawn[: len(some)] - np.float32(0.5)) * np.float32(2 / dim)
    if known is not None:
        rows[: len(known)] = known
    return rows
