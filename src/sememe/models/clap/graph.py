"""Build the ONNX graphs of CLAP's two towers from the weights.

    audio    mel bins scaled, stretched to the frames of an image, folded, cut into patches; stages
             of layers; the mean of the states; two linear layers
    layer    pre-norm, with attention within windows
    stage    layers, every second one with windows shifted by half a window; then patch merging:
             four neighbouring states become one, twice as wide
    text     RoBERTa's layers; the first token's state, linear, tanh; two linear layers

A spectrogram is folded: of 1,024 frames of 64 bins, four segments of 256 frames are stacked, the
first at the top. The audio graph reads one clip; clips run in parallel.

Reference: Wu et al. 2023 (arXiv:2211.06687); Chen et al. 2022 (arXiv:2202.00874).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sememe._types import FloatArray
from sememe.models.bert.graph import INPUTS, add_states
from sememe.models.clap.config import AudioTower
from sememe.models.clap.weights import Block, ClapAudioWeights, ClapTextWeights, Fusion, Merging
from sememe.models.onnx.builder import Graph, LargeGraph, floats
from sememe.models.onnx.transformer import Transformer, activate, in_float32, linear, normalise

if TYPE_CHECKING:
    from sememe.models.onnx.transformer import Product

_EPSILON = 1e-5  # of torch's LayerNorm
_MASKED = -100.0  # added to attention scores between windows, as in Swin
_CUBIC = -0.75  # the parameter of cubic interpolation, as torch has it


def text_graph(weights: ClapTextWeights) -> LargeGraph:
    """Build the graph of token ids to unit rows "rows" (N, dim); inputs as in `bert.graph`."""
    g, network = Graph(external=True), weights.network
    states = add_states(g, network, in_float32, depth=len(network.layers))
    first = g("Gather", states[-1], g.constant(np.array([0])), axis=1)  # (N, 1, width)
    x = g("Tanh", linear(g, g.reshape(first, -1, network.dim), weights.pooler))
    dim = _project(g, x, weights.projection, weights.activation)
    return g.build_large(INPUTS, {"rows": floats("N", dim)})


def audio_graph(weights: ClapAudioWeights, *, frames: int, fused: bool = False) -> LargeGraph:
    """Build the graph of decibels "mels" (1, frames, mels) to a unit row "rows" (1, dim).

    fused: "mels" is (4, frames, mels): the whole clip, and three parts of it.
    """
    g, tower = Graph(external=True), weights.tower
    x = _make_image(g, weights, frames)
    patches = _embed_patches(g, tower, x, weights.patches, weights.fusion if fused else None)
    if weights.patch_norm is not None:
        patches = normalise(g, patches, weights.patch_norm, _EPSILON)
    x, (rows, columns) = patches, tower.grid
    for stage, blocks in enumerate(weights.stages):
        for number, block in enumerate(blocks):
            shift = tower.window // 2 if number % 2 and min(rows, columns) > tower.window else 0
            x = _append_layer(g, tower, block, x, (rows, columns), shift)
        if stage < len(weights.merging):
            x = _merge(g, weights.merging[stage], x, (rows, columns))
            rows, columns = rows // 2, columns // 2
    x = normalise(g, x, weights.norm, _EPSILON)
    x = g("ReduceMean", x, g.constant(np.array([1])), keepdims=0)  # (1, dim)
    dim = _project(g, x, weights.projection, weights.activation)
    ports = {"mels": floats(4 if fused else 1, frames, tower.mels)}
    return g.build_large(ports, {"rows": floats(1, dim)})


def interpolation_matrix(frames: int, most: int) -> FloatArray:
    """Return (most, frames): cubic interpolation of frames to more, with aligned corners.

    >>> interpolation_matrix(2, 2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    positions = np.arange(most) * ((frames - 1) / max(most - 1, 1))
    floors = np.floor(positions).astype(np.int64)
    fractions = positions - floors
    weights = np.zeros((most, frames))
    for step in (-1, 0, 1, 2):
        d = np.abs(fractions - step)
        near = ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1
        far = ((_CUBIC * d - 5 * _CUBIC) * d + 8 * _CUBIC) * d - 4 * _CUBIC
        weight = np.where(d <= 1, near, far)
        np.add.at(weights, (np.arange(most), np.clip(floors + step, 0, frames - 1)), weight)
    return weights.astype(np.float32)


def _make_image(g: Graph, weights: ClapAudioWeights, frames: int) -> str:
    """Append folding of spectrograms: (channels, frames, mels) to (channels, 1, side, side)."""
    tower = weights.tower
    scale, shift = map(g.constant, weights.scale)
    x = g("Add", g("Mul", "mels", scale), shift)
    if frames < tower.max_frames:
        x = g("MatMul", g.constant(interpolation_matrix(frames, tower.max_frames)), x)
    x = g.reshape(x, -1, tower.fold, tower.side, tower.mels)  # (channels, fold, side, mels)
    x = g("Transpose", x, perm=[0, 1, 3, 2])  # (channels, fold, mels, side)
    return g.reshape(x, -1, 1, tower.side, tower.side)


def _embed_patches(
    g: Graph, tower: AudioTower, image: str, kernel: Product, fusion: Fusion | None
) -> str:
    """Append patch embedding: (channels, 1, side, side) to (1, patches, width)."""
    rows, columns = tower.grid
    whole = g.slice(image, 0, 1, axis=0) if fusion is not None else image
    pads = [*tower.pads, *tower.pads]
    x = g("Conv", whole, *map(g.constant, kernel), strides=list(tower.stride), pads=pads)
    x = g.reshape(g("Transpose", x, perm=[0, 2, 3, 1]), 1, rows * columns, tower.width)
    if fusion is None:
        return x
    down, across = tower.stride
    parts = g.slice(image, 1, 4, axis=0)
    y = g("Conv", parts, *map(g.constant, fusion.patches), strides=[down, 3 * across], pads=pads)
    count = (tower.side + 2 * tower.pads[1] - 3 * tower.patch[1]) // (3 * across) + 1
    y = g.reshape(g("Transpose", y, perm=[2, 0, 3, 1]), 1, rows, 3 * count, tower.width)
    y = g("Pad", y, g.constant(np.array([0, 0, 0, 0, 0, 0, columns - 3 * count, 0])))
    return _fuse(g, fusion, x, g.reshape(y, 1, rows * columns, tower.width))


def _fuse(g: Graph, fusion: Fusion, x: str, y: str) -> str:
    """Append the fusion of states (1, patches, width) of the whole and of its parts.

    Attentional feature fusion (Dai et al. 2021, arXiv:2009.14082).
    """
    both = g("Add", x, y)
    mean = g("ReduceMean", both, g.constant(np.array([1])), keepdims=1)
    scores = [
        linear(g, g("Relu", linear(g, states, first)), second)
        for states, (first, second) in ((both, fusion.local), (mean, fusion.general))
    ]
    gate = g("Sigmoid", g("Add", *scores))
    weighted = g("Mul", g("Sub", x, y), gate)  # 2 (x gate + y (1 - gate))
    return g("Mul", g("Add", weighted, y), g.constant(np.array(2, np.float32)))


def _append_layer(
    g: Graph, tower: AudioTower, block: Block, x: str, grid: tuple[int, int], shift: int
) -> str:
    """Append one layer: states (1, rows * columns, width) to states of that shape."""
    layer = block.layer
    rows, columns = (-(-side // tower.window) * tower.window for side in grid)  # padded
    heads = len(block.distances)
    network = Transformer(
        g, heads=heads, activation=tower.activation, epsilon=tower.epsilon, norm_first=True
    )
    y = network.normalise(x, layer.norm1)
    y = g.reshape(y, *grid, len(layer.out))  # (rows, columns, width)
    if (rows, columns) != grid:
        y = g("Pad", y, g.constant(np.array([0, 0, 0, rows - grid[0], columns - grid[1], 0])))
    y = _split_windows(g, _roll(g, y, shift), tower.window, rows, columns)
    bias = block.distances[None]
    if shift:
        bias = bias + _mask_windows(rows, columns, tower.window, shift)[:, None]
    y = network.self_attention(y, layer, bias=g.constant(bias))
    y = _roll(g, _join_windows(g, y, tower.window, rows, columns, len(layer.out)), -shift)
    if (rows, columns) != grid:
        for axis in (0, 1):
            y = g.slice(y, 0, grid[axis], axis=axis)
    x = g("Add", x, g.reshape(y, 1, grid[0] * grid[1], len(layer.out)))
    return g("Add", x, network.feed_forward(network.normalise(x, layer.norm2), layer))


def _roll(g: Graph, x: str, shift: int) -> str:
    """Append a cyclic shift of states (rows, columns, width), up and left."""
    for axis in (0, 1) if shift else ():
        rest = g.slice(x, shift, np.iinfo(np.int64).max, axis=axis)
        x = g("Concat", rest, g.slice(x, 0, shift, axis=axis), axis=axis)
    return x


def _split_windows(g: Graph, x: str, side: int, rows: int, columns: int) -> str:
    """Append the partition into windows: (rows, columns, width) to (windows, side², width)."""
    x = g.reshape(x, rows // side, side, columns // side, side, -1)
    x = g("Transpose", x, perm=[0, 2, 1, 3, 4])
    return g.reshape(x, rows * columns // side**2, side**2, -1)


def _join_windows(g: Graph, x: str, side: int, rows: int, columns: int, width: int) -> str:
    """Append the inverse of `_split_windows`."""
    x = g.reshape(x, rows // side, columns // side, side, side, width)
    return g.reshape(g("Transpose", x, perm=[0, 2, 1, 3, 4]), rows, columns, width)


def _mask_windows(rows: int, columns: int, side: int, shift: int) -> FloatArray:
    """Return (windows, side², side²), which masks states that a shift brought together."""

    def regions(length: int) -> FloatArray:
        at = np.arange(length)
        return (at >= length - side).astype(np.float32) + (at >= length - shift)

    area = 3 * regions(rows)[:, None] + regions(columns)
    area = area.reshape(rows // side, side, columns // side, side).transpose(0, 2, 1, 3)
    area = area.reshape(-1, 1, side**2)
    return np.where(area != area.transpose(0, 2, 1), _MASKED, 0).astype(np.float32)


def _merge(g: Graph, merging: Merging, x: str, grid: tuple[int, int]) -> str:
    """Append patch merging: (1, rows * columns, width) to (1, rows * columns / 4, 2 width)."""
    rows, columns = grid
    width = len(merging.matrix) // 4
    x = g.reshape(x, rows // 2, 2, columns // 2, 2, width)
    x = g("Transpose", x, perm=[0, 2, 3, 1, 4])  # of each four, the lower left comes second
    x = g.reshape(x, 1, rows * columns // 4, 4 * width)
    return g("MatMul", normalise(g, x, merging.norm, _EPSILON), g.constant(merging.matrix))


def _project(g: Graph, x: str, projection: tuple[Product, Product], activation: str) -> int:
    """Append the projection into the common space, the output "rows"; return its width."""
    first, second = projection
    y = linear(g, activate(g, linear(g, x, first), activation), second)
    g.output("rows", "LpNormalization", y, axis=1, p=2)
    return len(second[1])
