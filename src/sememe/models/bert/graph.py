"""Build the ONNX graph of BERT's family from its weights.

    tokens   word + position, LayerNormalization
    layer    one product for query, key and value, MultiHeadAttention, product, add, normalise;
             product, BiasGelu, product, add, normalise

Sequences of a batch are padded at the end to the longest, and their lengths hide the padding from
attention. How the products are computed is left to `Products`: in float32, or on whole numbers of 8
bits (`sememe.models.bert.int8`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.models.bert.merging import Merging, Tokens, count_sizes, merge_tokens
from sememe.models.bert.weights import BertWeights
from sememe.models.onnx.batches import make_inputs
from sememe.models.onnx.builder import Graph, Port, floats, integers
from sememe.models.onnx.transformer import Products, Transformer, embed_tokens

INPUTS: dict[str, Port] = {"ids": integers("N", "T", bits=32), "lengths": integers("N", bits=32)}
WORDS = "words"  # the input of word embeddings, if these are no array: (used, dim)
TYPES = "types"  # the input of token types, if a graph has it: (N, T) int32


def state_graph(weights: BertWeights, *, layers: Sequence[int], products: Products) -> bytes:
    """Build the graph of token ids to tokens' states, the mean over `layers` of their outputs.

    Inputs: "ids" (N, T) int32, padded with any id; "lengths" (N,) int32; where the embeddings are
    no array, "words" (used, dim), in which the ids are places. Output: "states" (N, T, dim)
    float32; rows of padding are arbitrary. layers: 0 is the embeddings, the last is
    len(weights.layers).
    """
    g = Graph()
    states = add_states(g, weights, products, depth=max(layers))
    g.output("states", "Mean", *(states[i] for i in layers))
    return g.build(input_ports(weights), {"states": floats("N", "T", weights.dim)})


def input_ports(weights: BertWeights) -> dict[str, Port]:
    """Return the graph's inputs that come with every batch; see `network_inputs`."""
    if isinstance(weights.words, np.ndarray):
        return INPUTS
    return INPUTS | {WORDS: floats("used", weights.dim)}


def network_inputs(
    weights: BertWeights,
    ids: Sequence[Sequence[int]],
    lengths: NDArray[np.int64],
    batch: NDArray[np.int64],
) -> dict[str, Any]:
    """Return the inputs of a batch: see `state_graph`; of a table of rows, those that it uses."""
    inputs = make_inputs(ids, lengths, batch)
    if not isinstance(weights.words, np.ndarray):
        used, places = np.unique(inputs["ids"], return_inverse=True)
        inputs["ids"] = places.reshape(inputs["ids"].shape).astype(np.int32)
        inputs[WORDS] = weights.words.rows(used)
    return inputs


def add_states(
    g: Graph, weights: BertWeights, products: Products, *, depth: int, typed: bool = False
) -> list[str]:
    """Append the embeddings and `depth` layers; return the name of each's states (N, T, dim).

    typed: The graph has the input TYPES; without it all tokens are of the first type.
    """
    x = embed_tokens(g, weights.words, weights.positions)
    if typed:
        x = g("Add", x, g("Gather", g.constant(weights.types), TYPES, axis=0))
    network = _open_network(g, weights, products)
    states = [network.normalise(x, weights.norm)]
    bias = "" if weights.distances is None else _slice_distances(g, weights.distances)
    for number in range(depth):
        layer = weights.layers[number]
        states.append(network.layer(states[-1], layer, number=number, bias=bias))
    return states


def add_merged_states(
    g: Graph, weights: BertWeights, products: Products, merging: Merging
) -> tuple[str, str]:
    """Append the embeddings and all layers, between which tokens are merged.

    Returns the last layer's states (N, T', dim) and the weights of pooling (N, ways, T') that the
    input "pool" has become.
    """
    network = _open_network(g, weights, products)
    x = add_states(g, weights, products, depth=0)[0]
    tokens = Tokens(x, "lengths", count_sizes(g, x, "lengths"), "pool")
    for number, layer in enumerate(weights.layers):
        if number in merging.layers:
            tokens = merge_tokens(g, tokens, merging)
            network = replace(network, lengths=tokens.lengths)
        tokens = replace(tokens, states=network.layer(tokens.states, layer, number=number))
    return tokens.states, tokens.pool


def _open_network(g: Graph, weights: BertWeights, products: Products) -> Transformer:
    return Transformer(
        g,
        heads=weights.heads,
        activation=weights.activation,
        epsilon=weights.epsilon,
        norm_first=False,
        lengths="lengths",
        products=products,
    )


def _slice_distances(g: Graph, bias: FloatArray) -> str:
    """Append the slice of (heads, max_tokens, max_tokens) for a batch: (1, heads, T, T)."""
    one, two, zero = (g.constant(np.array([i])) for i in (1, 2, 0))
    length = g("Slice", g("Shape", "ids"), one, two, zero)
    ends = g("Concat", length, length, axis=0)
    starts, axes = g.constant(np.array([0, 0])), g.constant(np.array([2, 3]))
    return g("Slice", g.constant(bias[None]), starts, ends, axes)
