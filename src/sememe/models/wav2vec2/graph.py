"""Build the ONNX graph of wav2vec 2.0 and HuBERT from the weights.

    frames     convolutions over samples, with normalisation and activation; norm, projection
    positions  a convolution over frames, added to them
    layer      a transformer layer, pre-norm or post-norm

Clips of a batch are padded at the end, and the number of each clip's frames masks the rest: frames
of padding are zero before the positional convolution, as beyond a clip's end, and attention skips
them. If the first convolution is normalised over the whole clip (the config's "group"), padding
would still count: such clips must be of one length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sememe.models.onnx.builder import Graph, LargeGraph, Port, floats, integers
from sememe.models.onnx.transformer import Transformer, activate, linear, normalise
from sememe.models.wav2vec2.weights import Adapter, Filter, SpeechWeights

INPUTS: dict[str, Port] = {"samples": floats("N", "S"), "lengths": integers("N", bits=32)}
_EPSILON = 1e-5  # of torch's GroupNorm and LayerNorm


def speech_graph(
    weights: SpeechWeights, *, layers: Sequence[int] = (), logits: bool = False
) -> LargeGraph:
    """Build the graph of samples to the states of some layers, and to logits of units.

    Inputs: "samples" (N, S) float32; "lengths" (N,) int32, the number of each clip's frames.
    Outputs: "statesK" (N, T, dim) for each K of `layers`, 0 for the input of the first layer, and
    with the final normalisation for the last; "logits" (N, T, units). Rows of padding are
    arbitrary.
    """
    g, config = Graph(external=True), weights.config
    depth = config.layers if logits else max(layers)
    states = _append_layers(g, weights, depth)
    outputs = {}
    for layer in sorted(set(layers)):
        g.output(f"states{layer}", "Identity", states[layer])
        outputs[f"states{layer}"] = floats("N", "T", config.dim)
    if logits and weights.head is not None:
        linear(g, states[-1], weights.head, name="logits")
        outputs["logits"] = floats("N", "T", config.vocab_size)
    return g.build_large(INPUTS, outputs)


def _append_layers(g: Graph, weights: SpeechWeights, depth: int) -> list[str]:
    """Append the network up to a depth; return the states of each layer (N, T, dim), 0 first."""
    config = weights.config
    x = _encode_features(g, weights)
    if weights.project_norm is not None:
        x = normalise(g, x, weights.project_norm, config.epsilon)
    x = linear(g, x, weights.projection)  # (N, T, dim)
    mask = _mask_padding(g, x)
    x = g("Mul", x, mask)
    x = g("Add", x, _embed_positions(g, weights, x, mask))
    if not config.norm_first:
        x = normalise(g, x, weights.norm, config.epsilon)
    states = [x]
    network = Transformer(
        g,
        heads=config.heads,
        activation=config.activation,
        epsilon=config.epsilon,
        norm_first=config.norm_first,
        lengths="lengths",
    )
    for number, layer in enumerate(weights.layers[:depth]):
        x = network.layer(states[-1], layer)
        states.append(_adapt(g, weights.adapters[number], x) if weights.adapters else x)
    if config.norm_first and depth == config.layers:
        states[-1] = normalise(g, states[-1], weights.norm, config.epsilon)
    return states


def _encode_features(g: Graph, weights: SpeechWeights) -> str:
    """Append the feature encoder: samples (N, S) to frames (N, T, channels)."""
    config = weights.config
    x = g("Unsqueeze", "samples", g.constant(np.array([1])))  # (N, 1, S)
    for one, filter in zip(config.convolutions, weights.filters, strict=True):
        x = _convolve(g, x, filter, one.stride, config.conv_norm)
        x = activate(g, x, config.conv_activation)
    return g("Transpose", x, perm=[0, 2, 1])


def _convolve(g: Graph, x: str, weights: Filter, stride: int, norm: str) -> str:
    """Append a convolution and its normalisation: (N, channels, S) to (N, channels out, T)."""
    inputs = [x, g.constant(weights.matrix)]
    inputs += [] if weights.bias is None else [g.constant(weights.bias)]
    x = g("Conv", *inputs, strides=[stride])
    if weights.norm is None:
        return x
    if norm == "group":  # a group for each channel
        return g("InstanceNormalization", x, *map(g.constant, weights.norm), epsilon=_EPSILON)
    x = normalise(g, g("Transpose", x, perm=[0, 2, 1]), weights.norm, _EPSILON)
    return g("Transpose", x, perm=[0, 2, 1])


def _mask_padding(g: Graph, x: str) -> str:
    """Append (N, T, 1): 1 for frames of the clip, 0 for padding."""
    zero, one = g.constant(np.array(0)), g.constant(np.array(1))
    length = g("Squeeze", g("Shape", x, start=1, end=2))
    frames = g("Range", zero, length, one)
    lengths = g("Unsqueeze", g("Cast", "lengths", to=7), g.constant(np.array([1])))  # 7: int64
    own = g("Cast", g("Less", frames, lengths), to=1)  # 1: float32
    return g("Unsqueeze", own, g.constant(np.array([2])))


def _embed_positions(g: Graph, weights: SpeechWeights, x: str, mask: str) -> str:
    """Append the positional convolution (N, T, dim); an even kernel loses its last frame."""
    config = weights.config
    if weights.position_norm is not None:
        scale, shift = map(g.constant, weights.position_norm)
        x = g("Mul", g("Add", g("Mul", x, scale), shift), mask)
    kernel = config.position_kernel
    pads = [kernel // 2, kernel // 2 - (kernel % 2 == 0)]
    matrix, bias = map(g.constant, weights.positions)
    x = g("Transpose", x, perm=[0, 2, 1])  # (N, dim, T)
    x = g("Conv", x, matrix, bias, group=config.position_groups, pads=pads)
    return g("Transpose", activate(g, x, config.conv_activation), perm=[0, 2, 1])


def _adapt(g: Graph, adapter: Adapter, x: str) -> str:
    y = normalise(g, x, adapter.norm, _EPSILON)
    return g("Add", x, linear(g, g("Relu", linear(g, y, adapter.down)), adapter.up))
