"""Run a sentence encoder on CPU: token ids to unit vectors, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sememe._cpus import count_cpus
from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.models.bert.folder import Dense
from sememe.models.bert.graph import (
    add_merged_states,
    add_states,
    input_ports,
    network_inputs,
    state_graph,
)
from sememe.models.bert.merging import Merging
from sememe.models.bert.pooling import pooling_weights
from sememe.models.bert.weights import BertWeights
from sememe.models.onnx.batches import Batches
from sememe.models.onnx.builder import Graph, floats
from sememe.models.onnx.session import LazySession
from sememe.models.onnx.token_engine import TOKENS_AT_ONCE
from sememe.models.onnx.transformer import Products, in_float32

_THREADS = 4  # of a sequence that is alone, such as a query; more would wait for one another


class SentenceEngine:
    """The network, its pooling and the dense layers.

    Batches run side by side, each on one thread; a sequence that is alone is divided among several.

    merging: Of tokens between layers, for sentences' vectors; `states` has all tokens. Pooling is
    then a sum (not "max"), sequences have two tokens or more, and the network no bias by distance:
    InvalidInputError otherwise.

    Attributes:
        dim: Width of a sentence's vector.
        max_tokens: The longest sequence, special tokens included.
        n_layers: Number of layers, the embeddings (layer 0) not counted.
    """

    tokens_at_once = TOKENS_AT_ONCE

    def __init__(
        self,
        weights: BertWeights,
        *,
        pooling: Sequence[str] = ("mean",),
        dense: Sequence[Dense] = (),
        products: Products = in_float32,
        merging: Merging | None = None,
        threads: int | None = None,
    ) -> None:
        if merging is not None:
            _check_merging(weights, pooling)
        self.dim = int(dense[-1].matrix.shape[1]) if dense else weights.dim * len(pooling)
        self.max_tokens = weights.max_tokens
        self.n_layers = len(weights.layers)
        self._weights = weights
        self._pooling = tuple(pooling)
        self._products = products
        least = 1 if merging is None else 2
        self._batches = Batches(min_tokens=least, max_tokens=weights.max_tokens, threads=threads)
        make = partial(sentence_graph, weights, self._pooling, tuple(dense), products, merging)
        self._sentences = LazySession(make)
        self._sentence = LazySession(make, threads=min(threads or count_cpus(), _THREADS))
        self._states: tuple[tuple[int, ...], LazySession] | None = None

    def forward(self, ids: Sequence[Sequence[int]], *, skip: int = 0) -> FloatArray:
        """Return (n, dim) unit rows for n sequences of token ids, special tokens included.

        skip: Tokens at the beginning of each that are read but not pooled, as those of a prompt.
        Lengths are checked by `Batches.lengths`.
        """
        session = self._sentence if len(ids) == 1 else self._sentences

        def run(lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> FloatArray:
            inputs = network_inputs(self._weights, ids, lengths, batch)
            inputs["pool"] = pooling_weights(self._pooling, lengths[batch], skip=skip)
            return session.run(inputs)[0]

        return self._batches.rows(ids, self.dim, run)

    def states(
        self, ids: Sequence[Sequence[int]], *, layers: Sequence[int] | None = None
    ) -> list[FloatArray]:
        """Return the states of each sequence's tokens, (its length, width of the network).

        layers: Whose mean is taken, 0 for the embeddings; by default the last. InvalidInputError if
        there is no such layer.
        """
        chosen = self._check_layers(layers)
        kept = self._states  # the graph of the last call; another thread may replace it
        if kept is None or kept[0] != chosen:
            make = partial(state_graph, self._weights, layers=chosen, products=self._products)
            kept = self._states = chosen, LazySession(make)
        session = kept[1]

        def run(lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> FloatArray:
            return session.run(network_inputs(self._weights, ids, lengths, batch))[0]

        return self._batches.states(ids, run)

    def release(self) -> None:
        """Free memory that only makes the next call faster: the graphs."""
        self._sentences.release()
        self._sentence.release()
        self._states = None

    def _check_layers(self, layers: Sequence[int] | None) -> tuple[int, ...]:
        chosen = tuple(layers) if layers is not None else (self.n_layers,)
        if not chosen or not all(0 <= layer <= self.n_layers for layer in chosen):
            raise InvalidInputError(
                f"layers={list(chosen)}; the network has layers 0 (the embeddings) to "
                f"{self.n_layers}. Give one or more of them"
            )
        return chosen


def _check_merging(weights: BertWeights, pooling: Sequence[str]) -> None:
    """Refuse what merged tokens cannot have."""
    bias = weights.distances is not None
    if bias or "max" in pooling:
        what = "a bias by distance" if bias else f"pooling={tuple(pooling)}"
        raise InvalidInputError(f"tokens cannot be merged with {what}. Give merging=None.")


def sentence_graph(
    weights: BertWeights,
    pooling: Sequence[str],
    dense: Sequence[Dense],
    products: Products,
    merging: Merging | None = None,
) -> bytes:
    """Build the graph of token ids to unit rows "rows" (N, dim).

    The inputs are those of `state_graph` and "pool" (N, ways, T), the weights of pooling.
    """
    g = Graph()
    pool, dim = "pool", weights.dim * len(pooling)
    if merging is None:
        x = add_states(g, weights, products, depth=len(weights.layers))[-1]  # (N, T, dim)
    else:
        x, pool = add_merged_states(g, weights, products, merging)
    if "max" in pooling:
        parts = [_pool(g, x, way, i) for i, way in enumerate(pooling)]
        y = g("Concat", *parts, axis=1)  # (N, ways * dim)
    else:
        y = g.reshape(g("MatMul", pool, x), -1, dim)
    for step in dense:
        y, dim = g("MatMul", y, g.constant(step.matrix)), step.matrix.shape[1]
        if step.bias is not None:
            y = g("Add", y, g.constant(step.bias))
        if step.activation:
            y = g(step.activation, y)
    g.output("rows", "LpNormalization", y, axis=1, p=2)
    ports = input_ports(weights) | {"pool": floats("N", len(pooling), "T")}
    return g.build(ports, {"rows": floats("N", dim)})


def _pool(g: Graph, x: str, way: str, number: int) -> str:
    """Append pooling by one row of "pool": (N, T, dim) to (N, dim)."""
    row = g("Gather", "pool", g.constant(np.array([number])), axis=1)  # (N, 1, T)
    axis = g.constant(np.array([1]))
    if way != "max":
        return g("Squeeze", g("MatMul", row, x), axis)
    inside = g("Greater", g("Transpose", row, perm=[0, 2, 1]), g.constant(np.float32(0)))
    least = g.constant(np.float32(np.finfo(np.float32).min))
    return g("ReduceMax", g("Where", inside, x, least), axis, keepdims=0)
