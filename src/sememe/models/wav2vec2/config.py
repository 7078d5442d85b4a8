"""What a wav2vec 2.0 or HuBERT network is made of, from the config.json of transformers.

    samples -> convolutions (feature encoder) -> projection -> positions -> layers -> states

wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477), HuBERT (Hsu et al. 2021, arXiv:2106.07447) and
UniSpeech (Wang et al. 2021, arXiv:2101.07597) are one network that is trained differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import expect_valid
from sememe.models.weights.config import check_activation, check_heads, fill_defaults

_NORMS = ("group", "layer")
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
    """The network.

    Attributes:
        convolutions: Of the feature encoder, in order.
        conv_norm: "group": what the first convolution gives is normalised for each channel over
            the whole clip; "layer": what each gives is, for each frame.
        conv_activation: After each convolution, and after that of positions.
        dim: Width of a state.
        position_kernel, position_groups: Of the convolution that positions come from.
        position_norm: Whether what it reads is normalised, with figures learnt in training.
        project_norm: Whether frames are normalised before they are brought to the states' width.
        norm_first: Whether a layer normalises what it reads (do_stable_layer_norm) and not what it
            gives.
        adapter: Width inside the small network that follows each layer, which is fitted to one
            language (adapter_attn_dim); 0 where there is none.
        vocab_size: How many units a head for recognition tells apart.
        blank: Which of them stands for none.
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
        """How many samples lie between the beginnings of two frames."""
        found = 1
        for one in self.convolutions:
            found *= one.stride
        return found

    @property
    def receptive_field(self) -> int:
        """How many samples a frame is made of, which is what the shortest clip must have."""
        return self.samples(1)

    def samples(self, frames: int) -> int:
        """Return the fewest samples that give so many frames.

        >>> read_config({}, "").samples(2)
        720
        """
        for one in reversed(self.convolutions):
            frames = (frames - 1) * one.stride + one.kernel
        return frames

    def frames(self, samples: int) -> int:
        """Return how many frames so many samples give, 0 where they are too few.

        >>> read_config({}, "").frames(16000)
        49
        """
        for one in self.convolutions:
            samples = max(0, (samples - one.kernel) // one.stride + 1)
        return samples


def read_config(config: Mapping[str, Any], where: str) -> SpeechConfig:
    """Read a config.json whose model_type is one of SPEECH_TYPES.

    where: The folder's name, for messages.

    Raises:
        InvalidInputError: A network that sememe has no graph for.
        CorruptFileError: Something in it makes no sense.
    """
    said = fill_defaults(_DEFAULTS, config)
    _refuse(said, where)
    with expect_valid(f"{where}: config.json"):
        sizes = zip(said["conv_dim"], said["conv_kernel"], said["conv_stride"], strict=True)
        found = SpeechConfig(
            convolutions=tuple(Convolution(*map(int, size)) for size in sizes),
            conv_norm=said["feat_extract_norm"],
            conv_bias=bool(said["conv_bias"]),
            conv_activation=said["feat_extract_activation"],
            dim=int(said["hidden_size"]),
            layers=int(said["num_hidden_layers"]),
            heads=int(said["num_attention_heads"]),
            inner=int(said["intermediate_size"]),
            activation=said["hidden_act"],
            epsilon=float(said["layer_norm_eps"]),
            position_kernel=int(said["num_conv_pos_embeddings"]),
            position_groups=int(said["num_conv_pos_embedding_groups"]),
            position_norm=bool(said["conv_pos_batch_norm"]),
            project_norm=bool(said["feat_proj_layer_norm"]),
            norm_first=bool(said["do_stable_layer_norm"]),
            adapter=int(said["adapter_attn_dim"] or 0) if said["do_stable_layer_norm"] else 0,
            vocab_size=int(said["vocab_size"]),
            blank=int(said["pad_token_id"]),
        )
    return _checked(found, where)


def _refuse(said: Mapping[str, Any], where: str) -> None:
    for key in ("hidden_act", "feat_extract_activation"):
        check_activation(said[key], key, where)
    if said["feat_extract_norm"] not in _NORMS:
        got, known = said["feat_extract_norm"], ", ".join(_NORMS)
        raise InvalidInputError(f"{where} has feat_extract_norm={got!r}; sememe computes {known}")
    if said["add_adapter"]:
        raise InvalidInputError(
            f"{where} has add_adapter=True, convolutions after its last layer, which sememe has no "
            "graph for. Give a network without them"
        )


def _checked(config: SpeechConfig, where: str) -> SpeechConfig:
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
