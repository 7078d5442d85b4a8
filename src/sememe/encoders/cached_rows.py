"""Vectors of fixed texts, cached on disk, as the first search of a process needs them."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress

from sememe._types import FloatArray
from sememe.models.weights.cache import cache_folder, keep


def cache_rows(
    kind: str, key: str, shape: tuple[int, int], compute: Callable[[], FloatArray]
) -> FloatArray:
    """Return the float32 rows that `compute` makes, from the cache where it has them.

    Args:
        kind: A folder of the cache.
        key: Fingerprint of all that the rows depend on.
        shape: Of the rows.
        compute: Makes the rows.
    """
    import numpy as np

    path = cache_folder() / kind / f"{key}.npy"
    with suppress(OSError, ValueError):
        cached: FloatArray = np.load(path, allow_pickle=False)
        if cached.shape == shape and cached.dtype == np.float32:
            return cached
    rows = compute()
    out = io.BytesIO()
    np.save(out, rows, allow_pickle=False)
    keep(path, out.getvalue())
    return rows
