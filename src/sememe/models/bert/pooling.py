"""Weights that pool the states of tokens into one vector for the sequence.

Every pooling but "max" is a sum with weights that depend on the sequence's length alone, so all of
them are one matrix product in the graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray


def pooling_weights(
    ways: Sequence[str], lengths: NDArray[np.integer], *, skip: int = 0
) -> FloatArray:
    """Return (n, ways, longest length): the weight of each token; 0 beyond the length.

    ways: mean; mean_sqrt_len, the sum divided by the root of the length; weighted_mean, by position
    1, 2...; cls, the first token; last; max, whose weights are 1 for the tokens to compare.
    lengths: (n,), each at least 1. skip: Tokens at the beginning that are not pooled.

    >>> pooling_weights(["mean", "last"], np.array([2, 4]))[1].tolist()
    [[0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.0, 1.0]]
    """
    position = np.arange(int(lengths.max()))
    skips = np.minimum(skip, lengths - 1)[:, None]  # at least the last token is left
    inside = (position >= skips) & (position < lengths[:, None])
    count = lengths[:, None] - skips
    ramp = inside * (position + 1)
    weights = {
        "mean": inside / count,
        "mean_sqrt_len": inside / np.sqrt(count),
        "weighted_mean": ramp / ramp.sum(axis=1, keepdims=True),
        "cls": position == skips,
        "last": position == lengths[:, None] - 1,
        "max": inside,
    }
    return np.stack([weights[way] for way in ways], axis=1).astype(np.float32)
