"""The weights of wav2vec 2.0 under one set of names, checked: what `wav2vec2_graph` computes with.

Checkpoints for pre-training, for recognition and of the network alone differ in what their tensors'
names begin with. The convolution of positions is kept as directions and lengths (weight
normalisation, Salimans and Kingma 2016, arXiv:1602.07868), which torch has spelt in two ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sememe._errors import CorruptFileError
from sememe.models.onnx.transformer import Layer, read_layer
from sememe.models.weights.reader import Reader

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.wav2vec2.config import SpeechConfig
    from sememe.models.weights.safetensors import Tensors

    Norm = tuple[FloatArray, FloatArray]

HEAD = "lm_head"
_PREFIXES = ("", "wav2vec2.", "hubert.", "unispeech.", "unispeech_sat.")
_PROBE = "feature_extractor.conv_layers.0.conv.weight"
_POSITIONS = "encoder.pos_conv_embed.conv"
# Names of lengths and directions.
_LENGTHS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


@dataclass(frozen=True, eq=False, slots=True)
class Filter:
    """A convolution: (channels out, channels in, kernel), its bias, the gain and bias after it."""

    matrix: FloatArray
    bias: FloatArray | None
    norm: Norm | None


@dataclass(frozen=True, eq=False, slots=True)
class Adapter:
    """The small network after a layer: gain and bias of its normalisation, and two products."""

    norm: Norm
    down: tuple[FloatArray, FloatArray]
    up: tuple[FloatArray, FloatArray]


@dataclass(frozen=True, eq=False, slots=True)
class SpeechWeights:
    """The network.

    Attributes:
        config: What it is made of.
        filters: The feature encoder's convolutions.
        project_norm: Of frames, before the projection; None where there is none.
        projection: (channels, dim), and its bias.
        positions: The convolution of positions, (dim, dim / groups, kernel), and its bias.
        position_norm: What multiplies each channel that it reads, and what is added; or None.
        norm: Before the first layer, or after the last with `config.norm_first`.
        adapters: One after each layer, or () where there are none.
        head: (dim, units) and bias, or None where there is no head for recognition.
    """

    config: SpeechConfig
    filters: tuple[Filter, ...]
    project_norm: Norm | None
    projection: tuple[FloatArray, FloatArray]
    positions: tuple[FloatArray, FloatArray]
    position_norm: Norm | None
    norm: Norm
    layers: tuple[Layer, ...]
    adapters: tuple[Adapter, ...]
    head: tuple[FloatArray, FloatArray] | None


def read_speech_weights(config: SpeechConfig, tensors: Tensors, *, where: str) -> SpeechWeights:
    """Take the network out of a checkpoint's tensors.

    where: The checkpoint's name, for messages.

    Raises:
        CorruptFileError: A tensor is missing, of another shape than the config says, or holds NaN.
    """
    prefix = next((one for one in _PREFIXES if one + _PROBE in tensors), "")
    reader, dim = Reader(tensors, where, prefix=prefix), config.dim
    last = config.convolutions[-1].dim
    norm = reader.norm("feature_projection.layer_norm", last) if config.project_norm else None
    head = None
    if f"{HEAD}.weight" in tensors:
        outer = Reader(tensors, where, prefix="")
        head = outer.linear(HEAD, inputs=dim, outputs=config.vocab_size)
    return SpeechWeights(
        config=config,
        filters=_filters(reader, config),
        project_norm=norm,
        projection=reader.linear("feature_projection.projection", inputs=last, outputs=dim),
        positions=(_positions(reader, config, where), reader.array(f"{_POSITIONS}.bias", dim)),
        position_norm=reader.batch_norm("encoder.pos_conv_embed.batch_norm", dim)
        if config.position_norm
        else None,
        norm=reader.norm("encoder.layer_norm", dim),
        layers=tuple(_layer(reader, config, i) for i in range(config.layers)),
        adapters=tuple(_adapter(reader, config, i) for i in range(config.layers))
        if config.adapter
        else (),
        head=head,
    )


def _filters(reader: Reader, config: SpeechConfig) -> tuple[Filter, ...]:
    found, channels = [], 1
    for i, one in enumerate(config.convolutions):
        start = f"feature_extractor.conv_layers.{i}"
        normed = config.conv_norm == "layer" or i == 0
        found.append(
            Filter(
                matrix=reader.array(f"{start}.conv.weight", one.dim, channels, one.kernel),
                bias=reader.array(f"{start}.conv.bias", one.dim) if config.conv_bias else None,
                norm=reader.norm(f"{start}.layer_norm", one.dim) if normed else None,
            )
        )
        channels = one.dim
    return tuple(found)


def _positions(reader: Reader, config: SpeechConfig, where: str) -> FloatArray:
    """Return (dim, dim / groups, kernel): for each step of the kernel, a length and a direction."""
    dim, kernel = config.dim, config.position_kernel
    shape = (dim, dim // config.position_groups, kernel)
    for lengths, directions in _LENGTHS:
        if reader.has(f"{_POSITIONS}.{directions}"):
            g = reader.array(f"{_POSITIONS}.{lengths}", 1, 1, kernel)
            v = reader.array(f"{_POSITIONS}.{directions}", *shape)
            norms = np.sqrt((v.astype(np.float64) ** 2).sum(axis=(0, 1), keepdims=True))
            if not norms.all():
                raise CorruptFileError(
                    f"{where}: {_POSITIONS}.{directions} holds zeros alone. Train it anew"
                )
            found: FloatArray = (g * (v / norms)).astype(np.float32)
            return found
    return reader.array(f"{_POSITIONS}.weight", *shape)


def _layer(reader: Reader, config: SpeechConfig, number: int) -> Layer:
    return read_layer(
        reader,
        f"encoder.layers.{number}.",
        attention=[f"attention.{part}_proj" for part in ("q", "k", "v", "out")],
        feed=("feed_forward.intermediate_dense", "feed_forward.output_dense"),
        norms=("layer_norm", "final_layer_norm"),
        dim=config.dim,
        inner=config.inner,
    )


def _adapter(reader: Reader, config: SpeechConfig, number: int) -> Adapter:
    start, dim = f"encoder.layers.{number}.adapter_layer.", config.dim
    return Adapter(
        norm=reader.norm(f"{start}norm", dim),
        down=reader.linear(f"{start}linear_1", inputs=dim, outputs=config.adapter),
        up=reader.linear(f"{start}linear_2", inputs=config.adapter, outputs=dim),
    )
