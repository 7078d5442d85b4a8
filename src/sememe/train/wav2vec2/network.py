"""wav2vec 2.0 of a size, with random weights: what a run begins with.

Reference: Baevski et al. 2020, section 4.2 (arXiv:2006.11477).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.models.wav2vec2.config import read_config

if TYPE_CHECKING:
    from numpy.typing import NDArray

Layers = tuple[tuple[int, ...], tuple[int, ...]]
Size = Literal["tiny", "small", "base"]


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a network of a size is, and what goes well with it.

    Attributes:
        layers_at: Kernels and strides of the feature encoder, by the sample rate.
        feature_dim: Its channels.
        dim: Width of the context network.
        layers: Its layers.
        heads: Of attention, in each.
        position_kernel: Frames that the convolution in place of positions sees.
        code_dim: Width of a codebook entry and of what the loss compares.
        entries: Of each codebook, unless told otherwise.
        learning_rate: Step size at its highest, unless told otherwise.
    """

    layers_at: dict[int, Layers]
    feature_dim: int
    dim: int
    layers: int
    heads: int
    position_kernel: int
    code_dim: int
    entries: int
    learning_rate: float


# A frame is 20 ms at any rate. The paper's layers, and three that take a third of the time.
_PAPER: dict[int, Layers] = {
    8_000: ((10, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2)),
    16_000: ((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)),
    32_000: ((10, 3, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2, 2)),
}
_SHORT: dict[int, Layers] = {
    8_000: ((20, 8, 4), (10, 4, 4)),
    16_000: ((40, 8, 4), (20, 4, 4)),
    32_000: ((80, 8, 4), (40, 4, 4)),
}
SIZES: dict[str, Shape] = {
    "tiny": Shape(_SHORT, 128, 128, 3, 4, 32, 64, 32, 1e-3),
    "small": Shape(_PAPER, 256, 384, 6, 6, 64, 128, 128, 1e-3),
    "base": Shape(_PAPER, 512, 768, 12, 12, 128, 256, 320, 5e-4),
}
FRAME = 0.02  # seconds


def fresh_network(size: str, sample_rate: int, *, codebooks: int, entries: int, seed: int) -> Any:
    """Return transformers' Wav2Vec2ForPreTraining of a size with random weights.

    Layer norms, not group norms, so that zeros after a sound change nothing.

    codebooks, entries: How many codebooks there are, and how many entries each has.

    Raises:
        InvalidInputError: Sounds of that rate give no frames of 20 ms; no such size.
    """
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

    shape = shape_of(size)
    kernels, strides = layers_of(size, sample_rate)
    config = Wav2Vec2Config(
        hidden_size=shape.dim,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.dim,
        num_feat_extract_layers=len(kernels),
        conv_dim=(shape.feature_dim,) * len(kernels),
        conv_kernel=kernels,
        conv_stride=strides,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=shape.position_kernel,
        num_conv_pos_embedding_groups=8,
        num_codevector_groups=codebooks,
        num_codevectors_per_group=entries,
        codevector_dim=shape.code_dim,
        proj_codevector_dim=shape.code_dim,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        feat_quantizer_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Wav2Vec2ForPreTraining(config)


def shape_of(size: str) -> Shape:
    """Return how large a network of a size is.

    Raises:
        UnknownNameError: No such size.
    """
    if size not in SIZES:
        raise UnknownNameError.of("size", size, SIZES)
    return SIZES[size]


def layers_of(size: str, sample_rate: int) -> Layers:
    """Return kernels and strides of the feature encoder, so that a frame is 20 ms.

    Raises:
        InvalidInputError: Not one of the rates that divide so; no such size.
    """
    known = shape_of(size).layers_at
    if sample_rate not in known:
        raise InvalidInputError(
            f"sample_rate={sample_rate!r}; give {', '.join(map(str, known))}: sounds are brought "
            "to it, whatever they come at."
        )
    return known[sample_rate]


def n_frames(config: Any, samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many frames a network of this config makes of sounds of so many samples."""
    known = read_config(config.to_dict(), "the network")
    return np.array([known.frames(n) for n in samples.tolist()], np.int64)


def preprocessor(sample_rate: int) -> dict[str, Any]:
    """Return what preprocessor_config.json says, which transformers reads sounds by."""
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "do_normalize": True,
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": True,
        "sampling_rate": sample_rate,
    }
