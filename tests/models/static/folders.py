"""Folders of static encoders as model2vec 0.10 and sentence-transformers lay them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

PIECES = "[PAD] [UNK] [CLS] the a cat dog sat ran on mat ##s ##ing . , 배 를 탔다".split()
STATIC = {"idx": 0, "name": "0", "type": "sentence_transformers.models.StaticEmbedding"}


def rows(dim: int = 6, seed: int = 0) -> np.ndarray:
    """Random rows, one for each of PIECES."""
    return np.random.default_rng(seed).normal(size=(len(PIECES), dim)).astype(np.float32)


def tokenizer() -> Any:
    """A WordPiece tokenizer of PIECES."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = {piece: i for i, piece in enumerate(PIECES)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]"])
    made.enable_truncation(3)  # as published files have it: sememe must not heed it
    return made


def write(folder: Path, **tensors: np.ndarray) -> Path:
    """Write what StaticModel.save_pretrained writes; `embeddings` are `rows()` unless given."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({"embeddings": rows()} | tensors, folder / "model.safetensors")
    tokenizer().save(str(folder / "tokenizer.json"))
    config = {"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modules.json").write_text(json.dumps([STATIC | {"path": "."}]))
    return folder


def write_nested(folder: Path) -> Path:
    """Write what sentence-transformers writes: the module in a folder of its own."""
    from safetensors.numpy import save_file

    inner = folder / "0_StaticEmbedding"
    inner.mkdir(parents=True)
    save_file({"embedding.weight": rows()}, inner / "model.safetensors")
    tokenizer().save(str(inner / "tokenizer.json"))
    (folder / "config_sentence_transformers.json").write_text("{}")
    (folder / "modules.json").write_text(json.dumps([STATIC | {"path": "0_StaticEmbedding"}]))
    return folder
