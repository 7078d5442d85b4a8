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
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sememe.models.onnx.builder import Graph, Port, floats, integers
from sememe.models.onnx.transformer import Transformer, embed_tokens, linear

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.clip.config import Tower
    from sememe.models.clip.weights import ImageWeights, TextWeights
    from sememe.models.image.preprocess import Preprocess
    from sememe.models.onnx.transformer import Layer

_INT32 = 6  # ONNX's number of the type


def image_graph(weights: ImageWeights, preprocess: Preprocess) -> bytes:
    """Pixels "pixels" (N, size, size, 3) uint8 to "features" (N, dim), not normalised."""
    g = Graph()
    network = _layers(g, weights.tower)
    x = _patches(g, weights, preprocess)  # (N, 1 + patches, width)
    if weights.first is not None:
        x = network.normalise(x, weights.first)
    for layer in weights.layers[:-1]:
        x = network.layer(x, layer)

    def first(x: str) -> str:
        return g("Gather", x, g.constant(np.array([0])), axis=1)

    x = _last_layer(network, weights.layers[-1], x, first)  # (N, width)
    x = network.normalise(x, weights.last)
    g.output("features", "MatMul", x, g.constant(weights.projection))
    size = preprocess.size
    ports = {"pixels": Port("UINT8", ("N", size, size, 3))}
    return g.build(ports, {"features": floats("N", weights.projection.shape[1])})


def text_graph(weights: TextWeights) -> bytes:
    """Token ids "ids" (N, T) int32, padded at the end with 0, to unit rows "rows" (N, dim)."""
    g = Graph()
    network = _layers(g, weights.tower, causal=True)
    x = embed_tokens(g, weights.words, weights.places)  # (N, T, width)
    for layer in weights.layers[:-1]:
        x = network.layer(x, layer)
    place = _ending(g, weights.eos)  # (N, 1, 1)

    def ending(x: str) -> str:
        return g("GatherND", x, place, batch_dims=1)

    seen = g("Cast", g("Add", g.reshape(place, -1), g.constant(np.array([1]))), to=_INT32)
    network = replace(network, causal=False)  # the last layer's one query sees `seen` states
    x = _last_layer(network, weights.layers[-1], x, ending, seen=seen)  # (N, width)
    x = network.normalise(x, weights.last)
    y = g("MatMul", x, g.constant(weights.projection))
    if weights.bias is not None:
        y = g("Add", y, g.constant(weights.bias))
    g.output("rows", "LpNormalization", y, axis=1, p=2)
    ports = {"ids": integers("N", "T", bits=32)}
    return g.build(ports, {"rows": floats("N", weights.projection.shape[1])})


def _layers(g: Graph, tower: Tower, *, causal: bool = False) -> Transformer:
    return Transformer(
        g,
        heads=tower.heads,
        activation=tower.activation,
        epsilon=tower.epsilon,
        norm_first=True,
        causal=causal,
    )


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


def _last_layer(
    network: Transformer, layer: Layer, x: str, pick: Callable[[str], str], *, seen: str = ""
) -> str:
    """Append the last layer for the one state that counts: (N, T, width) to (N, width).

    pick: Takes that state out of all of them, (N, T, width) to (N, 1, width). seen: (N,) int32, how
    many of the states it sees; all by default.
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


def _ending(g: Graph, eos: int | None) -> str:
    """Return the place of the first token that ends each text, (N, 1, 1)."""
    ids = "ids"
    if eos is not None:
        ids = g("Cast", g("Equal", "ids", g.constant(np.array([eos], np.int32))), to=_INT32)
    return g.reshape(g("ArgMax", ids, axis=1, keepdims=1), -1, 1, 1)
