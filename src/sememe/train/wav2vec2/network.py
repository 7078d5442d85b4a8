"""Networks of wav2vec 2.0 by size, with random weights.

Reference: Baevski et al. 2020, section 4.2 (arXiv:2006.11477).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
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
    """Shape and defaults of a network of a size.

    Attributes:
        layers_at: Kernels and strides of the feature encoder, by sample rate.
        feature_dim: Channels of the feature encoder.
        dim: Width of the context network.
        layers: Layers of the context network.
        heads: Attention heads per layer.
        position_kernel: Kernel of the positional convolution, in frames.
        code_dim: Dimension of a codebook entry and of the vectors that the loss compares.
        entries: Default entries per codebook.
        learning_rate: Default peak learning rate.
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


# A frame is 20 ms at each rate. The paper's layers, and three that take a third of the time.
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
_DROPOUTS = ("hidden", "attention", "activation", "feat_proj", "feat_quantizer", "final")


def make_network(size: str, sample_rate: int, *, codebooks: int, entries: int, seed: int) -> Any:
    """Return transformers' Wav2Vec2ForPreTraining of a size with random weights.

    It has layer norms, not group norms, so that padding changes nothing. Raises: See `get_layers`.
    """
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

    shape = get_shape(size)
    kernels, strides = get_layers(size, sample_rate)
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
        layerdrop=0.0,
        **{f"{name}_dropout": 0.0 for name in _DROPOUTS},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Wav2Vec2ForPreTraining(config)


def get_shape(size: str) -> Shape:
    """Return the shape of a network of a size, or raise UnknownNameError."""
    if size not in SIZES:
        raise UnknownNameError.of("size", size, SIZES)
    return SIZES[size]


def get_layers(size: str, sample_rate: int) -> Layers:
    """Return kernels and strides of the feature encoder, so that a frame is 20 ms.

    Raises UnknownNameError for an unknown size, InvalidInputError for other rates.
    """
    layers = get_shape(size).layers_at
    if sample_rate not in layers:
        raise InvalidInputError(
            f"sample_rate={sample_rate!r}; give {', '.join(map(str, layers))}: audio of any rate "
            "is resampled to it."
        )
    return layers[sample_rate]


def count_frames(config: Any, samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the frames that a network of this config gives for lengths in samples, (n,)."""
    layers = read_config(config.to_dict(), "the network")
    return np.array([layers.frames(n) for n in samples.tolist()], np.int64)


def write_network(module: Any, folder: Path, sample_rate: int, **more: str) -> None:
    """Write a network for transformers. more: Further fields of preprocessor_config.json."""
    from sememe.train.base.hf_callbacks import isolate_rng_and_logging

    with isolate_rng_and_logging():
        module.save_pretrained(str(folder))
    config = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "do_normalize": True,
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": True,
        "sampling_rate": sample_rate,
        **more,
    }
    text = json.dumps(config, indent=1) + "\n"
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")
