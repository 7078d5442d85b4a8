"""Read the weights of wav2vec 2.0 under one set of names.

Checkpoints for pre-training, for recognition and of the bare network differ in the prefix of names.
The positional convolution is stored as directions and lengths (weight normalisation, Salimans and
Kingma 2016, arXiv:1602.07868), under two names in torch's versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sememe._errors import CorruptFileError
from sememe._types import FloatArray
from sememe.models.onnx.transformer import Layer, LayerNames, read_layer
from sememe.models.wav2vec2.config import SpeechConfig
from sememe.models.weights.reader import Reader

if TYPE_CHECKING:
    from sememe.models.onnx.transformer import Norm, Product
    from sememe.models.weights.safetensors import Tensors

_PREFIXES = ("", "wav2vec2.", "hubert.", "unispeech.", "unispeech_sat.")
_PROBE = "feature_extractor.conv_layers.0.conv.weight"
_POSITIONS = "encoder.pos_conv_embed.conv"
_POSITION_NORM = "encoder.pos_conv_embed.batch_norm"
_NAMES = LayerNames(
    ("attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.out_proj"),
    feed=("feed_forward.intermediate_dense", "feed_forward.output_dense"),
    norms=("layer_norm", "final_layer_norm"),
)
# Names of lengths and directions.
_LENGTHS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


@dataclass(frozen=True, eq=False, slots=True)
class Filter:
    """A convolution (channels out, channels in, kernel), its bias, and the norm after it."""

    matrix: FloatArray
    bias: FloatArray | None
    norm: Norm | None


@dataclass(frozen=True, eq=False, slots=True)
class Adapter:
    """The language adapter after a layer: a normalisation and two linear layers."""

    norm: Norm
    down: Product
    up: Product


@dataclass(frozen=True, eq=False, slots=True)
class SpeechWeights:
    """The network.

    Attributes:
        config: Of the network.
        filters: Convolutions of the feature encoder.
        project_norm: Of frames before the projection, or None.
        projection: (channels, dim), and its bias.
        positions: Positional convolution (dim, dim / groups, kernel), and its bias.
        position_norm: Factor and summand of each of its input channels, or None.
        norm: Before the first layer, or after the last with `config.norm_first`.
        adapters: One for each layer, or ().
        head: CTC head (dim, units) and bias, or None.
    """

    config: SpeechConfig
    filters: tuple[Filter, ...]
    project_norm: Norm | None
    projection: Product
    positions: Product
    position_norm: Norm | None
    norm: Norm
    layers: tuple[Layer, ...]
    adapters: tuple[Adapter, ...]
    head: Product | None


def read_speech_weights(config: SpeechConfig, tensors: Tensors, *, where: str) -> SpeechWeights:
    """Read the network from a checkpoint's tensors; raises as `Reader.array` does.

    where: The checkpoint's name, for messages.
    """
    prefix = next((one for one in _PREFIXES if one + _PROBE in tensors), "")
    reader, outer = Reader(tensors, where, prefix=prefix), Reader(tensors, where, prefix="")
    dim, last = config.dim, config.convolutions[-1].dim
    norm = reader.norm("feature_projection.layer_norm", last) if config.project_norm else None
    head = None
    if "lm_head.weight" in tensors:
        head = outer.linear("lm_head", inputs=dim, outputs=config.vocab_size)
    return SpeechWeights(
        config=config,
        filters=_read_filters(reader, config),
        project_norm=norm,
        projection=reader.linear("feature_projection.projection", inputs=last, outputs=dim),
        positions=(_read_positions(reader, config, where), reader.array(f"{_POSITIONS}.bias", dim)),
        position_norm=reader.batch_norm(_POSITION_NORM, dim) if config.position_norm else None,
        norm=reader.norm("encoder.layer_norm", dim),
        layers=tuple(
            read_layer(reader, f"encoder.layers.{i}.", _NAMES, dim=dim, inner=config.inner)
            for i in range(config.layers)
        ),
        adapters=tuple(
            _read_adapter(reader, config, i) for i in range(config.layers if config.adapter else 0)
        ),
        head=head,
    )


def _read_filters(reader: Reader, config: SpeechConfig) -> tuple[Filter, ...]:
    filters, channels = [], 1
    for i, one in enumerate(config.convolutions):
        start = f"feature_extractor.conv_layers.{i}"
        matrix = reader.array(f"{start}.conv.weight", one.dim, channels, one.kernel)
        bias = reader.array(f"{start}.conv.bias", one.dim) if config.conv_bias else None
        normed = config.conv_norm == "layer" or i == 0
        norm = reader.norm(f"{start}.layer_norm", one.dim) if normed else None
        filters.append(Filter(matrix, bias, norm))
        channels = one.dim
    return tuple(filters)


def _read_positions(reader: Reader, config: SpeechConfig, where: str) -> FloatArray:
    """Return (dim, dim / groups, kernel), multiplied out of lengths and directions."""
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
            return np.asarray(g * (v / norms), np.float32)
    return reader.array(f"{_POSITIONS}.weight", *shape)


def _read_adapter(reader: Reader, config: SpeechConfig, number: int) -> Adapter:
    start, dim = f"encoder.layers.{number}.adapter_layer.", config.dim
    return Adapter(
        norm=reader.norm(f"{start}norm", dim),
        down=reader.linear(f"{start}linear_1", inputs=dim, outputs=config.adapter),
        up=reader.linear(f"{start}linear_2", inputs=config.adapter, outputs=dim),
    )
