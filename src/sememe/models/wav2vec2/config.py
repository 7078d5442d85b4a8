"""Read the config.json of a wav2vec 2.0 or HuBERT network, as transformers writes it.

    samples -> convolutions (feature encoder) -> projection -> positions -> layers -> states

wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477), HuBERT (Hsu et al. 2021, arXiv:2106.07447) and
UniSpeech (Wang et al. 2021, arXiv:2101.07597) share one architecture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import expect_valid
from sememe.models.weights.config import check_activation, check_heads, fill_defaults

_DEFAULTS: dict[str, Any] = {
    "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "hidden_act": "gelu", "layer_norm_eps": 1e-5,
    "feat_extract_norm": "group", "feat_extract_activation": "gelu",
    "conv_dim": (512, 512, 512, 512, 512, 512, 512), "conv_stride": (5, 2, 2, 2, 2, 2, 2),
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_bias": False, "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16, "do_stable_layer_norm": False, "vocab_size": 32,
    "pad_token_id": 0, "add_adapter": False, "adapter_attn_dim": None,
    "feat_proj_layer_norm": True, "conv_pos_batch_norm": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution of the feature encoder."""

    dim: int
    kernel: int
    stride: int


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """The network. The repr is part of fingerprints, so fields keep their names and order.

    Attributes:
        convolutions: Of the feature encoder, in order.
        conv_norm: "group" if the output of the first convolution is normalised by channel over the
            whole clip; "layer" if the output of each is normalised by frame.
        conv_activation: After each convolution, and after that of positions.
        dim: Width of a state.
        position_kernel, position_groups: Of the convolutional positional embedding.
        position_norm: Whether its input is batch-normalised.
        project_norm: Whether frames are normalised before the projection.
        norm_first: Whether layers are pre-norm (do_stable_layer_norm) rather than post-norm.
        adapter: Width inside the language adapter after each layer (adapter_attn_dim); 0 for none.
        vocab_size: Units of a CTC head.
        blank: The unit that is CTC's blank.
    """

    convolutions: tuple[Convolution, ...]
    conv_norm: str
    conv_bias: bool
    conv_activation: str
    dim: int
    layers: int
    heads: int
    inner: int
    activation: str
    epsilon: float
    position_kernel: int
    position_groups: int
    position_norm: bool
    project_norm: bool
    norm_first: bool
    adapter: int
    vocab_size: int
    blank: int

    @property
    def stride(self) -> int:
        """Samples from the beginning of one frame to that of the next."""
        return math.prod(one.stride for one in self.convolutions)

    @property
    def receptive_field(self) -> int:
        """Samples of one frame, the least that a clip must have."""
        return self.samples(1)

    def samples(self, frames: int) -> int:
        """Return the fewest samples that make so many frames.

        >>> read_config({}, "").samples(2)
        720
        """
        for one in reversed(self.convolutions):
            frames = (frames - 1) * one.stride + one.kernel
        return frames

    def frames(self, samples: int) -> int:
        """Return how many frames so many samples make, 0 if they are too few.

        >>> read_config({}, "").frames(16000)
        49
        """
        for one in self.convolutions:
            samples = max(0, (samples - one.kernel) // one.stride + 1)
        return samples


def read_config(config: Mapping[str, Any], where: str) -> SpeechConfig:
    """Read a config.json whose model_type is one of SPEECH_TYPES.

    where: Name of the folder, for messages.

    Raises:
        InvalidInputError: If sememe has no graph for the network.
        CorruptFileError: If an entry makes no sense.
    """
    entries = fill_defaults(_DEFAULTS, config)
    _refuse_variants(entries, where)
    with expect_valid(f"{where}: config.json"):
        shapes = [entries[f"conv_{name}"] for name in ("dim", "kernel", "stride")]
        network = SpeechConfig(
            convolutions=tuple(Convolution(*map(int, x)) for x in zip(*shapes, strict=True)),
            conv_norm=entries["feat_extract_norm"],
            conv_bias=bool(entries["conv_bias"]),
            conv_activation=entries["feat_extract_activation"],
            dim=int(entries["hidden_size"]),
            layers=int(entries["num_hidden_layers"]),
            heads=int(entries["num_attention_heads"]),
            inner=int(entries["intermediate_size"]),
            activation=entries["hidden_act"],
            epsilon=float(entries["layer_norm_eps"]),
            position_kernel=int(entries["num_conv_pos_embeddings"]),
            position_groups=int(entries["num_conv_pos_embedding_groups"]),
            position_norm=bool(entries["conv_pos_batch_norm"]),
            project_norm=bool(entries["feat_proj_layer_norm"]),
            norm_first=bool(entries["do_stable_layer_norm"]),
            adapter=int(entries["adapter_attn_dim"] or 0) if entries["do_stable_layer_norm"] else 0,
            vocab_size=int(entries["vocab_size"]),
            blank=int(entries["pad_token_id"]),
        )
    return _check(network, where)


def _refuse_variants(entries: Mapping[str, Any], where: str) -> None:
    for key in ("hidden_act", "feat_extract_activation"):
        check_activation(entries[key], key, where)
    if (got := entries["feat_extract_norm"]) not in ("group", "layer"):
        raise InvalidInputError(f"{where} has feat_extract_norm={got!r}; sememe reads group, layer")
    if entries["add_adapter"]:
        raise InvalidInputError(
            f"{where} has add_adapter=True, convolutions after its last layer, which sememe has no "
            "graph for. Give a network without them"
        )


def _check(config: SpeechConfig, where: str) -> SpeechConfig:
    numbers = [
        config.dim, config.layers, config.heads, config.inner, config.position_kernel,
        config.position_groups, config.vocab_size,
        *(n for one in config.convolutions for n in (one.dim, one.kernel, one.stride)),
    ]  # fmt: skip
    if min(numbers) < 1 or not config.convolutions or config.epsilon < 0:
        raise CorruptFileError(f"{where}: config.json has a size below 1. Fetch it anew")
    for name, parts in (("heads", config.heads), ("groups", config.position_groups)):
        check_heads(config.dim, parts, where, name)
    return config
