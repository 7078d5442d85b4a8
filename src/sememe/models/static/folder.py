"""The folder of a static encoder, in the format of Model2Vec.

    config.json         model_type "model2vec", normalize, max_length
    model.safetensors   "embeddings" (rows, dim); "weights" (tokens,) and "mapping" (tokens,) if
                        many tokens share a row: the token i has weights[i] * embeddings[mapping[i]]
    tokenizer.json      the tokenizer, in Hugging Face's format
    modules.json        the same for sentence-transformers: StaticEmbedding, Normalize
    sememe.json         provenance, if it was distilled here

sentence-transformers itself names the tensor "embedding.weight" and may put it, and the tokenizer,
into a folder "0_StaticEmbedding". That is read too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe._persistence import ABOUT, FORMAT, describe_file, fingerprint
from sememe._types import FloatArray
from sememe.models.weights.checkpoint import read_weights
from sememe.models.weights.folder import CONFIG, MODULES, TOKENIZER, ModelFolder, ModelKind
from sememe.models.weights.safetensors import WEIGHTS

FILES = (ABOUT, CONFIG, MODULES, TOKENIZER, WEIGHTS)
KIND = "static"
_STEPS = ((".", "StaticEmbedding"), ("1_Normalize", "Normalize"))


@dataclass(frozen=True, eq=False, slots=True)
class StaticFolder:
    """The vectors of a folder.

    Attributes:
        rows: (tokens, dim) float32, the row of each id, weighted.
        tokenizer: Path of the tokenizer.
        digest: 32 hex digits of the bytes of both.
    """

    rows: FloatArray
    tokenizer: Path
    digest: str

    def check(self, vocab_size: int) -> None:
        """Raise CorruptFileError if there are more or fewer rows than the tokenizer has tokens."""
        if len(self.rows) != vocab_size:
            raise CorruptFileError(
                f"{self.tokenizer} has {vocab_size:,} tokens, the weights have rows for "
                f"{len(self.rows):,}. Fetch or distil them anew, both together"
            )


def read_static_folder(path: Path) -> StaticFolder:
    """Read the rows of a folder's tokens.

    Raises:
        InvalidInputError: If there is no static encoder, or no weights that can be read safely.
        CorruptFileError: If a file is damaged, or the tensors do not fit each other.
        MissingExtraError: If safetensors is not installed.
    """
    folder = ModelFolder.open(path)
    if not folder.holds(ModelKind.STATIC):
        raise InvalidInputError(
            f"{path} holds no static encoder. Give a folder that model2vec or sememe distil wrote."
        )
    flat = folder.peek(CONFIG).get("model_type") == "model2vec"
    network = folder if flat else folder.within(folder.steps[0][1])
    tokenizer = (network if network.has(TOKENIZER) else folder).path / TOKENIZER
    if not tokenizer.is_file():
        raise CorruptFileError(f"{network.path} lacks {TOKENIZER}. Fetch or distil it anew")
    files = network.weight_files()
    rows = _weigh_rows(read_weights(files), path)
    return StaticFolder(rows, tokenizer, fingerprint((*files, tokenizer)))


def write_static_files(
    folder: Path, rows: FloatArray, tokenizer: str, facts: Mapping[str, Any]
) -> None:
    """Write the files of a static encoder into an empty folder.

    rows: (tokens, dim) float32, weighted. tokenizer: Content of tokenizer.json. facts: For
    sememe.json, "teacher" and "parameters" among them.
    """
    library = require("safetensors.numpy", "writing a static encoder")
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(_STEPS)
    ]
    (folder / WEIGHTS).write_bytes(library.save({"embeddings": np.ascontiguousarray(rows)}))
    (folder / TOKENIZER).write_text(tokenizer, encoding="utf-8", newline="\n")
    _write_json(folder / CONFIG, _make_config(rows, facts))
    _write_json(folder / MODULES, modules)
    files = {name: describe_file(folder / name) for name in FILES if name != ABOUT}
    about = {"static": FORMAT, "kind": KIND, "tokens": len(rows), "dim": int(rows.shape[1])}
    _write_json(folder / ABOUT, {**about, **facts, "files": files})


def _make_config(rows: FloatArray, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config.json for model2vec; max_length null, so that no text is truncated."""
    given = facts.get("parameters", {})
    return {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "tokenizer_name": facts.get("teacher", {}).get("name", ""),
        "apply_pca": given.get("dim"),
        "sif_coefficient": given.get("sif_coefficient"),
        "hidden_dim": int(rows.shape[1]),
        "seq_length": 1_000_000,
        "normalize": True,
        "max_length": None,
        "pooling": given.get("pooling", "mean"),
        "embedding_dtype": rows.dtype.name,
    }


def _weigh_rows(tensors: dict[str, Any], path: Path) -> FloatArray:
    """Return (tokens, dim) float32: rows looked up by `mapping` and weighted."""
    table = next((tensors[n] for n in ("embeddings", "embedding.weight") if n in tensors), None)
    if table is None or table.ndim != 2:
        names = ", ".join(f"{name} {array.shape}" for name, array in tensors.items()) or "nothing"
        raise CorruptFileError(
            f"{path}: {WEIGHTS} holds {names}; a static encoder has 'embeddings' (rows, dim). "
            "Fetch or distil it anew"
        )
    mapping, weights = tensors.get("mapping"), tensors.get("weights")
    rows: FloatArray = table.astype(np.float32)
    try:
        if mapping is not None:
            if len(mapping) and int(mapping.min()) < 0:
                raise IndexError(f"mapping holds {mapping.min()}")
            rows = rows[mapping]
        if weights is not None:
            rows = rows * weights.astype(np.float32).reshape(-1, 1)
    except (IndexError, ValueError) as error:
        raise CorruptFileError(
            f"{path}: the tensors of {WEIGHTS} do not fit each other ({error}). Fetch it anew"
        ) from error
    if not np.isfinite(rows).all():
        raise CorruptFileError(f"{path}: {WEIGHTS} holds NaN or infinity. Fetch or distil it anew")
    return rows


def _write_json(path: Path, document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
