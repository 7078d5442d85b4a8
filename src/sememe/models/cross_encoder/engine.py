"""Run a cross-encoder on CPU: the token ids of two texts in one sequence to scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from sememe._types import FloatArray
from sememe.models.bert.graph import INPUTS, TYPES, add_states
from sememe.models.bert.weights import BertWeights
from sememe.models.cross_encoder.head import Head
from sememe.models.onnx.builder import Graph, floats, integers
from sememe.models.onnx.token_engine import TokenEngine
from sememe.models.onnx.transformer import in_float32, linear


class CrossEngine:
    """The network and its head.

    typed: Whether token types are used, where the network has several.
    """

    def __init__(
        self, weights: BertWeights, head: Head, *, typed: bool = True, threads: int | None = None
    ) -> None:
        self._typed = typed and weights.types is not None
        make = partial(cross_graph, weights, head, typed=self._typed)
        longest = weights.max_tokens
        self._engine = TokenEngine(make, dim=head.outputs, max_tokens=longest, threads=threads)

    def forward(self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, outputs), before any activation.

        ids: Of n sequences, special tokens included; see `TokenEngine.forward`. types: Of each
        token, 0 for the first text and 1 for the second.
        """
        return self._engine.forward(ids, **({TYPES: types} if self._typed else {}))

    def release(self) -> None:
        """Free memory that only makes the next call faster: the graph."""
        self._engine.release()


def cross_graph(weights: BertWeights, head: Head, *, typed: bool) -> bytes:
    """Build the graph of token ids to "scores" (N, outputs); typed: with the input "types"."""
    g = Graph()
    x = add_states(g, weights, in_float32, depth=len(weights.layers), typed=typed)[-1]
    first = g.reshape(g("Gather", x, g.constant(np.array([0])), axis=1), -1, weights.dim)
    linear(g, g(head.activation, linear(g, first, head.dense)), head.out, name="scores")
    ports = INPUTS | ({TYPES: integers("N", "T", bits=32)} if typed else {})
    return g.build(ports, {"scores": floats("N", head.outputs)})
