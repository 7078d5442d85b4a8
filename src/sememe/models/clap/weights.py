"""Read the weights of CLAP's two towers under one set of names.

Batch normalisation is folded into the layer before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sememe._types import FloatArray
from sememe.models.bert.weights import BertWeights, read_bert_weights
from sememe.models.clap.config import AudioTower, ClapConfig
from sememe.models.onnx.transformer import Layer, LayerNames, read_layer
from sememe.models.weights.reader import Reader

if TYPE_CHECKING:
    from sememe.models.onnx.transformer import Norm, Product
    from sememe.models.weights.safetensors import Tensors

_AUDIO, _TEXT = "audio_model.audio_encoder.", "text_model."
_NAMES = LayerNames(
    attention=(
        "attention.self.query", "attention.self.key", "attention.self.value",
        "attention.output.dense",
    ),
    feed=("intermediate.dense", "output.dense"),
    norms=("layernorm_before", "layernorm_after"),
)  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """A layer of HTSAT and its relative position bias.

    distances: (heads, window², window²), added to attention scores.
    """

    layer: Layer
    distances: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Merging:
    """Patch merging: a normalisation of four states, and the matrix (4 width, 2 width)."""

    norm: Norm
    matrix: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Fusion:
    """Fusion of the spectrograms of a clip and of three parts of it.

    Attributes:
        patches: Patch embedding of the parts: kernel (width, 1, rows, columns), and bias.
        local, general: Two linear layers each, for a patch and for the mean of all.
    """

    patches: Product
    local: tuple[Product, Product]
    general: tuple[Product, Product]


@dataclass(frozen=True, eq=False, slots=True)
class ClapAudioWeights:
    """The audio tower.

    Attributes:
        tower: Its config.
        scale: Factor and summand of each mel bin, (mels,) each.
        patches: Patch embedding: kernel (width, 1, rows, columns), and bias.
        patch_norm: Of patches, or None.
        stages: The layers of each stage.
        merging: Between stages, one less than stages.
        norm: Of the last stage's states.
        projection: Two linear layers into the common space, with `activation` between.
        fusion: None if the network has none.
    """

    tower: AudioTower
    scale: tuple[FloatArray, FloatArray]
    patches: Product
    patch_norm: Norm | None
    stages: tuple[tuple[Block, ...], ...]
    merging: tuple[Merging, ...]
    norm: Norm
    projection: tuple[Product, Product]
    activation: str
    fusion: Fusion | None


@dataclass(frozen=True, eq=False, slots=True)
class ClapTextWeights:
    """The text tower.

    Attributes:
        network: RoBERTa's layers.
        pooler: Linear layer, before tanh, on the first token's state.
        projection, activation: See `ClapAudioWeights`.
    """

    network: BertWeights
    pooler: Product
    projection: tuple[Product, Product]
    activation: str


def read_audio_weights(config: ClapConfig, tensors: Tensors, *, where: str) -> ClapAudioWeights:
    """Read the audio tower from a checkpoint's tensors; raises as `Reader.array` does.

    where: The checkpoint's name, for messages.
    """
    tower = config.audio
    reader, outer = Reader(tensors, where, prefix=_AUDIO), Reader(tensors, where, prefix="")
    start, width = "patch_embed.", tower.width
    patches = reader.array(f"{start}proj.weight", width, 1, *tower.patch)
    return ClapAudioWeights(
        tower=tower,
        scale=reader.batch_norm("batch_norm", tower.mels),
        patches=(patches, reader.array(f"{start}proj.bias", width)),
        patch_norm=reader.norm(f"{start}norm", width) if tower.patch_norm else None,
        stages=tuple(
            tuple(_read_block(reader, tower, stage, i) for i in range(depth))
            for stage, depth in enumerate(tower.depths)
        ),
        merging=tuple(_read_merging(reader, tower, i) for i in range(len(tower.depths) - 1)),
        norm=reader.norm("norm", tower.dim),
        projection=_read_projection(outer, "audio_projection", tower.dim, config.dim),
        activation=config.activation,
        fusion=_read_fusion(reader, tower) if tower.fused else None,
    )


def read_text_weights(config: ClapConfig, tensors: Tensors, *, where: str) -> ClapTextWeights:
    """Read the text tower from a checkpoint's tensors; raises as `read_bert_weights` does."""
    own = {name.removeprefix(_TEXT): x for name, x in tensors.items() if name.startswith(_TEXT)}
    network = read_bert_weights(config.text, own, where=where)
    outer = Reader(tensors, where, prefix="")
    dim = network.dim
    return ClapTextWeights(
        network=network,
        pooler=outer.linear(f"{_TEXT}pooler.dense", inputs=dim, outputs=dim),
        projection=_read_projection(outer, "text_projection", dim, config.dim),
        activation=config.activation,
    )


def _read_projection(reader: Reader, name: str, width: int, dim: int) -> tuple[Product, Product]:
    first = reader.linear(f"{name}.linear1", inputs=width, outputs=dim)
    return first, reader.linear(f"{name}.linear2", inputs=dim, outputs=dim)


def _read_block(reader: Reader, tower: AudioTower, stage: int, number: int) -> Block:
    start, dim = f"layers.{stage}.blocks.{number}.", tower.width << stage
    layer = read_layer(
        reader, start, _NAMES, dim=dim, inner=tower.inner(stage), qkv_bias=tower.qkv_bias
    )
    heads, side = tower.heads[stage], tower.window
    table = f"{start}attention.self.relative_position_bias_table"
    return Block(layer, expand_distances(reader.array(table, (2 * side - 1) ** 2, heads), side))


def expand_distances(table: FloatArray, side: int) -> FloatArray:
    """Return (heads, side², side²): the relative position bias of a window.

    table: ((2 side - 1)², heads), a row for each distance down and across, the most negative first.
    """
    rows, columns = np.divmod(np.arange(side * side), side)
    down = rows[:, None] - rows + side - 1
    across = columns[:, None] - columns + side - 1
    return np.ascontiguousarray(table[down * (2 * side - 1) + across].transpose(2, 0, 1))


def _read_merging(reader: Reader, tower: AudioTower, stage: int) -> Merging:
    start, dim = f"layers.{stage}.downsample.", tower.width << stage
    matrix = np.ascontiguousarray(reader.array(f"{start}reduction.weight", 2 * dim, 4 * dim).T)
    return Merging(reader.norm(f"{start}norm", 4 * dim), matrix)


def _read_fusion(reader: Reader, tower: AudioTower) -> Fusion:
    start, (rows, columns) = "patch_embed.", tower.patch
    kernel = reader.array(f"{start}mel_conv2d.weight", tower.width, 1, rows, 3 * columns)
    return Fusion(
        patches=(kernel, reader.array(f"{start}mel_conv2d.bias", tower.width)),
        local=_read_gate(reader, tower, f"{start}fusion_model.local_att.", first=0),
        general=_read_gate(reader, tower, f"{start}fusion_model.global_att.", first=1),
    )


def _read_gate(
    reader: Reader, tower: AudioTower, start: str, *, first: int
) -> tuple[Product, Product]:
    """Return two linear layers, each with the batch normalisation after it folded in."""
    width, inner = tower.width, tower.width // tower.fusion_ratio
    down = _read_normed(reader, start, first, width, inner)
    return down, _read_normed(reader, start, first + 3, inner, width)


def _read_normed(reader: Reader, start: str, at: int, inputs: int, outputs: int) -> Product:
    """Return a 1 x 1 convolution as a linear layer, with batch normalisation folded in."""
    matrix = reader.array(f"{start}{at}.weight", outputs, inputs, 1, 1)[:, :, 0, 0]
    bias = reader.array(f"{start}{at}.bias", outputs)
    scale, shift = reader.batch_norm(f"{start}{at + 1}", outputs)
    return np.ascontiguousarray(matrix.T * scale), bias * scale + shift
