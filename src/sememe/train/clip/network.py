"""CLIP's network as transformers has it: made with random weights, run, and written as a folder."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe.train.clip.vocabulary import tokenizer_facts

if TYPE_CHECKING:
    from sememe.models.image.preprocess import Preprocess
    from sememe.text.tokenizers.clip_bpe import ClipTokenizer

HEAD = 32  # width of a head of attention
HOTTEST = math.log(100.0)  # the paper's limit of the logarithm of 1 / temperature
_BICUBIC = 3  # as Pillow counts the ways to scale


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large both towers are; see `sememe.train.clip.scratch.ClipFromScratch`."""

    image_size: int
    patch_size: int
    width: int
    layers: int
    dim: int
    max_tokens: int


def new_network(sizes: Sizes, tokenizer: ClipTokenizer, *, seed: int) -> Any:
    """Return a CLIPModel with random weights; both towers are of one width and depth."""
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


def image_rows(network: Any, pixels: Any) -> Any:
    """Return (n, dim) unit rows of normalised pixels (n, 3, size, size)."""
    from torch.nn.functional import normalize

    seen = network.vision_model(pixel_values=pixels).pooler_output
    return normalize(network.visual_projection(seen), dim=1)


def text_rows(network: Any, ids: Any) -> Any:
    """Return (n, dim) unit rows of ids (n, tokens), each read at its first end.

    No mask is needed: a token sees those before it alone, and what fills a row up comes after.
    """
    from torch.nn.functional import normalize

    read = network.text_model(input_ids=ids).pooler_output
    return normalize(network.text_projection(read), dim=1)


def write_network(
    network: Any, tokenizer_files: dict[str, bytes], preprocess: Preprocess, folder: Path
) -> None:
    """Write what transformers and sememe open: weights, config, vocabulary and preprocessor.

    tokenizer_files: Their contents by their names.
    """
    from sememe.train.base.hf_callbacks import isolate_rng_and_logging

    with isolate_rng_and_logging():
        network.save_pretrained(str(folder))
    for name, content in tokenizer_files.items():
        (folder / name).write_bytes(content)
    most = network.config.text_config.max_position_embeddings
    _write(folder / "tokenizer_config.json", tokenizer_facts(most))
    side = preprocess.size
    facts = {
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
    _write(folder / "preprocessor_config.json", facts)


def _write(path: Path, facts: dict[str, Any]) -> None:
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
