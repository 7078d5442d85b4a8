"""A network of BERT's family in whole numbers of 8 bits: half the time, hardly other vectors.

A product x @ W is done as round(x / s + z) @ round(W / t), s and z for all of x, t for each column
of W. Both are measured once: s and z from what flows through the network on sample texts, and held
fixed, so that a text's vector does not depend on what else is in its batch.

A few channels of normalised states are ten times as large as the rest, and one s for all would
leave the rest coarse. So channels are first evened out, x / c and c W, which changes nothing in
exact arithmetic (SmoothQuant, Xiao et al. 2023, arXiv:2211.10438).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sememe.models.bert.graph import INPUTS, states_of
from sememe.models.onnx.builder import Graph, floats
from sememe.models.onnx.session import open_session
from sememe.models.onnx.transformer import in_float32

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.bert.weights import BertWeights

    Place = tuple[int, str]

_EVENED = ("qkv", "up")  # products whose inputs were just normalised
_BEYOND = 1e-5  # share of values on either side that may be cut off
_TOKENS = 4000  # of the sample that are kept


@dataclass(frozen=True, eq=False, slots=True)
class Range:
    """How one product's inputs become whole numbers: round(x / channels / scale) + zero.

    channels: (inputs,), or None where all count alike.
    """

    scale: np.float32
    zero: np.uint8
    channels: FloatArray | None


class Int8:
    """`Products` on whole numbers."""

    def __init__(self, ranges: Mapping[Place, Range]) -> None:
        self._ranges = ranges

    def __call__(self, g: Graph, x: str, place: Place, matrix: FloatArray, bias: FloatArray) -> str:
        """Add x @ matrix + bias to the graph."""
        found = self._ranges[place]
        if found.channels is not None:
            x = g("Mul", x, g.constant(1 / found.channels))
            matrix = matrix * found.channels[:, None]
        whole, steps = to_whole(matrix)
        scale, zero = g.constant(found.scale), g.constant(found.zero)
        x = g("QuantizeLinear", x, scale, zero)
        inputs = [x, g.constant(whole), scale, g.constant(steps), zero, "", g.constant(bias)]
        return g.fused("MatMulIntegerToFloat", *inputs)


def to_whole(matrix: FloatArray) -> tuple[np.ndarray, FloatArray]:
    """Return round(W / t) in -127..127 as int8, and t (columns,), 1 where a column is zero.

    >>> whole, steps = to_whole(np.array([[1.27, 0.0], [-0.635, 0.0]], np.float32))
    >>> whole.tolist(), [round(float(step), 3) for step in steps]
    ([[127, 0], [-64, 0]], [0.01, 1.0])
    """
    most = np.abs(matrix).max(axis=0)
    steps = np.where(most > 0, most / 127, 1).astype(np.float32)
    return np.rint(matrix / steps).astype(np.int8), steps


def measure_ranges(weights: BertWeights, ids: Sequence[Sequence[int]]) -> dict[Place, Range]:
    """Return the ranges of all products' inputs on sample sequences, marks included."""
    inputs = product_inputs(weights, ids)
    return {
        (number, name): _range(name, x, getattr(weights.layers[number], name))
        for (number, name), x in inputs.items()
    }


def _range(name: str, x: FloatArray, matrix: FloatArray) -> Range:
    channels = None
    if name in _EVENED:
        channels = np.sqrt(np.abs(x).max(axis=0) / np.abs(matrix).max(axis=1).clip(1e-9))
        channels = np.where(channels > 0, channels, 1)
        channels = (channels / np.exp(np.log(channels).mean())).astype(np.float32)
        x = x / channels
    low, high = np.quantile(x, [_BEYOND, 1 - _BEYOND])
    low, high = min(float(low), 0.0), max(float(high), 1e-6)
    scale = (high - low) / 255
    return Range(np.float32(scale), np.uint8(round(-low / scale)), channels)


def product_inputs(weights: BertWeights, ids: Sequence[Sequence[int]]) -> dict[Place, FloatArray]:
    """Return what goes into each product for at most `_TOKENS` tokens: (tokens, inputs)."""
    names: dict[Place, tuple[str, int]] = {}

    def noted(g: Graph, x: str, place: Place, matrix: FloatArray, bias: FloatArray) -> str:
        names[place] = x, len(matrix)
        return in_float32(g, x, place, matrix, bias)

    g = Graph()
    states_of(g, weights, noted, depth=len(weights.layers))
    ports = {x: floats("N", "T", width) for x, width in names.values()}
    run = open_session(g.build(INPUTS, ports))
    kept: dict[Place, list[FloatArray]] = {place: [] for place in names}
    left = _TOKENS
    for row in ids:
        if left <= 0:
            break
        inputs = {"ids": np.array([row], np.int32), "lengths": np.array([len(row)], np.int32)}
        found = dict(zip(ports, run.run(list(ports), inputs), strict=True))
        for place, (x, _) in names.items():
            kept[place].append(found[x][0, :left])
        left -= len(row)
    return {place: np.concatenate(rows) for place, rows in kept.items()}
