"""Build the ONNX graphs of CLIP's two towers from the weights.

    image   patch embedding, class token, positions, norm; pre-norm layers; the class token's state,
            norm, projection
    text    words + positions; causal pre-norm layers; the state of the end token, norm, projection

Texts are padded at the end, to which no used state attends. Of the last layer only the used state
is computed. Normalisation of pixels is folded into the patch embedding: the graph's input is bytes.

Reference: Radford et al. 2021 (arXiv:2103.00020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sememe._types import FloatArray
from sememe.models.clip.config import Tower
from sememe.models.clip.weights import ImageWeights, TextWeights
from sememe.models.image.preprocess import Preprocess
from sememe.models.onnx.builder import Graph, Port, floats, integers
from sememe.models.onnx.transformer import Layer, Transformer, embed_tokens, linear

_INT32 = 6  # ONNX's number of the type


def image_graph(weights: ImageWeights, preprocess: Preprocess) -> bytes:
    """Build the graph of "pixels" (N, size, size, 3) uint8 to "features" (N, dim)."""
    g = Graph()
    network = _make_layers(g, weights.tower)
    x = _embed_patches(g, weights, preprocess)  # (N, 1 + patches, width)
    if weights.first is not None:
        x = network.normalise(x, weights.first)
    for layer in weights.layers[:-1]:
        x = network.layer(x, layer)
    x = _append_last_layer(
        network, weights.layers[-1], x, lambda y: g("Gather", y, g.constant(np.array([0])), axis=1)
    )  # (N, width)
    x = network.normalise(x, weights.last)
    g.output("features", "MatMul", x, g.constant(weights.projection))
    size = preprocess.size
    ports = {"pixels": Port("UINT8", ("N", size, size, 3))}
    return g.build(ports, {"features": floats("N", weights.projection.shape[1])})


def text_graph(weights: TextWeights) -> bytes:
    """Build the graph of "ids" (N, T) int32, zeros after each text, to unit "rows" (N, dim)."""
    g = Graph()
    network = _make_layers(g, weights.tower, causal=True)
    x = embed_tokens(g, weights.words, weights.positions)  # (N, T, width)
    for layer in weights.layers[:-1]:
        x = network.layer(x, layer)
    end = _find_end(g, weights.eos)  # (N, 1, 1)
    seen = g("Cast", g("Add", g.reshape(end, -1), g.constant(np.array([1]))), to=_INT32)
    network = replace(network, causal=False)  # the last layer's one query attends to `seen` states
    x = _append_last_layer(
        network, weights.layers[-1], x, lambda y: g("GatherND", y, end, batch_dims=1), seen=seen
    )  # (N, width)
    x = network.normalise(x, weights.last)
    y = g("MatMul", x, g.constant(weights.projection))
    if weights.bias is not None:
        y = g("Add", y, g.constant(weights.bias))
    g.output("rows", "LpNormalization", y, axis=1, p=2)
    ports = {"ids": integers("N", "T", bits=32)}
    return g.build(ports, {"rows": floats("N", weights.projection.shape[1])})


def _make_layers(g: Graph, tower: Tower, *, causal: bool = False) -> Transformer:
    return Transformer(
        g,
        heads=tower.heads,
        activation=tower.activation,
        epsilon=tower.epsilon,
        norm_first=True,
        causal=causal,
    )


def _embed_patches(g: Graph, weights: ImageWeights, preprocess: Preprocess) -> str:
    """Append patch embedding: pixels (N, size, size, 3) to (N, 1 + patches, width)."""
    width, _, patch, _ = weights.patches.shape
    n = preprocess.size // patch
    x = "pixels"
    if n * patch < preprocess.size:  # the remainder at the right and below is cut off
        ends = ([0, 0], [n * patch] * 2, [1, 2])
        x = g("Slice", x, *(g.constant(np.array(end)) for end in ends))
    x = g.reshape(g("Cast", x, to=1), -1, n, patch, n, patch * 3)  # rows, then columns
    x = g.reshape(g("Transpose", x, perm=[0, 1, 3, 2, 4]), -1, n * n, patch * patch * 3)
    matrix, bias = _fold_pixels(weights, preprocess)
    x = g("MatMul", x, g.constant(matrix))  # (N, patches, width)
    x = g("Pad", x, g.constant(np.array([0, 1, 0, 0, 0, 0])))  # a row for the class token
    positions = weights.positions.astype(np.float64)
    positions[1:] += bias
    return g("Add", x, g.constant(positions.astype(np.float32)))


def _fold_pixels(weights: ImageWeights, preprocess: Preprocess) -> tuple[FloatArray, FloatArray]:
    """Return the matrix (pixels of a patch, width) and the bias (width,) for bytes of 0 to 255.

    A pixel v becomes (v / 255 - mean) / std: the kernel is divided by 255 std, and the mean's part
    is the same for every patch.
    """
    kernel = weights.patches.astype(np.float64)  # (width, 3, patch, patch)
    mean, std = (np.array(x, np.float64)[:, None, None] for x in (preprocess.mean, preprocess.std))
    bias = -(kernel * (mean / std)).sum(axis=(1, 2, 3))
    scaled = (kernel / (255 * std)).transpose(2, 3, 1, 0)  # (patch, patch, 3, width)
    return scaled.reshape(-1, len(kernel)).astype(np.float32), bias


def _append_last_layer(
    network: Transformer, layer: Layer, x: str, pick: Callable[[str], str], *, seen: str = ""
) -> str:
    """Append the last layer for one state of each sequence: (N, T, width) to (N, width).

    pick: Selects that state, (N, T, width) to (N, 1, width). seen: (N,) int32, how many states it
    attends to; all by default.
    """
    g, width = network.g, len(layer.out)
    y = network.normalise(x, layer.norm1)
    query = linear(g, pick(y), (layer.qkv[:, :width], layer.qkv_bias[:width]))  # (N, 1, width)
    others = linear(g, y, (layer.qkv[:, width:], layer.qkv_bias[width:]))  # (N, T, 2 width)
    parts = [query, *g.many("Split", others, outputs=2, axis=2, num_outputs=2)]
    y = linear(g, network.attend(parts, lengths=seen), (layer.out, layer.out_bias))
    x = g("Add", pick(x), y)
    y = network.feed_forward(network.normalise(x, layer.norm2), layer)
    return g.reshape(g("Add", x, y), -1, width)


def _find_end(g: Graph, eos: int | None) -> str:
    """Append the position of each text's first end token: (N, 1, 1)."""
    ids = "ids"
    if eos is not None:
        ids = g("Cast", g("Equal", "ids", g.constant(np.array([eos], np.int32))), to=_INT32)
    return g.reshape(g("ArgMax", ids, axis=1, keepdims=1), -1, 1, 1)
