"""Run a graph that maps sequences of token ids to one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.models.onnx.batches import Batches, make_inputs, pad
from sememe.models.onnx.builder import LargeGraph
from sememe.models.onnx.session import LazySession

TOKENS_AT_ONCE = 65_536  # among which sequences of like length are batched together


class TokenEngine:
    """A graph with the inputs "ids" (N, T) and, mostly, "lengths" (N,), and one output (N, dim).

    It is made when it is first needed.

    Attributes:
        dim: Width of a row.
        max_tokens: The longest sequence, special tokens included.
    """

    tokens_at_once = TOKENS_AT_ONCE

    def __init__(
        self,
        make_graph: Callable[[], bytes | LargeGraph],
        *,
        dim: int,
        max_tokens: int,
        takes_lengths: bool = True,
        threads: int | None = None,
    ) -> None:
        self.dim = dim
        self.max_tokens = max_tokens
        self._takes_lengths = takes_lengths
        self._batches = Batches(max_tokens=max_tokens, threads=threads)
        self._session = LazySession(make_graph)

    def forward(self, ids: Sequence[Sequence[int]], **more: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, dim) for n sequences of token ids, special tokens included.

        more: Further inputs with a number for each token. Lengths are checked by `Batches.lengths`.
        """

        def run(lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> FloatArray:
            inputs = make_inputs(ids, lengths, batch)
            if not self._takes_lengths:
                del inputs["lengths"]
            inputs |= {name: pad(rows, lengths, batch) for name, rows in more.items()}
            return self._session.run(inputs)[0]

        return self._batches.rows(ids, self.dim, run)

    def release(self) -> None:
        """Free memory that only makes the next call faster: the graph."""
        self._session.release()
