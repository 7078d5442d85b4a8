"""Write the model as a folder that transformers and sentence-transformers open: 480 MB.

Training starts from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sememe._atomic import replace_folder
from sememe._lazy import require
from sememe._types import FloatArray
from sememe.models.e5.file import PackedFile
from sememe.models.weights.cache import cache_folder
from sememe.models.weights.folder import CONFIG, MODULES, TOKENIZER
from sememe.models.weights.safetensors import WEIGHTS
from sememe.text.tokenizers.piece_file import describe_tokenizer

_VERSION = 1  # of what is written
_TENSORS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def unpacked_folder(path: Path, *, name: str, key: str, prompts: dict[str, str]) -> Path:
    """Return the folder of the unpacked model in the user's cache, writing it if it is not there.

    path: The file in 4-bit blocks, read where there is no folder. name: Of the model. key: Of the
    file's content. prompts: "query" and "document" -> prefix.

    Raises:
        MissingExtraError: safetensors is not installed.
        OSError: The folder cannot be written.
    """
    folder = cache_folder() / f"{name}-{_VERSION}-{key[:16]}"
    if not (folder / MODULES).is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with replace_folder(folder) as fresh:
            write_folder(fresh, PackedFile(path), prompts=prompts)
    return folder


def write_folder(folder: Path, file: PackedFile, *, prompts: dict[str, str]) -> None:
    """Write the files of the unpacked model into a folder."""
    library = require("safetensors.numpy", "training")
    library.save_file(dict(_tensors(file)), folder / WEIGHTS, metadata={"format": "pt"})
    steps = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    documents: dict[str, Any] = {
        CONFIG: _config(file),
        TOKENIZER: describe_tokenizer(file.pieces),
        "tokenizer_config.json": _special_pieces(file),
        MODULES: [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(steps)
        ],
        "sentence_bert_config.json": {"max_seq_length": file.sizes.max_tokens},
        "config_sentence_transformers.json": {
            "prompts": prompts,
            "default_prompt_name": "query",
            "similarity_fn_name": "cosine",
        },
        f"1_Pooling/{CONFIG}": {
            "word_embedding_dimension": file.sizes.dim,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_cls_token": False,
        },
    }
    for path, document in documents.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    (folder / "2_Normalize").mkdir()


def _tensors(file: PackedFile) -> Iterator[tuple[str, FloatArray]]:
    """Yield the tensors under the names that transformers gives them in BERT."""
    sizes, dim, inner = file.sizes, file.sizes.dim, file.sizes.inner
    rows = {"emb.word": sizes.vocabulary, "emb.pos": sizes.max_tokens, "emb.type": sizes.types}
    for name, n in rows.items():
        yield _TENSORS[name], file.array(name, n, dim)
    norms = [("emb.ln", "embeddings.LayerNorm")]
    for i in range(sizes.layers):
        for own, theirs in _LAYER.items():
            pair = f"l{i}.{own}", f"encoder.layer.{i}.{theirs}"
            if own.endswith("ln"):
                norms.append(pair)
                continue
            outputs, inputs = inner if own == "fi" else dim, inner if own == "fo" else dim
            yield f"{pair[1]}.weight", file.array(f"{pair[0]}.w", outputs, inputs)
            yield f"{pair[1]}.bias", file.array(f"{pair[0]}.b", outputs)
    for own, theirs in norms:
        yield f"{theirs}.weight", file.array(f"{own}.w", dim)
        yield f"{theirs}.bias", file.array(f"{own}.b", dim)
    yield "pooler.dense.weight", np.zeros((dim, dim), np.float32)  # transformers expects one
    yield "pooler.dense.bias", np.zeros(dim, np.float32)


def _config(file: PackedFile) -> dict[str, Any]:
    sizes, pieces = file.sizes, file.pieces
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": sizes.vocabulary,
        "hidden_size": sizes.dim,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.inner,
        "hidden_act": "gelu",
        "max_position_embeddings": sizes.max_tokens,
        "type_vocab_size": sizes.types,
        "layer_norm_eps": file.epsilon,
        "pad_token_id": pieces.pad,
        "bos_token_id": pieces.begin,
        "eos_token_id": pieces.end,
    }


def _special_pieces(file: PackedFile) -> dict[str, Any]:
    pieces = file.pieces
    begin, end = pieces.names[pieces.begin], pieces.names[pieces.end]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": file.sizes.max_tokens,
        "bos_token": begin,
        "cls_token": begin,
        "eos_token": end,
        "sep_token": end,
        "pad_token": pieces.names[pieces.pad],
        "unk_token": pieces.names[pieces.unknown],
        "mask_token": pieces.names[-1],
    }
