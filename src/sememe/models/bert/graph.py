"""The ONNX graph of BERT's family, written out from the weights.

    tokens   word + position, LayerNormalization
    layer    one product for query, key and value, MultiHeadAttention, product, add, normalise;
             product, BiasGelu, product, add, normalise

Sequences of a batch are padded at the end to the longest, and their lengths hide the padding from
attention. How the products are computed is left to `Products`: in float32, or on whole numbers of 8
bits (`sememe.models.bert.int8`). Normalisation is not ONNX Runtime's SkipLayerNormalization, which
takes seven times as long on CPU as an addition and LayerNormalization do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sememe.models.onnx.builder import Graph, Port, floats, whole

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.bert.weights import BertWeights, Layer

INPUTS: dict[str, Port] = {"ids": whole("N", "T", bits=32), "lengths": whole("N", bits=32)}
TYPES = "types"  # the input of types, where a graph has it: (N, T) int32
PLACES = ("qkv", "out", "up", "down")  # the products of a layer


class Products(Protocol):
    """How matrices are multiplied."""

    def __call__(
        self, g: Graph, x: str, place: tuple[int, str], matrix: FloatArray, bias: FloatArray
    ) -> str:
        """Add x @ matrix + bias to the graph; place: the layer's number, and one of PLACES."""
        ...


def in_float32(
    g: Graph, x: str, place: tuple[int, str], matrix: FloatArray, bias: FloatArray
) -> str:
    """Multiply as it is written."""
    return g("Add", g("MatMul", x, g.constant(matrix)), g.constant(bias))


def state_graph(
    weights: BertWeights, *, layers: Sequence[int], products: Products = in_float32
) -> bytes:
    """Token ids to the tokens' states, the mean over `layers` of what each gives out.

    Inputs: "ids" (N, T) int32, padded with any id; "lengths" (N,) int32. Output: "states"
    (N, T, dim) float32; rows of padding are arbitrary. layers: 0 is the embeddings, the last is
    len(weights.layers).
    """
    g = Graph()
    states = states_of(g, weights, products, depth=max(layers))
    g.named("states", "Mean", *(states[i] for i in layers))
    return g.build(INPUTS, {"states": floats("N", "T", weights.dim)})


def states_of(
    g: Graph, weights: BertWeights, products: Products, *, depth: int, typed: bool = False
) -> list[str]:
    """Add the embeddings and `depth` layers to the graph; returns their states (N, T, dim).

    typed: The graph has the input TYPES; without it all tokens are of the first type.
    """
    states = [_embedded(g, weights, typed)]
    for number, layer in enumerate(weights.layers[:depth]):
        states.append(_layer(g, weights, products, number, layer, states[-1]))
    return states


def _embedded(g: Graph, weights: BertWeights, typed: bool) -> str:
    zero, two = g.constant(np.array([0])), g.constant(np.array([1]))
    length = g("Slice", g("Shape", "ids"), two, g.constant(np.array([2])), zero)
    places = g("Slice", g.constant(weights.positions), zero, length, zero)  # (T, dim)
    x = g("Add", g("Gather", g.constant(weights.words), "ids", axis=0), places)
    if typed:
        x = g("Add", x, g("Gather", g.constant(weights.types), TYPES, axis=0))
    return _normalised(g, weights, x, weights.norm)


def _layer(
    g: Graph, weights: BertWeights, products: Products, number: int, layer: Layer, x: str
) -> str:
    """Add one layer to the graph: states (N, T, dim) to states."""
    y = products(g, x, (number, "qkv"), layer.qkv, layer.qkv_bias)
    parts = g.many("Split", y, outputs=3, axis=2, num_outputs=3)
    bias = "" if weights.distances is None else _distances(g, weights.distances)
    inputs = [*parts, "", "lengths", bias] if bias else [*parts, "", "lengths"]
    y = g.fused("MultiHeadAttention", *inputs, num_heads=weights.heads)
    y = products(g, y, (number, "out"), layer.out, layer.out_bias)
    x = _normalised(g, weights, g("Add", y, x), layer.norm1)
    y = products(g, x, (number, "up"), layer.up, layer.up_bias)
    y = _activated(g, y, weights.activation)
    y = products(g, y, (number, "down"), layer.down, layer.down_bias)
    return _normalised(g, weights, g("Add", y, x), layer.norm2)


def _distances(g: Graph, bias: FloatArray) -> str:
    """Cut (heads, most, most) to the batch's length: (1, heads, T, T)."""
    one, two = g.constant(np.array([1])), g.constant(np.array([2]))
    length = g("Slice", g("Shape", "ids"), one, two, g.constant(np.array([0])))
    ends = g("Concat", length, length, axis=0)
    starts, axes = g.constant(np.array([0, 0])), g.constant(np.array([2, 3]))
    return g("Slice", g.constant(bias[None]), starts, ends, axes)


def _normalised(g: Graph, weights: BertWeights, x: str, norm: tuple[FloatArray, FloatArray]) -> str:
    return g("LayerNormalization", x, *map(g.constant, norm), axis=-1, epsilon=weights.epsilon)


def _activated(g: Graph, x: str, activation: str) -> str:
    if activation == "relu":
        return g("Relu", x)
    return g("Gelu", x, approximate="none" if activation == "gelu" else "tanh")
