"""Small cross-encoders for tests: a checkpoint of each family with a head, and its NumPy twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.models.bert import checkpoints
from tests.models.bert.checkpoints import DIM

KINDS = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet")
_PREFIX = {"distilbert": "distilbert.", "mpnet": "mpnet.", "bert": "bert."}  # else "roberta."


def head_names(kind: str) -> tuple[str, str]:
    """The two matrices' names in a checkpoint."""
    if kind == "bert":
        return "bert.pooler.dense", "classifier"
    if kind == "distilbert":
        return "pre_classifier", "classifier"
    return "classifier.dense", "classifier.out_proj"


def tensors(kind: str, outputs: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights as ...ForSequenceClassification saves them."""
    prefix = _PREFIX.get(kind, "roberta.")
    found = {prefix + name: array for name, array in checkpoints.tensors(kind, seed).items()}
    rng = np.random.default_rng(seed + 100)
    for name, (out, into) in zip(head_names(kind), [(DIM, DIM), (outputs, DIM)], strict=True):
        found[f"{name}.weight"] = (rng.normal(size=(out, into)) * 0.4).astype(np.float32)
        found[f"{name}.bias"] = (rng.normal(size=out) * 0.4).astype(np.float32)
    return found


def config(kind: str, outputs: int = 1, **changes: Any) -> dict[str, Any]:
    """A config.json of the kind, with its labels."""
    labels = {str(i): f"label {i}" for i in range(outputs)}
    made = {"architectures": ["NetForSequenceClassification"], "id2label": labels}
    return checkpoints.config(kind, **made) | changes


def plainly(kind: str, t: dict[str, np.ndarray], ids: list[int], types: list[int]) -> np.ndarray:
    """The outputs of one sequence, before any activation: the papers' sentences in NumPy.

    `checkpoints.plainly` knows one type, so what the others add is put into the positions.
    """
    facts = config(kind)
    prefix = _PREFIX.get(kind, "roberta.")
    network = {name.removeprefix(prefix): array for name, array in t.items()}
    table = network.get("embeddings.token_type_embeddings.weight")
    if table is not None:
        start = 0 if kind in ("bert", "distilbert") else facts["pad_token_id"] + 1
        positions = network["embeddings.position_embeddings.weight"].copy()
        positions[start : start + len(ids)] += table[types] - table[0]
        network["embeddings.position_embeddings.weight"] = positions
    first = checkpoints.plainly(kind, network, facts, ids)[-1][0]
    dense, out = head_names(kind)
    y = t[f"{dense}.weight"] @ first + t[f"{dense}.bias"]
    y = np.maximum(y, 0) if kind == "distilbert" else np.tanh(y)
    return t[f"{out}.weight"] @ y + t[f"{out}.bias"]


def write(
    folder: Path,
    kind: str = "bert",
    *,
    outputs: int = 1,
    found: dict[str, np.ndarray] | None = None,
    files: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Write a folder with a tokenizer that knows pairs. found: the tensors, random unless told."""
    import json

    from safetensors.numpy import save_file

    facts = config(kind, outputs, **changes)
    checkpoints.write(folder, kind, files={"config.json": facts} | (files or {}))
    save_file(found or tensors(kind, outputs), folder / "model.safetensors")
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text(encoding="utf-8"))

    def mark(name: str, kind: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": name, "type_id": kind}}

    def text(name: str, kind: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": kind}}

    typed = int(kind in ("bert", "distilbert"))
    middle = [mark("[SEP]", 0)] * (2 - typed)
    document["post_processor"]["pair"] = [
        mark("[CLS]", 0), text("A", 0), *middle, text("B", typed), mark("[SEP]", typed),
    ]  # fmt: skip
    path.write_text(json.dumps(document), encoding="utf-8")
    return folder
