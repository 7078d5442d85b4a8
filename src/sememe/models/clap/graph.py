"""The ONNX graphs of CLAP's two towers, written out from the weights.

    audio    mel bins scaled, brought to the frames of an image, folded, cut into patches; stages of
             layers; the mean of the states; two products
    layer    normalise, attention within windows, add; normalise, product, activation, product, add
    stage    layers whose windows lie half a window further every second time; then four states
             that lie together become one, twice as wide
    text     RoBERTa's layers; the first token's state, product, tangent; two products

A spectrogram is folded: of 1,024 frames of 64 bins, four stretches of 256 frames lie one above the
other, the first at the top. The audio graph reads one clip; clips run side by side.

Reference: Wu et al. 2023 (arXiv:2211.06687); Chen et al. 2022 (arXiv:2202.00874).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sememe.models.bert.graph import INPUTS, add_states
from sememe.models.onnx.builder import Graph, LargeGraph, floats
from sememe.models.onnx.transformer import Transformer, activate, in_float32, linear, normalise

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.clap.config import AudioTower
    from sememe.models.clap.weights import (
        Block,
        ClapAudioWeights,
        ClapTextWeights,
        Fusion,
        Merging,
        Projection,
    )
    from sememe.models.onnx.transformer import Product

_EPSILON = 1e-5  # of torch's LayerNorm, where a config says nothing else
_HIDDEN = -100.0  # added to the score of a state of another window
_CUBIC = -0.75  # the parameter of cubic interpolation, as torch has it


def text_graph(weights: ClapTextWeights) -> LargeGraph:
    """Token ids to unit rows "rows" (N, dim); for its inputs see `bert_graph`."""
    g, network = Graph(external=True), weights.network
    states = add_states(g, network, in_float32, depth=len(network.layers))
    first = g("Gather", states[-1], g.constant(np.array([0])), axis=1)  # (N, 1, width)
    x = g("Tanh", linear(g, g.reshape(first, -1, network.dim), weights.pooler))
    dim = _projected(g, x, weights.projection, weights.activation)
    return g.build_large(INPUTS, {"rows": floats("N", dim)})


def audio_graph(weights: ClapAudioWeights, *, frames: int, fused: bool = False) -> LargeGraph:
    """Decibels "mels" (1, frames, mels) of one clip to a unit row "rows" (1, dim).

    fused: "mels" is (4, frames, mels): the whole clip, and three parts of it.
    """
    g, tower = Graph(external=True), weights.tower
    x = _image(g, weights, frames)
    patches = _patches(g, tower, x, weights.patches, weights.fusion if fused else None)
    if weights.patch_norm is not None:
        patches = normalise(g, patches, weights.patch_norm, _EPSILON)
    x, (rows, columns) = patches, tower.grid
    for stage, blocks in enumerate(weights.stages):
        for number, block in enumerate(blocks):
            shifted = number % 2 == 1 and min(rows, columns) > tower.window
            x = _layer(g, tower, block, x, (rows, columns), tower.window // 2 if shifted else 0)
        if stage < len(weights.merging):
            x = _merged(g, weights.merging[stage], x, (rows, columns))
            rows, columns = rows // 2, columns // 2
    x = normalise(g, x, weights.norm, _EPSILON)
    x = g("ReduceMean", x, g.constant(np.array([1])), keepdims=0)  # (1, dim)
    dim = _projected(g, x, weights.projection, weights.activation)
    ports = {"mels": floats(4 if fused else 1, frames, tower.mels)}
    return g.build_large(ports, {"rows": floats(1, dim)})


def stretching(frames: int, most: int) -> FloatArray:
    """Return (most, frames): cubic interpolation from so many frames to more, ends upon ends.

    >>> stretching(2, 2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    places = np.arange(most) * ((frames - 1) / max(most - 1, 1))
    whole = np.floor(places).astype(np.int64)
    part = places - whole
    found = np.zeros((most, frames))
    for step in (-1, 0, 1, 2):
        d = np.abs(part - step)
        near = ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1
        far = ((_CUBIC * d - 5 * _CUBIC) * d + 8 * _CUBIC) * d - 4 * _CUBIC
        weight = np.where(d <= 1, near, far)
        np.add.at(found, (np.arange(most), np.clip(whole + step, 0, frames - 1)), weight)
    return found.astype(np.float32)


def _image(g: Graph, weights: ClapAudioWeights, frames: int) -> str:
    """Add what makes images of spectrograms: (channels, frames, mels) to (channels, 1, side²)."""
    tower = weights.tower
    scale, shift = map(g.constant, weights.scale)
    x = g("Add", g("Mul", "mels", scale), shift)
    if frames < tower.max_frames:
        x = g("MatMul", g.constant(stretching(frames, tower.max_frames)), x)
    x = g.reshape(x, -1, tower.fold, tower.side, tower.mels)
    x = g("Transpose", x, perm=[0, 1, 3, 2])
    return g.reshape(x, -1, 1, tower.side, tower.side)


def _patches(
    g: Graph, tower: AudioTower, image: str, kernel: Product, fusion: Fusion | None
) -> str:
    """Add what cuts images into patches: their states (1, patches, width)."""
    rows, columns = tower.grid
    whole = _between(g, image, 0, 1, axis=0) if fusion is not None else image
    pads = [*tower.pads, *tower.pads]
    x = g("Conv", whole, *map(g.constant, kernel), strides=list(tower.stride), pads=pads)
    x = g.reshape(g("Transpose", x, perm=[0, 2, 3, 1]), 1, rows * columns, tower.width)
    if fusion is None:
        return x
    down, across = tower.stride
    parts = _between(g, image, 1, 4, axis=0)
    y = g("Conv", parts, *map(g.constant, fusion.patches), strides=[down, 3 * across], pads=pads)
    one = (tower.side + 2 * tower.pads[1] - 3 * tower.patch[1]) // (3 * across) + 1
    y = g.reshape(g("Transpose", y, perm=[2, 0, 3, 1]), 1, rows, 3 * one, tower.width)
    y = g("Pad", y, g.constant(np.array([0, 0, 0, 0, 0, 0, columns - 3 * one, 0])))
    return _fused(g, fusion, x, g.reshape(y, 1, rows * columns, tower.width))


def _fused(g: Graph, fusion: Fusion, x: str, y: str) -> str:
    """Weigh states (1, patches, width) of the whole against those of its parts.

    Attentional feature fusion (Dai et al. 2021, arXiv:2009.14082).
    """
    both = g("Add", x, y)
    mean = g("ReduceMean", both, g.constant(np.array([1])), keepdims=1)
    scores = [
        linear(g, g("Relu", linear(g, states, first)), second)
        for states, (first, second) in ((both, fusion.local), (mean, fusion.general))
    ]
    share = g("Sigmoid", g("Add", *scores))
    apart = g("Mul", g("Sub", x, y), share)  # 2 x share + 2 y (1 - share)
    return g("Mul", g("Add", apart, y), g.constant(np.array(2, np.float32)))


def _layer(
    g: Graph, tower: AudioTower, block: Block, x: str, grid: tuple[int, int], shift: int
) -> str:
    """Add one layer: states (1, rows * columns, width) to states."""
    layer = block.layer
    rows, columns = (-(-side // tower.window) * tower.window for side in grid)  # filled up
    network = Transformer(
        g,
        heads=len(block.distances),
        activation=tower.activation,
        epsilon=tower.epsilon,
        norm_first=True,
    )
    y = network.normalise(x, layer.norm1)
    y = g.reshape(y, *grid, len(layer.out))
    if (rows, columns) != grid:
        y = g("Pad", y, g.constant(np.array([0, 0, 0, rows - grid[0], columns - grid[1], 0])))
    y = _windows(g, _rolled(g, y, shift), tower.window, rows, columns)
    bias = block.distances[None]
    if shift:
        bias = bias + _hidden(rows, columns, tower.window, shift)[:, None]
    y = network.self_attention(y, layer, bias=g.constant(bias))
    y = _rolled(g, _unwindowed(g, y, tower.window, rows, columns, len(layer.out)), -shift)
    if (rows, columns) != grid:
        y = _between(g, _between(g, y, 0, grid[0], axis=0), 0, grid[1], axis=1)
    x = g("Add", x, g.reshape(y, 1, grid[0] * grid[1], len(layer.out)))
    return g("Add", x, network.feed_forward(network.normalise(x, layer.norm2), layer))


def _rolled(g: Graph, x: str, shift: int) -> str:
    """Move states (rows, columns, width) up and left; what leaves comes in at the other side."""
    for axis in (0, 1) if shift else ():
        most = np.iinfo(np.int64).max
        x = g(
            "Concat", _between(g, x, shift, most, axis), _between(g, x, 0, shift, axis), axis=axis
        )
    return x


def _windows(g: Graph, x: str, side: int, rows: int, columns: int) -> str:
    """Return (windows, side², width) of states (rows, columns, width)."""
    x = g.reshape(x, rows // side, side, columns // side, side, -1)
    x = g("Transpose", x, perm=[0, 2, 1, 3, 4])
    return g.reshape(x, rows * columns // side**2, side**2, -1)


def _unwindowed(g: Graph, x: str, side: int, rows: int, columns: int, width: int) -> str:
    x = g.reshape(x, rows // side, columns // side, side, side, width)
    return g.reshape(g("Transpose", x, perm=[0, 2, 1, 3, 4]), rows, columns, width)


def _hidden(rows: int, columns: int, side: int, shift: int) -> FloatArray:
    """Return (windows, side², side²): what hides states that came in at the other side."""

    def regions(length: int) -> FloatArray:
        at = np.arange(length)
        return (at >= length - side).astype(np.float32) + (at >= length - shift)

    area = 3 * regions(rows)[:, None] + regions(columns)
    area = area.reshape(rows // side, side, columns // side, side).transpose(0, 2, 1, 3)
    area = area.reshape(-1, 1, side**2)
    found: FloatArray = np.where(area != area.transpose(0, 2, 1), _HIDDEN, 0).astype(np.float32)
    return found


def _merged(g: Graph, merging: Merging, x: str, grid: tuple[int, int]) -> str:
    """Make one state of each four: (1, rows * columns, width) to (1, a quarter, 2 width)."""
    rows, columns = grid
    width = len(merging.matrix) // 4
    x = g.reshape(x, rows // 2, 2, columns // 2, 2, width)
    x = g("Transpose", x, perm=[0, 2, 3, 1, 4])  # of the four, the lower left comes second
    x = g.reshape(x, 1, rows * columns // 4, 4 * width)
    return g("MatMul", normalise(g, x, merging.norm, _EPSILON), g.constant(merging.matrix))


def _projected(g: Graph, x: str, projection: Projection, activation: str) -> int:
    """Add the products into the common space, the output "rows"; returns its width."""
    first, second = projection
    y = linear(g, activate(g, linear(g, x, first), activation), second)
    g.output("rows", "LpNormalization", y, axis=1, p=2)
    return len(second[1])


def _between(g: Graph, x: str, start: int, stop: int, axis: int) -> str:
    ends = [g.constant(np.array([value])) for value in (start, stop, axis)]
    return g("Slice", x, *ends)
