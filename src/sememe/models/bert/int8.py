"""A network of BERT's family in int8: half the time, nearly the same vectors.

A product x @ W is computed as round(x / s + z) @ round(W / t), s and z for all of x, t for each
column of W. s and z are measured once, on activations of sample texts, and held fixed, so that a
text's vector does not depend on its batch.

One s for all would leave most values coarse, in two ways. A few channels of normalised states are
ten times as large as the rest: they are first smoothed, x / c and c W, which changes nothing in
exact arithmetic (SmoothQuant, Xiao et al. 2023, arXiv:2211.10438). And between the two products of
the feed-forward part a few tokens, such as the first of a text, are: there, and after attention,
each token's row is divided by its largest value before the product, and multiplied by it after.
Of multilingual-e5-small the second makes the mean cosine to float32 0.9996, not 0.9966.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from sememe._types import FloatArray
from sememe.models.bert.graph import add_states, input_ports, network_inputs
from sememe.models.bert.weights import BertWeights
from sememe.models.onnx.builder import Graph, Port, floats
from sememe.models.onnx.session import open_session
from sememe.models.onnx.transformer import in_float32

Key = tuple[int, str]  # number of the layer, name of the product
_SMOOTHED = ("qkv", "up")  # products whose inputs were just normalised; others are scaled by row
_FLOOR = 0.1  # quantile of the rows' largest values below which none is made larger
_CLIPPED = 1e-5  # share of values clipped on either side
_TOKENS = 4000  # of the sample, at most


@dataclass(frozen=True, eq=False, slots=True)
class Range:
    """Quantisation of one product's inputs: round(x / channels / top / scale) + zero.

    channels: (inputs,), or None for a factor of one. floor: If given, `top` is the largest value of
    each row, at least `floor`, else one.
    """

    scale: np.float32
    zero: np.uint8
    channels: FloatArray | None
    floor: np.float32 | None = None


class Int8:
    """`Products` in int8."""

    def __init__(self, ranges: Mapping[Key, Range]) -> None:
        self._ranges = ranges

    def __call__(self, g: Graph, x: str, key: Key, matrix: FloatArray, bias: FloatArray) -> str:
        """Append x @ matrix + bias."""
        span = self._ranges[key]
        if span.channels is not None:
            x = g("Mul", x, g.constant(1 / span.channels))
            matrix = matrix * span.channels[:, None]
        top = "" if span.floor is None else _find_tops(g, x, key, span.floor)
        if top:
            x = g("Div", x, top)
        quantised, steps = quantise(matrix)
        middle = ""  # of the weights, which is zero
        if products_saturate():
            quantised = quantised.view(np.uint8) ^ 128
            middle = g.constant(np.full(len(steps), 128, np.uint8))
        scale, zero = g.constant(span.scale), g.constant(span.zero)
        x = g("QuantizeLinear", x, scale, zero)
        inputs = [x, g.constant(quantised), scale, g.constant(steps), zero, middle]
        if not top:
            return g.contrib("MatMulIntegerToFloat", *inputs, g.constant(bias))
        y = g.contrib("MatMulIntegerToFloat", *(inputs if middle else inputs[:-1]))
        return g("Add", g("Mul", y, top), g.constant(bias))


def _find_tops(g: Graph, x: str, key: Key, floor: np.float32) -> str:
    """Append the largest value of each row (..., 1); after an activation none is far below zero."""
    sizes = x if key[1] == "down" else g("Abs", x)
    tops = g("ReduceMax", sizes, g.constant(np.array([-1])), keepdims=1)
    return g("Max", tops, g.constant(floor))


@cache
def products_saturate() -> bool:
    """Return whether products of uint8 and int8 are cut off at 16 bits on this CPU.

    x86-64 CPUs without VNNI add up pairs of them in 16 bits, which large values exceed. There,
    weights are given as uint8, shifted by 128: the products are then exact, and as fast, so that a
    text's vector does not depend on that. (Passages with merged tokens: docs/decisions.md.)
    """
    g = Graph()
    weights = np.full((64, 16), 127, np.int8)
    g.output("y", "MatMulInteger", "x", g.constant(weights))
    ports = {"x": Port("UINT8", ("N", 64))}, {"y": Port("INT32", ("N", 16))}
    session = open_session(g.build(*ports))
    results = (session.run(None, {"x": np.full((n, 64), 255, np.uint8)})[0] for n in (1, 64))
    return any((result != 64 * 127 * 255).any() for result in results)


def quantise(matrix: FloatArray) -> tuple[np.ndarray, FloatArray]:
    """Return round(W / t) in -127..127 as int8, and t (columns,), 1 where a column is zero.

    >>> quantised, steps = quantise(np.array([[1.27, 0.0], [-0.635, 0.0]], np.float32))
    >>> quantised.tolist(), [round(float(step), 3) for step in steps]
    ([[127, 0], [-64, 0]], [0.01, 1.0])
    """
    most = np.abs(matrix).max(axis=0)
    steps = np.where(most > 0, most / 127, 1).astype(np.float32)
    return np.rint(matrix / steps).astype(np.int8), steps


def measure_ranges(weights: BertWeights, ids: Sequence[Sequence[int]]) -> dict[Key, Range]:
    """Return the ranges of all products' inputs on sample sequences, special tokens included."""
    return {
        (number, name): _measure_range(name, x, getattr(weights.layers[number], name))
        for (number, name), x in _collect_inputs(weights, ids).items()
    }


def _measure_range(name: str, x: FloatArray, matrix: FloatArray) -> Range:
    channels = None
    if name in _SMOOTHED:
        channels = np.sqrt(np.abs(x).max(axis=0) / np.abs(matrix).max(axis=1).clip(1e-9))
        channels = np.where(channels > 0, channels, 1)
        channels = (channels / np.exp(np.log(channels).mean())).astype(np.float32)
        low, high = np.quantile(x / channels, [_CLIPPED, 1 - _CLIPPED])
        floor = None
    else:
        tops = (x if name == "down" else np.abs(x)).max(axis=1)
        floor = np.float32(max(np.quantile(tops, _FLOOR), 1e-6))
        low, high = (x / np.maximum(tops, floor)[:, None]).min(), 1.0
    low, high = min(float(low), 0.0), max(float(high), 1e-6)
    scale = (high - low) / 255
    return Range(np.float32(scale), np.uint8(round(-low / scale)), channels, floor)


def _collect_inputs(weights: BertWeights, ids: Sequence[Sequence[int]]) -> dict[Key, FloatArray]:
    """Return the inputs of each product for at most `_TOKENS` tokens: (tokens, inputs)."""
    names: dict[Key, tuple[str, int]] = {}

    def record(g: Graph, x: str, key: Key, matrix: FloatArray, bias: FloatArray) -> str:
        names[key] = x, len(matrix)
        return in_float32(g, x, key, matrix, bias)

    g = Graph()
    add_states(g, weights, record, depth=len(weights.layers))
    ports = {x: floats("N", "T", width) for x, width in names.values()}
    session = open_session(g.build(input_ports(weights), ports))
    kept: dict[Key, list[FloatArray]] = {key: [] for key in names}
    left = _TOKENS
    for row in ids:
        if left <= 0:
            break
        inputs = network_inputs(weights, [row], np.array([len(row)]), np.array([0]))
        values = dict(zip(ports, session.run(list(ports), inputs), strict=True))
        for key, (x, _) in names.items():
            kept[key].append(values[x][0, :left])
        left -= len(row)
    return {key: np.concatenate(rows) for key, rows in kept.items()}
