"""Small checkpoints for tests: random weights of each family, written as transformers writes them,
and the same network in plain NumPy, step by step, to compare with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sememe.models.bert.engine import SentenceEngine

DIM, DEPTH, HEADS, INNER, WORDS, POSITIONS = 16, 2, 4, 24, 60, 40
_NAMES = ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"]
_DISTIL = ["dim", "n_layers", "n_heads", "hidden_dim"]
PIECES = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat dog sat ran on mat bank river money ##s ##ed ##ing . "
    ", ? query : passage 배 를 탔다 먹었다 강 바다"
).split()


def config(kind: str, **changes: Any) -> dict[str, Any]:
    """A config.json of the kind."""
    names = _DISTIL if kind == "distilbert" else _NAMES
    facts: dict[str, Any] = dict(zip(names, (DIM, DEPTH, HEADS, INNER), strict=True))
    facts |= {"model_type": kind, "vocab_size": WORDS, "max_position_embeddings": POSITIONS}
    facts |= {"activation" if kind == "distilbert" else "hidden_act": "gelu"}
    facts |= {"layer_norm_eps": 1e-5, "pad_token_id": 1 if "ro" in kind or kind == "mpnet" else 0}
    return facts | changes


def tensors(kind: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights under the names of the kind."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}

    def put(name: str, *shape: int, near: float = 0.0) -> None:
        found[name] = (near + rng.normal(size=shape) * 0.4).astype(np.float32)

    def norm(name: str) -> None:
        put(f"{name}.weight", DIM, near=1)
        put(f"{name}.bias", DIM)

    put("embeddings.word_embeddings.weight", WORDS, DIM)
    put("embeddings.position_embeddings.weight", POSITIONS, DIM)
    if kind not in ("distilbert", "mpnet"):
        put("embeddings.token_type_embeddings.weight", 2, DIM)
    norm("embeddings.LayerNorm")
    if kind == "mpnet":
        put("encoder.relative_attention_bias.weight", 32, HEADS)
    for i in range(DEPTH):
        layer, *linear, norm1, norm2 = names(kind, i)
        shapes = [(DIM, DIM)] * 4 + [(INNER, DIM), (DIM, INNER)]
        for name, shape in zip(linear, shapes, strict=True):
            put(f"{layer}{name}.weight", *shape)
            put(f"{layer}{name}.bias", shape[0])
        norm(layer + norm1)
        norm(layer + norm2)
    return found


def names(kind: str, i: int) -> list[str]:
    """A layer's prefix; query, key, value, output, up, down; its two norms."""
    if kind == "distilbert":
        own = [f"attention.{x}_lin" for x in ("q", "k", "v", "out")] + ["ffn.lin1", "ffn.lin2"]
        return [f"transformer.layer.{i}.", *own, "sa_layer_norm", "output_layer_norm"]
    feed = ["intermediate.dense", "output.dense"]
    if kind == "mpnet":
        own = [f"attention.attn.{x}" for x in "qkvo"]
        return [f"encoder.layer.{i}.", *own, *feed, "attention.LayerNorm", "output.LayerNorm"]
    own = [f"attention.self.{x}" for x in ("query", "key", "value")] + ["attention.output.dense"]
    return [f"encoder.layer.{i}.", *own, *feed, "attention.output.LayerNorm", "output.LayerNorm"]


def head_names(kind: str) -> tuple[str, str, str, str]:
    """Dense, norm, tied bias and decoder of the head for masked tokens."""
    if kind == "bert":
        start = "cls.predictions"
        dense, norm = f"{start}.transform.dense", f"{start}.transform.LayerNorm"
        return dense, norm, f"{start}.bias", f"{start}.decoder"
    if kind == "distilbert":
        return "vocab_transform", "vocab_layer_norm", "vocab_projector.bias", "vocab_projector"
    return "lm_head.dense", "lm_head.layer_norm", "lm_head.bias", "lm_head.decoder"


def masked_tensors(kind: str, seed: int = 0, *, tied: bool = True) -> dict[str, np.ndarray]:
    """The weights of a masked language model, as its own class names them."""
    rng = np.random.default_rng(seed + 1000)
    base = "roberta" if kind in ("xlm-roberta", "camembert") else kind
    found = {f"{base}.{name}": x for name, x in tensors(kind, seed).items()}
    dense, norm, bias, decoder = head_names(kind)
    shapes = {f"{dense}.weight": (DIM, DIM), f"{dense}.bias": (DIM,), f"{norm}.weight": (DIM,),
              f"{norm}.bias": (DIM,), bias: (WORDS,)}  # fmt: skip
    if not tied:
        shapes |= {f"{decoder}.weight": (WORDS, DIM), f"{decoder}.bias": (WORDS,)}
    for name, shape in shapes.items():
        found[name] = (rng.normal(size=shape) * 0.6).astype(np.float32)
    return found


def plain_logits(
    kind: str, t: dict[str, np.ndarray], facts: dict[str, Any], ids: list[int]
) -> np.ndarray:
    """The (n, vocabulary) scores of one sequence's tokens, of `masked_tensors`."""
    base = "roberta." if kind in ("xlm-roberta", "camembert") else f"{kind}."
    bare = {name.removeprefix(base): x for name, x in t.items()}
    dense, norm, bias, decoder = head_names(kind)
    x = _linear(t, dense, plainly(kind, bare, facts, ids)[-1])
    x = x * 0.5 * (1 + _erf(x / np.sqrt(2)))
    x = _norm(t, norm, x, 1e-12 if kind == "distilbert" else facts["layer_norm_eps"])
    rows = t.get(f"{decoder}.weight", bare["embeddings.word_embeddings.weight"])
    moved = t.get(f"{decoder}.bias", t[bias])
    return np.array([[state @ row for row in rows] for state in x]) + moved


def plainly(kind: str, t: dict[str, np.ndarray], facts: dict[str, Any], ids: list[int]) -> list:
    """The states of one sequence, embeddings first: what the papers say, loops and all."""
    offset = facts["pad_token_id"] + 1 if kind not in ("bert", "distilbert") else 0
    x = t["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    x = x + t["embeddings.position_embeddings.weight"][offset : offset + len(ids)]
    if "embeddings.token_type_embeddings.weight" in t:
        x = x + t["embeddings.token_type_embeddings.weight"][0]
    eps = facts["layer_norm_eps"]
    states = [x := _norm(t, "embeddings.LayerNorm", x, eps)]
    dim, n_heads = x.shape[1], facts.get("num_attention_heads", facts.get("n_heads"))
    for i in range(facts.get("num_hidden_layers", facts.get("n_layers"))):
        layer, q, k, v, o, up, down, norm1, norm2 = names(kind, i)
        query, key, value = (_linear(t, layer + name, x) for name in (q, k, v))
        heads, size = [], dim // n_heads
        for h in range(n_heads):
            part = slice(h * size, (h + 1) * size)
            scores = query[:, part] @ key[:, part].T / np.sqrt(size)
            if kind == "mpnet":
                scores += _distances(t["encoder.relative_attention_bias.weight"][:, h], len(ids))
            weight = np.exp(scores - scores.max(axis=1, keepdims=True))
            heads.append(weight / weight.sum(axis=1, keepdims=True) @ value[:, part])
        x = _norm(t, layer + norm1, x + _linear(t, layer + o, np.hstack(heads)), eps)
        inner = _linear(t, layer + up, x)
        inner = inner * 0.5 * (1 + _erf(inner / np.sqrt(2)))
        x = _norm(t, layer + norm2, x + _linear(t, layer + down, inner), eps)
        states.append(x)
    return states


def _linear(t: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]


def _norm(t: dict[str, np.ndarray], name: str, x: np.ndarray, eps: float) -> np.ndarray:
    x = x - x.mean(axis=1, keepdims=True)
    x = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)
    return x * t[f"{name}.weight"] + t[f"{name}.bias"]


def _erf(x: np.ndarray) -> np.ndarray:
    from math import erf

    return np.vectorize(erf)(x)


def _distances(column: np.ndarray, n: int) -> np.ndarray:
    """The bucket of each pair, one by one: 8 single distances, then powers up to 128."""
    out = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            distance = abs(j - i)
            if distance >= 8:
                distance = min(8 + int(np.log(distance / 8) / np.log(128 / 8) * 8), 15)
            out[i, j] = column[distance + (16 if j > i else 0)]
    return out


def write(
    folder: Path,
    kind: str = "bert",
    *,
    seed: int = 0,
    pooling: dict[str, Any] | None = None,
    files: dict[str, Any] | None = None,
    weights: dict[str, np.ndarray] | None = None,
    pieces: list[str] | None = None,
    **changes: Any,
) -> Path:
    """Write a checkpoint folder with a WordPiece tokenizer; `files`: more JSON files by name.

    weights: others than `tensors`; pieces: another vocabulary than PIECES.
    """
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights or tensors(kind, seed), folder / "model.safetensors")
    vocabulary = {piece: i for i, piece in enumerate(pieces or PIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=marks
    )
    tokenizer.enable_truncation(4)  # as published files have it: sememe must not heed it
    tokenizer.save(str(folder / "tokenizer.json"))
    documents: dict[str, Any] = {"config.json": config(kind, **changes)}
    if pooling is not None:
        steps = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
        documents["modules.json"] = [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{step}"}
            for i, (step, path) in enumerate(steps)
        ]
        documents["1_Pooling/config.json"] = pooling
    for name, document in (documents | (files or {})).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(document), encoding="utf-8")
    return folder


def write_masked(
    folder: Path, kind: str = "bert", *, seed: int = 0, tied: bool = True, **options: Any
) -> Path:
    """Write the folder of a masked language model; see `write`."""
    weights = options.pop("weights", None) or masked_tensors(kind, seed, tied=tied)
    return write(folder, kind, weights=weights, tie_word_embeddings=tied, **options)


def check_batches(engine: SentenceEngine, *, shortest: int = 1) -> None:
    """Assert that a sequence has the same vector in any batch, and alone."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(shortest, POSITIONS + 1, size=80)
    many = [rng.integers(5, 60, size=n).tolist() for n in lengths]
    together = engine.forward(many)
    order = rng.permutation(len(many))
    np.testing.assert_allclose(engine.forward([many[i] for i in order]), together[order], atol=1e-5)
    alone = np.concatenate([engine.forward([ids]) for ids in many])
    np.testing.assert_allclose(alone, together, atol=1e-5)
