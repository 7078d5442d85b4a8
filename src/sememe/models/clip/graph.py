"""The ONNX graphs of CLIP's two towers, written out from the weights.

    layer   normalise, one product for query, key and value, MultiHeadAttention, product, add;
            normalise, product, activation, product, add
    image   squares of pixels, one product, a class token before them, positions, normalise; layers;
            the class token's state, normalise, product
    text    word + position; layers in which a token sees those before it alone; the state of the
            token that ends the text, normalise, product

Texts are padded at the end: no token that counts can see it. Of the last layer only the state that
counts is computed. Normalisation of pixels is part of
the first product, so that the graph reads the bytes of a picture.

Reference: Radford et al. 2021 (arXiv:2103.00020); the layer is that of Radford et al. 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sememe.models.onnx.builder import Graph, Port, floats, whole

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.bert.weights import Layer
    from sememe.models.clip.config import Tower
    from sememe.models.clip.weights import ImageWeights, TextWeights
    from sememe.models.image.preprocess import Preprocess

_INT32 = 6  # ONNX's number of the type


def image_graph(weights: ImageWeights, preprocess: Preprocess) -> bytes:
    """Pixels "pixels" (N, size, size, 3) uint8 to "features" (N, dim), not normalised."""
    g = Graph()
    x = _patches(g, weights, preprocess)
    if weights.first is not None:
        x = _normalised(g, weights.tower, x, weights.first)
    for layer in weights.layers[:-1]:
        x = _layer(g, weights.tower, layer, x, causal=False)

    def first(x: str) -> str:
        return g("Gather", x, g.constant(np.array([0])), axis=1)

    x = _last(g, weights.tower, weights.layers[-1], x, first)
    x = _normalised(g, weights.tower, x, weights.last)
    g.named("features", "MatMul", x, g.constant(weights.projection))
    size = preprocess.size
    ports = {"pixels": Port("UINT8", ("N", size, size, 3))}
    return g.build(ports, {"features": floats("N", weights.projection.shape[1])})


def text_graph(weights: TextWeights) -> bytes:
    """Token ids "ids" (N, T) int32, padded at the end with 0, to unit rows "rows" (N, dim)."""
    g = Graph()
    zero, two = g.constant(np.array([0])), g.constant(np.array([2]))
    length = g("Slice", g("Shape", "ids"), g.constant(np.array([1])), two, zero)
    places = g("Slice", g.constant(weights.places), zero, length, zero)  # (T, width)
    x = g("Add", g("Gather", g.constant(weights.words), "ids", axis=0), places)
    for layer in weights.layers[:-1]:
        x = _layer(g, weights.tower, layer, x, causal=True)
    place = _ending(g, weights.eos)  # (N, 1, 1)

    def ending(x: str) -> str:
        return g("GatherND", x, place, batch_dims=1)

    seen = g("Cast", g("Add", g.reshape(place, -1), g.constant(np.array([1]))), to=_INT32)
    x = _last(g, weights.tower, weights.layers[-1], x, ending, seen)
    x = _normalised(g, weights.tower, x, weights.last)
    y = g("MatMul", x, g.constant(weights.projection))
    if weights.bias is not None:
        y = g("Add", y, g.constant(weights.bias))
    g.named("rows", "LpNormalization", y, axis=1, p=2)
    ports = {"ids": whole("N", "T", bits=32)}
    return g.build(ports, {"rows": floats("N", weights.projection.shape[1])})


def _patches(g: Graph, weights: ImageWeights, preprocess: Preprocess) -> str:
    """Pixels to the states of the class token and the patches, positions added."""
    width, _, patch, _ = weights.patches.shape
    n = preprocess.size // patch
    x = "pixels"
    if n * patch < preprocess.size:  # what is over at the right and below is not seen
        ends = [g.constant(np.array(e)) for e in ([0, 0], [n * patch] * 2, [1, 2])]
        x = g("Slice", x, *ends)
    x = g.reshape(g("Cast", x, to=1), -1, n, patch, n, patch * 3)
    x = g.reshape(g("Transpose", x, perm=[0, 1, 3, 2, 4]), -1, n * n, patch * patch * 3)
    matrix, bias = _pixel_product(weights, preprocess)
    x = g("MatMul", x, g.constant(matrix))
    x = g("Pad", x, g.constant(np.array([0, 1, 0, 0, 0, 0])))  # a row for the class token
    places = weights.places.astype(np.float64)
    places[1:] += bias
    return g("Add", x, g.constant(places.astype(np.float32)))


def _pixel_product(weights: ImageWeights, preprocess: Preprocess) -> tuple[FloatArray, FloatArray]:
    """Return the matrix (pixels of a patch, width) and the bias (width,) for bytes of 0 to 255.

    A pixel is to be v / 255 less the mean, over the deviation: the kernel is divided by 255 times
    the deviation, and what the mean takes away is the same for every patch.
    """
    kernel = weights.patches.astype(np.float64)  # (width, 3, patch, patch)
    mean, std = (np.array(x, np.float64)[:, None, None] for x in (preprocess.mean, preprocess.std))
    bias = -(kernel * (mean / std)).sum(axis=(1, 2, 3))
    scaled = (kernel / (255 * std)).transpose(2, 3, 1, 0)  # pixels lie by row, column, channel
    return scaled.reshape(-1, len(kernel)).astype(np.float32), bias


def _layer(g: Graph, tower: Tower, layer: Layer, x: str, *, causal: bool) -> str:
    """Add one layer to the graph: states (N, T, width) to states."""
    y = _normalised(g, tower, x, layer.norm1)
    parts = g.many("Split", _product(g, y, layer.qkv, layer.qkv_bias), outputs=3, axis=2,
                   num_outputs=3)  # fmt: skip
    y = g.fused("MultiHeadAttention", *parts, num_heads=tower.heads, unidirectional=int(causal))
    return _fed(g, tower, layer, x, y)


def _last(
    g: Graph, tower: Tower, layer: Layer, x: str, only: Callable[[str], str], seen: str = ""
) -> str:
    """Add the last layer, of which one state counts: states (N, T, width) to it, (N, width).

    only: Takes that state out of all of them, (N, 1, width). seen: (N,) int32, how many of the
    states it sees; all unless told.
    """
    width = tower.width
    y = _normalised(g, tower, x, layer.norm1)
    query = _product(g, only(y), layer.qkv[:, :width], layer.qkv_bias[:width])
    others = _product(g, y, layer.qkv[:, width:], layer.qkv_bias[width:])
    parts = [query, *g.many("Split", others, outputs=2, axis=2, num_outputs=2)]
    y = g.fused("MultiHeadAttention", *parts, "", seen, num_heads=tower.heads)
    return g.reshape(_fed(g, tower, layer, only(x), y), -1, width)


def _fed(g: Graph, tower: Tower, layer: Layer, x: str, y: str) -> str:
    """Add what attention found, and the feed-forward part after it, to states."""
    x = g("Add", x, _product(g, y, layer.out, layer.out_bias))
    y = _product(g, _normalised(g, tower, x, layer.norm2), layer.up, layer.up_bias)
    y = _product(g, _activated(g, y, tower.activation), layer.down, layer.down_bias)
    return g("Add", x, y)


def _ending(g: Graph, eos: int | None) -> str:
    """Return the place of the first token that ends each text, (N, 1, 1)."""
    ids = "ids"
    if eos is not None:
        ids = g("Cast", g("Equal", "ids", g.constant(np.array([eos], np.int32))), to=_INT32)
    return g.reshape(g("ArgMax", ids, axis=1, keepdims=1), -1, 1, 1)


def _product(g: Graph, x: str, matrix: FloatArray, bias: FloatArray) -> str:
    return g("Add", g("MatMul", x, g.constant(matrix)), g.constant(bias))


def _normalised(g: Graph, tower: Tower, x: str, norm: tuple[FloatArray, FloatArray]) -> str:
    return g("LayerNormalization", x, *map(g.constant, norm), axis=-1, epsilon=tower.epsilon)


def _activated(g: Graph, x: str, activation: str) -> str:
    if activation == "quick_gelu":
        return g.fused("QuickGelu", x, alpha=1.702)
    if activation == "relu":
        return g("Relu", x)
    return g("Gelu", x, approximate="none" if activation == "gelu" else "tanh")
