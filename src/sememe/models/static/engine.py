"""Run a static encoder: each token has one row, and a text is the sum of its tokens' rows.

Texts of equal length are gathered together, (texts, tokens, dim), and summed: one gather of NumPy
for each length in a batch. Most time is spent in the tokenizer.

Reference: Tulkens & van Dongen 2024, Model2Vec (github.com/MinishLab/model2vec).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from sememe._types import FloatArray
from sememe.models.onnx.token_engine import TOKENS_AT_ONCE
from sememe.vectors.nearest import unit

_BLOCK = 4096  # tokens gathered at once, 4 MB of 256 numbers each: they stay in the cache


class StaticEngine:
    """Token ids to unit rows.

    The mean of a text's rows and their sum have the same direction, so the sum is enough. Tokens to
    ignore, such as the unknown one, have a row of zeros.

    >>> engine = StaticEngine(np.array([[0, 0], [3, 0], [0, 4]], np.float32))
    >>> np.allclose(engine.forward([[1, 2, 0], [2]]), [[0.6, 0.8], [0, 1]])
    True
    """

    tokens_at_once = TOKENS_AT_ONCE

    def __init__(self, rows: FloatArray) -> None:
        """Take the rows, (tokens, dim) float32."""
        self.rows = rows
        self.dim = int(rows.shape[1])

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, dim) float32 unit rows for n sequences, zeros if all rows are zero."""
        return unit(self.sums(ids))

    def sums(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, dim) float32, the sum of each sequence's rows; zeros for an empty one."""
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        flat = np.fromiter(chain.from_iterable(ids), np.int32, int(lengths.sum()))
        starts = np.cumsum(lengths) - lengths
        out = np.zeros((len(ids), self.dim), np.float32)
        for length in np.unique(lengths).tolist():
            texts = np.flatnonzero(lengths == length)
            for first in range(0, length, _BLOCK):  # a longer text is summed in several blocks
                part = np.arange(first, min(first + _BLOCK, length))
                size = max(_BLOCK // len(part), 1)
                for own in (texts[i : i + size] for i in range(0, len(texts), size)):
                    tokens = flat[starts[own, None] + part]  # (texts, tokens)
                    out[own] += self.rows[tokens].sum(axis=1)
        return out

    def release(self) -> None:
        """Do nothing: no memory is kept."""
