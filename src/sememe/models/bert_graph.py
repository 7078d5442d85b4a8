"""The ONNX graph of BERT's family, written out with ONNX Runtime's fused operators.

    tokens   EmbedLayerNormalization: word + position, normalised
    layer    Attention, MatMul, SkipLayerNormalization (add and normalise);
             MatMul, BiasGelu, MatMul, SkipLayerNormalization

Sequences of a batch are padded at the end to the longest, and their lengths hide the padding from
attention. In int8 each matrix product is done on whole numbers, see `sememe.models.int8`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from sememe.models.graph import Graph, Port, floats, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sememe._types import FloatArray
    from sememe.models.bert_weights import BertWeights, Layer

Dtype = Literal["float32", "int8"]
INPUTS: dict[str, Port] = {"ids": whole("N", "T", bits=32), "lengths": whole("N", bits=32)}


def state_graph(weights: BertWeights, *, layers: Sequence[int], dtype: Dtype = "float32") -> bytes:
    """Token ids to the tokens' states, the mean over `layers` of what each gives out.

    Inputs: "ids" (N, T) int32, padded with any id; "lengths" (N,) int32. Output: "states"
    (N, T, dim) float32; rows of padding are arbitrary. layers: 0 is the embeddings, the last is
    len(weights.layers).
    """
    g = Graph()
    states = [embed(g, weights)]
    for layer in weights.layers[: max(layers)]:
        states.append(encoder_layer(g, weights, layer, states[-1], dtype))
    chosen = [states[i] for i in layers]
    g.named("states", "Mean", *chosen)
    return g.build(INPUTS, {"states": floats("N", "T", weights.dim)})


def embed(g: Graph, weights: BertWeights) -> str:
    """Add the embeddings of "ids" (N, T) to the graph; returns (N, T, dim)."""
    words, positions = g.constant(weights.words), g.constant(weights.positions)
    gain, bias = map(g.constant, weights.norm)
    inputs = ["ids", "", words, positions, "", gain, bias]
    return g.fused("EmbedLayerNormalization", *inputs, epsilon=weights.epsilon, outputs=2)


def encoder_layer(g: Graph, weights: BertWeights, layer: Layer, x: str, dtype: Dtype) -> str:
    """Add one layer to the graph: states (N, T, dim) to states."""
    attended = _attention(g, weights, layer, x)
    y = g("MatMul", attended, g.constant(layer.out))
    x = _add_and_normalise(g, weights, y, x, layer.out_bias, layer.norm1)
    inner = _activated(g, g("MatMul", x, g.constant(layer.up)), layer.up_bias, weights.activation)
    y = g("MatMul", inner, g.constant(layer.down))
    return _add_and_normalise(g, weights, y, x, layer.down_bias, layer.norm2)


def _attention(g: Graph, weights: BertWeights, layer: Layer, x: str) -> str:
    inputs = [x, g.constant(layer.qkv), g.constant(layer.qkv_bias), "lengths"]
    if weights.distances is not None:
        inputs += ["", _distances(g, weights.distances, x)]
    return g.fused("Attention", *inputs, num_heads=weights.heads)


def _distances(g: Graph, bias: FloatArray, x: str) -> str:
    """Cut (heads, most, most) to the batch's length: (1, heads, T, T)."""
    length = g("Slice", g("Shape", x), *(g.constant(np.array([i])) for i in (1, 2, 0)))
    ends = g("Concat", length, length, axis=0)
    starts, axes = g.constant(np.array([0, 0])), g.constant(np.array([2, 3]))
    return g("Slice", g.constant(bias[None]), starts, ends, axes)


def _add_and_normalise(
    g: Graph,
    weights: BertWeights,
    y: str,
    x: str,
    bias: FloatArray,
    norm: tuple[FloatArray, FloatArray],
) -> str:
    inputs = [y, x, *map(g.constant, norm), g.constant(bias)]
    return g.fused("SkipLayerNormalization", *inputs, epsilon=weights.epsilon)


def _activated(g: Graph, x: str, bias: FloatArray, activation: str) -> str:
    if activation == "gelu":
        return g.fused("BiasGelu", x, g.constant(bias))
    if activation == "relu":
        return g("Relu", g("Add", x, g.constant(bias)))
    return g.fused("FastGelu", x, g.constant(bias))  # by tanh
