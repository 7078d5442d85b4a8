"""CLIP's network in transformers: random weights, forward passes, and its folder."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe.text.tokenizers.clip_bpe import END, START

if TYPE_CHECKING:
    from sememe.models.image.preprocess import Preprocess
    from sememe.text.tokenizers.clip_bpe import ClipTokenizer

HEAD = 32  # width of a head of attention
MAX_LOGIT_SCALE = math.log(100.0)  # of the logarithm of 1 / temperature, as in the paper
_BICUBIC = 3  # Pillow's number


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of both towers; see `sememe.train.clip.scratch.ClipFromScratch`."""

    image_size: int
    patch_size: int
    width: int
    layers: int
    dim: int
    max_tokens: int


def make_network(sizes: Sizes, tokenizer: ClipTokenizer, *, seed: int) -> Any:
    """Return a CLIPModel with random weights; both towers have the same width and depth."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    tower = {
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.width // HEAD,
        "intermediate_size": 4 * sizes.width,
        "projection_dim": sizes.dim,
    }
    marks = {"bos_token_id": tokenizer.begin[0], "eos_token_id": tokenizer.end[0]}
    text = tower | marks | {"pad_token_id": tokenizer.end[0], "vocab_size": tokenizer.vocab_size}
    text["max_position_embeddings"] = sizes.max_tokens
    vision = tower | {"image_size": sizes.image_size, "patch_size": sizes.patch_size}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=sizes.dim)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIPModel(config).train()


def encode_images(network: Any, pixels: Any) -> Any:
    """Return (n, dim) unit rows of normalised pixels (n, 3, size, size)."""
    from torch.nn.functional import normalize

    pooled = network.vision_model(pixel_values=pixels).pooler_output
    return normalize(network.visual_projection(pooled), dim=1)


def encode_texts(network: Any, ids: Any) -> Any:
    """Return (n, dim) unit rows of ids (n, tokens), each pooled at its first end token.

    Attention is causal and padding comes last, so no mask is needed.
    """
    from torch.nn.functional import normalize

    pooled = network.text_model(input_ids=ids).pooler_output
    return normalize(network.text_projection(pooled), dim=1)


def write_network(
    network: Any, tokenizer_files: dict[str, bytes], preprocess: Preprocess, folder: Path
) -> None:
    """Write a folder for transformers and sememe: weights, config, vocabulary and preprocessor.

    tokenizer_files: Contents by name.
    """
    from sememe.train.base.hf_callbacks import isolate_rng_and_logging

    with isolate_rng_and_logging():
        network.save_pretrained(str(folder))
    for name, content in tokenizer_files.items():
        (folder / name).write_bytes(content)
    side, max_tokens = preprocess.size, network.config.text_config.max_position_embeddings
    image_config = {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": side},
        "resample": _BICUBIC,
        "do_center_crop": True,
        "crop_size": {"height": side, "width": side},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(preprocess.mean),
        "image_std": list(preprocess.std),
    }
    text_config = {
        "tokenizer_class": "CLIPTokenizer",
        "bos_token": START,
        **dict.fromkeys(("eos_token", "unk_token", "pad_token"), END),
        "model_max_length": max_tokens,
    }
    for name, config in (("tokenizer", text_config), ("preprocessor", image_config)):
        text = json.dumps(config, indent=1) + "\n"
        (folder / f"{name}_config.json").write_text(text, encoding="utf-8")
