"""Run a cross-encoder on CPU: the token ids of two texts in one sequence to scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.models.bert.graph import INPUTS, TYPES, states_of
from sememe.models.onnx.batches import Batches, batch_inputs, padded
from sememe.models.onnx.builder import Graph, floats, session, whole
from sememe.models.onnx.transformer import in_float32, linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.bert.weights import BertWeights
    from sememe.models.cross_encoder.head import Head


class CrossEngine:
    """The network and its head."""

    def __init__(
        self, weights: BertWeights, head: Head, *, typed: bool = True, threads: int | None = None
    ) -> None:
        """Take the two.

        typed: Whether the tokens' types are heeded, where the network has several.
        """
        self._weights = weights
        self._head = head
        self._typed = typed and weights.types is not None
        self._batches = Batches(max_tokens=weights.max_tokens, threads=threads)

    def forward(self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, outputs), before any activation.

        ids: of n sequences, marks included. types: of each token, 0 for the first text and 1 for
        the second.

        Raises:
            InvalidInputError: A sequence without tokens, or beyond the table of positions.
        """

        def run(lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> FloatArray:
            inputs = batch_inputs(ids, lengths, batch)
            if self._typed:
                inputs[TYPES] = padded(types, lengths, batch)
            scores: FloatArray = self._session.run(None, inputs)[0]
            return scores

        return self._batches.rows(ids, self._head.outputs, run)

    def release(self) -> None:
        """Give back the memory that only makes the next call faster: the graph."""
        self.__dict__.pop("_session", None)

    @cached_property
    def _session(self) -> Any:
        return session(cross_graph(self._weights, self._head, typed=self._typed))


def cross_graph(weights: BertWeights, head: Head, *, typed: bool) -> bytes:
    """Token ids to "scores" (N, outputs); typed: with "types" (N, T) beside the usual inputs."""
    g = Graph()
    x = states_of(g, weights, in_float32, depth=len(weights.layers), typed=typed)[-1]
    first = g.reshape(g("Gather", x, g.constant(np.array([0])), axis=1), -1, weights.dim)
    y = linear(g, first, (head.dense, head.dense_bias))
    linear(g, g(head.activation, y), (head.out, head.out_bias), name="scores")
    ports = INPUTS | ({TYPES: whole("N", "T", bits=32)} if typed else {})
    return g.build(ports, {"scores": floats("N", head.outputs)})
