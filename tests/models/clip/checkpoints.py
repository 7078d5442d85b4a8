"""Small CLIP models for tests: random weights as transformers and open_clip name them, a small
vocabulary in CLIP's form, and both towers in plain NumPy, step by step, to compare with."""

from __future__ import annotations

import json
from math import erf
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, DEPTH, HEADS, INNER, DIM, TOKENS = 16, 2, 4, 24, 12, 20
SIZE, PATCH = 24, 8
MEAN, STD = [0.48, 0.45, 0.40], [0.27, 0.26, 0.28]
MERGES = ["c a", "ca t</w>", "d o", "do g</w>", "p h", "ph o", "pho t", "phot o</w>", "o f</w>"]
MERGES += ["ê ³", "ê³ ł", "ì ĸ", "ĸ ĳ", "ìĸ ĳ"]  # bytes of Hangul


def alphabet() -> list[str]:
    """The 256 bytes as printable characters, in the order of GPT-2."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {b: chr(b) for b in plain}
    rest = [b for b in range(256) if b not in names]
    return [*names.values(), *(chr(256 + i) for i in range(len(rest)))]


def vocabulary() -> dict[str, int]:
    """Bytes, bytes at a word's end, merged pairs, and the two marks last."""
    pieces = alphabet()
    pieces += [f"{piece}</w>" for piece in pieces]
    pieces += ["".join(pair.split()) for pair in MERGES]
    return {name: i for i, name in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}


WORDS = len(vocabulary())


def config(**changes: Any) -> dict[str, Any]:
    """A config.json; changes go to both towers where both know them."""
    tower = {"hidden_size": WIDTH, "num_hidden_layers": DEPTH, "num_attention_heads": HEADS,
             "intermediate_size": INNER, "hidden_act": "quick_gelu"}  # fmt: skip
    text = tower | {"vocab_size": WORDS, "max_position_embeddings": TOKENS}
    text |= {"bos_token_id": WORDS - 2, "eos_token_id": WORDS - 1}
    vision = tower | {"image_size": SIZE, "patch_size": PATCH}
    for name, value in changes.items():
        for part in (text, vision):
            if name in part:
                part[name] = value
    return {"model_type": "clip", "projection_dim": DIM, "text_config": text,
            "vision_config": vision}  # fmt: skip


def open_config(**model: Any) -> dict[str, Any]:
    """An open_clip_config.json of the same network."""
    vision = {"image_size": SIZE, "patch_size": PATCH, "layers": DEPTH, "width": WIDTH}
    vision |= {"head_width": WIDTH // HEADS, "mlp_ratio": INNER / WIDTH}
    text = {"context_length": TOKENS, "vocab_size": WORDS, "width": WIDTH, "heads": HEADS}
    text |= {"layers": DEPTH, "mlp_ratio": INNER / WIDTH}
    model = {"embed_dim": DIM, "vision_cfg": vision, "text_cfg": text, "quick_gelu": True} | model
    return {"model_cfg": model, "preprocess_cfg": {"mean": MEAN, "std": STD}}


def tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights under the names of transformers."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {"logit_scale": np.array(3.0, np.float32)}

    def put(name: str, *shape: int, near: float = 0.0) -> None:
        found[name] = (near + rng.normal(size=shape) * 0.4).astype(np.float32)

    def norm(name: str) -> None:
        put(f"{name}.weight", WIDTH, near=1)
        put(f"{name}.bias", WIDTH)

    put("text_model.embeddings.token_embedding.weight", WORDS, WIDTH)
    put("text_model.embeddings.position_embedding.weight", TOKENS, WIDTH)
    put("vision_model.embeddings.class_embedding", WIDTH)
    put("vision_model.embeddings.patch_embedding.weight", WIDTH, 3, PATCH, PATCH)
    put("vision_model.embeddings.position_embedding.weight", 1 + (SIZE // PATCH) ** 2, WIDTH)
    for name in ("vision_model.pre_layrnorm", "vision_model.post_layernorm"):
        norm(name)
    norm("text_model.final_layer_norm")
    put("text_projection.weight", DIM, WIDTH)
    put("visual_projection.weight", DIM, WIDTH)
    for part in ("text_model", "vision_model"):
        for i in range(DEPTH):
            start = f"{part}.encoder.layers.{i}."
            names = [f"self_attn.{x}_proj" for x in ("q", "k", "v", "out")]
            shapes = [(WIDTH, WIDTH)] * 4 + [(INNER, WIDTH), (WIDTH, INNER)]
            for name, shape in zip([*names, "mlp.fc1", "mlp.fc2"], shapes, strict=True):
                put(f"{start}{name}.weight", *shape)
                put(f"{start}{name}.bias", shape[0])
            norm(f"{start}layer_norm1")
            norm(f"{start}layer_norm2")
    return found


def open_tensors(found: dict[str, np.ndarray], *, text: str = "") -> dict[str, np.ndarray]:
    """The same weights under the names of open_clip; text: what the text tower's begin with."""
    out = {"logit_scale": found["logit_scale"]}
    names = {"text_model.embeddings.token_embedding.weight": f"{text}token_embedding.weight",
             "text_model.embeddings.position_embedding.weight": f"{text}positional_embedding",
             "vision_model.embeddings.class_embedding": "visual.class_embedding",
             "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
             }  # fmt: skip
    out |= {new: found[old] for old, new in names.items()}
    places = "vision_model.embeddings.position_embedding.weight"
    out["visual.positional_embedding"] = found[places]
    out[f"{text}text_projection"] = found["text_projection.weight"].T.copy()
    out["visual.proj"] = found["visual_projection.weight"].T.copy()
    norms = {"vision_model.pre_layrnorm": "visual.ln_pre",
             "vision_model.post_layernorm": "visual.ln_post",
             "text_model.final_layer_norm": f"{text}ln_final"}  # fmt: skip
    for part, start in (("vision_model", "visual."), ("text_model", text)):
        for i in range(DEPTH):
            old, new = f"{part}.encoder.layers.{i}.", f"{start}transformer.resblocks.{i}."
            for last in ("weight", "bias"):
                three = [found[f"{old}self_attn.{x}_proj.{last}"] for x in ("q", "k", "v")]
                out[f"{new}attn.in_proj_{last}"] = np.concatenate(three)
            norms |= {f"{old}self_attn.out_proj": f"{new}attn.out_proj",
                      f"{old}mlp.fc1": f"{new}mlp.c_fc", f"{old}mlp.fc2": f"{new}mlp.c_proj",
                      }  # fmt: skip
            norms |= {f"{old}layer_norm{j}": f"{new}ln_{j}" for j in (1, 2)}
    for old, new in norms.items():
        for last in ("weight", "bias"):
            out[f"{new}.{last}"] = found[f"{old}.{last}"]
    return out


def plain_text(t: dict[str, np.ndarray], ids: list[int], end: int, act: str = "quick_gelu"):
    """The unit vector of one sequence that is read at the token in place `end`."""
    x = t["text_model.embeddings.token_embedding.weight"][ids].astype(np.float64)
    x = x + t["text_model.embeddings.position_embedding.weight"][: len(ids)]
    x = _layers(t, "text_model", x, act, causal=True)
    row = _norm(t, "text_model.final_layer_norm", x)[end] @ t["text_projection.weight"].T
    return row / np.linalg.norm(row)


def plain_image(t: dict[str, np.ndarray], pixels: np.ndarray, act: str = "quick_gelu"):
    """The unit vector of pixels (size, size, 3) of uint8, patch by patch."""
    kernel = t["vision_model.embeddings.patch_embedding.weight"]
    patch = kernel.shape[-1]
    values = (pixels / 255 - MEAN) / STD
    rows = [t["vision_model.embeddings.class_embedding"]]
    for top in range(0, len(pixels) - patch + 1, patch):
        for left in range(0, len(pixels) - patch + 1, patch):
            square = values[top : top + patch, left : left + patch].transpose(2, 0, 1)
            rows.append([(square * one).sum() for one in kernel])
    x = np.array(rows, np.float64) + t["vision_model.embeddings.position_embedding.weight"]
    x = _layers(t, "vision_model", _norm(t, "vision_model.pre_layrnorm", x), act, causal=False)
    row = _norm(t, "vision_model.post_layernorm", x)[0] @ t["visual_projection.weight"].T
    return row / np.linalg.norm(row)


def _layers(t, part, x, act, *, causal):
    for i in range(DEPTH):
        start = f"{part}.encoder.layers.{i}."
        y = _norm(t, f"{start}layer_norm1", x)
        query, key, value = (_linear(t, f"{start}self_attn.{n}_proj", y) for n in "qkv")
        heads, size = [], WIDTH // HEADS
        for h in range(HEADS):
            own = slice(h * size, (h + 1) * size)
            scores = query[:, own] @ key[:, own].T / np.sqrt(size)
            if causal:
                scores[np.triu_indices(len(x), 1)] = -np.inf
            weight = np.exp(scores - scores.max(axis=1, keepdims=True))
            heads.append(weight / weight.sum(axis=1, keepdims=True) @ value[:, own])
        x = x + _linear(t, f"{start}self_attn.out_proj", np.hstack(heads))
        y = _linear(t, f"{start}mlp.fc1", _norm(t, f"{start}layer_norm2", x))
        x = x + _linear(t, f"{start}mlp.fc2", _activated(y, act))
    return x


def _activated(x, act):
    if act == "quick_gelu":
        return x / (1 + np.exp(-1.702 * x))
    if act == "relu":
        return np.maximum(x, 0)
    if act == "gelu":
        return x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))
    return x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _linear(t, name, x):
    return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]


def _norm(t, name, x, eps=1e-5):
    x = x - x.mean(axis=1, keepdims=True)
    x = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)
    return x * t[f"{name}.weight"] + t[f"{name}.bias"]


def write_tokenizer(folder: Path) -> None:
    """Write vocab.json and merges.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary()), encoding="utf-8")
    lines = "\n".join(["#version: 0.2", *MERGES, ""])
    (folder / "merges.txt").write_text(lines, encoding="utf-8")


def write(
    folder: Path, form: str = "transformers", *, seed: int = 0,
    weights: dict[str, np.ndarray] | None = None, facts: dict[str, Any] | None = None,
    processor: dict[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Write a folder as transformers or open_clip does; weights, facts: others than the usual."""
    from safetensors.numpy import save_file

    write_tokenizer(folder)
    found = tensors(seed) if weights is None else weights
    if form == "open_clip":
        found = open_tensors(found) if weights is None else found
        save_file(found, folder / "open_clip_model.safetensors")
        _json(folder / "open_clip_config.json", facts or open_config())
        return folder
    save_file(found, folder / "model.safetensors")
    _json(folder / "config.json", facts or config())
    made = {"size": {"shortest_edge": SIZE}, "crop_size": {"height": SIZE, "width": SIZE}}
    made |= {"image_mean": MEAN, "image_std": STD, "resample": 3, "do_resize": True}
    _json(folder / "preprocessor_config.json", made | (processor or {}))
    return folder


def _json(path: Path, facts: dict[str, Any]) -> None:
    path.write_text(json.dumps(facts), encoding="utf-8")
