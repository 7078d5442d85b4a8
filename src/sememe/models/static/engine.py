"""Run a static encoder: each token has one row, and a text is the sum of its tokens' rows.

Texts of equal length are gathered together, (texts, tokens, dim), and summed: one gather of NumPy
for each length in a batch. Most time is spent in the tokenizer.

Reference: Tulkens & van Dongen 2024, Model2Vec (github.com/MinishLab/model2vec).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from sememe.models.onnx.token_engine import TOKENS_AT_ONCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

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

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self.rows.shape[1])

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, dim) float32 unit rows for n sequences, zeros if all rows are zero."""
        sums = self.sums(ids)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        np.divide(sums, lengths, out=sums, where=lengths > 0)
        return sums

    def sums(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, dim) float32, the sum of each sequence's rows; zeros for an empty one."""
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        total = int(lengths.sum())
        flat = np.fromiter(chain.from_iterable(ids), np.int32, total)
        starts = np.cumsum(lengths) - lengths
        out = np.zeros((len(ids), self.dim), np.float32)
        for length in np.unique(lengths).tolist():
            texts = np.flatnonzero(lengths == length)
            self._sum_equals(flat, starts[texts], length, texts, out)
        return out

    def release(self) -> None:
        """Do nothing: no memory is kept."""

    def _sum_equals(
        self,
        flat: NDArray[np.int32],
        starts: NDArray[np.int64],
        length: int,
        texts: NDArray[np.int64],
        out: FloatArray,
    ) -> None:
        """Sum texts of one length, in blocks; a text longer than a block in several."""
        for first in range(0, length, _BLOCK):
            part = np.arange(first, min(first + _BLOCK, length))
            many = max(_BLOCK // len(part), 1)
            for i in range(0, len(texts), many):
                at = starts[i : i + many, None] + part  # (texts, tokens)
                out[texts[i : i + many]] += self.rows[flat[at]].sum(axis=1)
