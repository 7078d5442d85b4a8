"""Small networks of speech for tests: random ones, and one whose weights are set by hand, which
writes a letter for each tone that it hears."""

from __future__ import annotations

import json

import numpy as np

RATE = 8000
BASE = {
    "model_type": "wav2vec2", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 40, "conv_dim": [12, 16], "conv_kernel": [20, 8], "conv_stride": [10, 4],
    "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4, "vocab_size": 9,
    "pad_token_id": 0, "feat_extract_norm": "layer", "do_stable_layer_norm": True,
    "conv_bias": True,
}  # fmt: skip
GROUP = BASE | {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}
PAD, SPACE = "<pad>", "|"
_KERNEL, _STRIDE = 200, 100  # of what hears tones: 25 ms, every 12.5 ms


def norm(name, dim, rng):
    gain, bias = 1 + 0.1 * rng.normal(size=dim), 0.1 * rng.normal(size=dim)
    return {f"{name}.weight": gain, f"{name}.bias": bias}


def linear(name, inputs, outputs, rng):
    matrix = rng.normal(size=(outputs, inputs)) / np.sqrt(inputs)
    return {f"{name}.weight": matrix, f"{name}.bias": 0.1 * rng.normal(size=outputs)}


def tensors(config, *, seed=0, prefix="wav2vec2.", head=True):
    """Weights by the names of transformers."""
    rng = np.random.default_rng(seed)
    dim, inner = config["hidden_size"], config["intermediate_size"]
    found, channels = {}, 1
    sizes = zip(config["conv_dim"], config["conv_kernel"], strict=True)
    for i, (width, kernel) in enumerate(sizes):
        start = f"feature_extractor.conv_layers.{i}"
        shape = (width, channels, kernel)
        found[f"{start}.conv.weight"] = rng.normal(size=shape) * np.sqrt(2 / (channels * kernel))
        if config["conv_bias"]:
            found[f"{start}.conv.bias"] = 0.1 * rng.normal(size=width)
        if config["feat_extract_norm"] == "layer" or i == 0:
            found |= norm(f"{start}.layer_norm", width, rng)
        channels = width
    found |= norm("feature_projection.layer_norm", channels, rng)
    found |= linear("feature_projection.projection", channels, dim, rng)
    kernel = config["num_conv_pos_embeddings"]
    width = dim // config["num_conv_pos_embedding_groups"]
    positions = "encoder.pos_conv_embed.conv"
    found[f"{positions}.weight_g"] = 1 + rng.random(size=(1, 1, kernel))
    found[f"{positions}.weight_v"] = rng.normal(size=(dim, width, kernel))
    found[f"{positions}.bias"] = 0.1 * rng.normal(size=dim)
    found |= norm("encoder.layer_norm", dim, rng)
    for i in range(config["num_hidden_layers"]):
        start = f"encoder.layers.{i}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            found |= linear(f"{start}.attention.{part}", dim, dim, rng)
        found |= linear(f"{start}.feed_forward.intermediate_dense", dim, inner, rng)
        found |= linear(f"{start}.feed_forward.output_dense", inner, dim, rng)
        for name in ("layer_norm", "final_layer_norm"):
            found |= norm(f"{start}.{name}", dim, rng)
    found = {prefix + name: array for name, array in found.items()}
    if head:
        found |= linear("lm_head", dim, config["vocab_size"], rng)
    return found


def write(folder, config=BASE, *, rate=RATE, normalize=True, **options):
    """A folder with random weights; returns it."""
    return write_folder(folder, config, tensors(config, **options), rate, normalize)


def write_folder(folder, config, weights, rate=RATE, normalize=True):
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    arrays = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in weights.items()}
    save_file(arrays, folder / "model.safetensors")
    about = {"do_normalize": normalize, "sampling_rate": rate, "feature_size": 1}
    for name, document in (("config.json", config), ("preprocessor_config.json", about)):
        (folder / name).write_text(json.dumps(document), encoding="utf-8")
    return folder


def write_vocabulary(folder, units):
    """Letters after the mark for none; "|" is the space."""
    numbers = {unit: i for i, unit in enumerate([PAD, *units])}
    about = {"pad_token": PAD, "unk_token": None, "word_delimiter_token": SPACE}
    for name, document in (("vocab.json", numbers), ("tokenizer_config.json", about)):
        (folder / name).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return folder


def hertz(place):
    """The tone of a letter: each fits the kernel a whole number of times."""
    return 400 + 240 * place


def write_tones(folder, letters="abcde"):
    """A network set by hand, by which each of "|" and the letters is a tone; silence is none.

    Four filters hear a tone at any phase: plus and minus its cosine and sine, of which relu leaves
    those that agree. They are added up to one state for each letter; layers and positions add
    nothing, and the head asks whether a state stands out.
    """
    units = [SPACE, *letters]
    n, dim = len(units), len(units) + 2
    time = np.arange(_KERNEL) / RATE
    waves = [np.exp(2j * np.pi * hertz(i) * time) for i in range(n)]
    filters = np.array([f for w in waves for f in (w.real, -w.real, w.imag, -w.imag)])
    config = BASE | {
        "model_type": "hubert", "hidden_size": dim, "num_hidden_layers": 1, "vocab_size": n + 1,
        "num_attention_heads": 1, "intermediate_size": 4, "conv_dim": [4 * n],
        "conv_kernel": [_KERNEL], "conv_stride": [_STRIDE], "num_conv_pos_embeddings": 2,
        "num_conv_pos_embedding_groups": 1, "feat_extract_activation": "relu", "conv_bias": False,
        "feat_proj_layer_norm": False, "layer_norm_eps": 1.0,
    }  # fmt: skip
    weights = {name: 0 * x for name, x in tensors(config, prefix="hubert.").items()}
    for name in weights:
        if "norm.weight" in name:
            weights[name] = weights[name] + 1
    positions = "hubert.encoder.pos_conv_embed.conv.weight_v"
    weights[positions] = weights[positions] + 1  # directions; their lengths are 0
    start = "hubert.feature_extractor.conv_layers.0"
    weights[f"{start}.conv.weight"] = filters[:, None] * (2 / _KERNEL)
    added = np.kron(np.eye(n), np.ones(4))  # (letters, 4 filters each)
    weights["hubert.feature_projection.projection.weight"][:n] = added
    weights["lm_head.weight"][1:, :n] = 6 * np.eye(n)
    weights["lm_head.bias"] = np.array([0.0] + [-8.0] * n)
    write_folder(folder, config, weights, normalize=False)
    return write_vocabulary(folder, units)


def said(text, letters="abcde", *, seed=0, noise=0.002):
    """A text in tones, at a rate of 8,000: 60 ms a letter, 40 ms of silence between."""
    rng = np.random.default_rng(seed)
    time = np.arange(480) / RATE
    parts = [np.zeros(800)]
    for letter in text:
        place = 0 if letter == " " else 1 + letters.index(letter)
        wave = np.sin(2 * np.pi * (hertz(place) * time + rng.random()))
        parts += [wave * np.sin(np.pi * np.arange(480) / 480) ** 0.25, np.zeros(320)]
    parts.append(np.zeros(800))
    whole = 0.4 * np.concatenate(parts)
    return (whole + noise * rng.normal(size=len(whole))).astype(np.float32)
