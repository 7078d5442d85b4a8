"""Small CLAP models for tests: random ones, and one whose weights are set by hand, which knows what
the words "hum", "horn" and "whistle" sound like."""

from __future__ import annotations

import json

import numpy as np

from sememe.models.audio.mel_filters import mel_filters

RATE = 8000
WORDS = ["<s>", "<pad>", "</s>", "<unk>", "a", "dog", "barks", "rain", "falls", "on", "the", "roof"]
AUDIO = {
    "window_size": 4, "num_mel_bins": 16, "spec_size": 64, "patch_size": 4, "patch_stride": [4, 4],
    "hidden_size": 32, "depths": [2, 2], "num_attention_heads": [2, 4],
    "patch_embeds_hidden_size": 16,
}  # fmt: skip
TEXT = {
    "vocab_size": len(WORDS), "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 40, "max_position_embeddings": 34, "pad_token_id": 1,
}  # fmt: skip
FEATURES = {
    "feature_extractor_type": "ClapFeatureExtractor", "feature_size": 16, "sampling_rate": RATE,
    "hop_length": 80, "max_length_s": 2, "fft_window_size": 256, "frequency_min": 50,
    "frequency_max": 3500, "truncation": "rand_trunc", "padding": "repeatpad",
}  # fmt: skip
FUSED = {"enable_fusion": True, "fusion_type": "aff_2d"}
DIM = 20
SOUNDS = {"hum": 1, "horn": 4, "whistle": 6}  # which mel bin of eight each is the loudest in
_BINS = 8


def config(audio=None, text=None, *, dim=DIM):
    """A config.json; audio, text: what differs."""
    return {
        "model_type": "clap", "projection_dim": dim, "audio_config": AUDIO | (audio or {}),
        "text_config": TEXT | (text or {}),
    }  # fmt: skip


def tensors(facts, *, seed=0):
    """Random weights by the names of transformers."""
    rng = np.random.default_rng(seed)
    audio, text, dim = facts["audio_config"], facts["text_config"], facts["projection_dim"]
    found = {"logit_scale_a": np.array(3.0), "logit_scale_t": np.array(2.5)}
    width = audio["patch_embeds_hidden_size"]

    def put(name, *shape):
        found[name] = rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        found[name.replace("weight", "bias")] = 0.1 * rng.normal(size=shape[0])

    def norm(name, size, *, batch=False):
        found[f"{name}.weight"] = 1 + 0.1 * rng.normal(size=size)
        found[f"{name}.bias"] = 0.1 * rng.normal(size=size)
        if batch:
            found[f"{name}.running_mean"] = rng.normal(size=size)
            found[f"{name}.running_var"] = 0.5 + rng.random(size)

    start = "audio_model.audio_encoder."
    _patches(start, audio, put, norm)
    norm(f"{start}batch_norm", audio["num_mel_bins"], batch=True)
    found[f"{start}batch_norm.running_mean"] -= 40  # decibels are about there
    found[f"{start}batch_norm.running_var"] *= 400
    for stage, depth in enumerate(audio["depths"]):
        size = width << stage
        for i in range(depth):
            own = f"{start}layers.{stage}.blocks.{i}."
            for part in ("query", "key", "value"):
                put(f"{own}attention.self.{part}.weight", size, size)
            table = f"{own}attention.self.relative_position_bias_table"
            shape = ((2 * audio["window_size"] - 1) ** 2, audio["num_attention_heads"][stage])
            found[table] = rng.normal(size=shape)
            put(f"{own}attention.output.dense.weight", size, size)
            put(f"{own}intermediate.dense.weight", 4 * size, size)
            put(f"{own}output.dense.weight", size, 4 * size)
            norm(f"{own}layernorm_before", size)
            norm(f"{own}layernorm_after", size)
        if stage < len(audio["depths"]) - 1:
            found[f"{start}layers.{stage}.downsample.reduction.weight"] = rng.normal(
                size=(2 * size, 4 * size)
            ) / np.sqrt(4 * size)
            norm(f"{start}layers.{stage}.downsample.norm", 4 * size)
    last = width << (len(audio["depths"]) - 1)
    norm(f"{start}norm", last)
    for name, size in (("audio", last), ("text", text["hidden_size"])):
        put(f"{name}_projection.linear1.weight", dim, size)
        put(f"{name}_projection.linear2.weight", dim, dim)
    _text(text, put, norm)
    return found


def _patches(start, audio, put, norm):
    """The convolution that makes patches, and with fusion what weighs them."""
    width, patch = audio["patch_embeds_hidden_size"], audio["patch_size"]
    put(f"{start}patch_embed.proj.weight", width, 1, patch, patch)
    norm(f"{start}patch_embed.norm", width)
    if audio.get("enable_fusion"):
        put(f"{start}patch_embed.mel_conv2d.weight", width, 1, patch, 3 * patch)
        for part, first in (("local_att", 0), ("global_att", 1)):
            own = f"{start}patch_embed.fusion_model.{part}."
            put(f"{own}{first}.weight", width // 4, width, 1, 1)
            norm(f"{own}{first + 1}", width // 4, batch=True)
            put(f"{own}{first + 3}.weight", width, width // 4, 1, 1)
            norm(f"{own}{first + 4}", width, batch=True)


def _text(text, put, norm):
    size, inner = text["hidden_size"], text["intermediate_size"]
    tables = {"word": text["vocab_size"], "position": text["max_position_embeddings"]}
    for name, rows in (tables | {"token_type": 1}).items():
        put(f"text_model.embeddings.{name}_embeddings.weight", rows, size)
    norm("text_model.embeddings.LayerNorm", size)
    for i in range(text["num_hidden_layers"]):
        own = f"text_model.encoder.layer.{i}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            put(f"{own}attention.{part}.weight", size, size)
        put(f"{own}intermediate.dense.weight", inner, size)
        put(f"{own}output.dense.weight", size, inner)
        norm(f"{own}attention.output.LayerNorm", size)
        norm(f"{own}output.LayerNorm", size)
    put("text_model.pooler.dense.weight", size, size)


def write(folder, facts=None, *, weights=None, features=None, seed=0, words=WORDS):
    """A folder as transformers writes it; weights, features: others than the usual."""
    from safetensors.numpy import save_file

    facts = facts or config()
    folder.mkdir(parents=True, exist_ok=True)
    found = tensors(facts, seed=seed) if weights is None else weights
    arrays = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in found.items()}
    save_file(arrays, folder / "model.safetensors")
    documents = {"config.json": facts, "preprocessor_config.json": FEATURES | (features or {})}
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document), encoding="utf-8")
    write_tokenizer(folder, words)
    return folder


def write_tokenizer(folder, words=WORDS):
    """Whole words in small letters, between RoBERTa's marks."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    numbers = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))  # noqa: S106, no password
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def hertz(name):
    """The tone in whose mel bin a sound is the loudest."""
    filters = mel_filters(RATE, 256, _BINS, fmin=50, fmax=3500)
    return float(filters[SOUNDS[name]].argmax() * RATE / 256)


def sounding(name, seconds=0.7, *, seed=0):
    """A sound of that name, and a little noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(size=len(time))
    return (0.5 * np.sin(2 * np.pi * hertz(name) * time) + 0.003 * noise).astype(np.float32)


def write_knowing(folder, *, mixed=False):
    """A network that knows sounds by the mel bins they are loud in, and words by the same bins.

    A patch is eight bins high, and its state is how loud each of them is on the average; layers add
    nothing. In the text tower each word is a bin, the first token sees all words alike, and other
    words are nothing. mixed: each word means the next one's sound.
    """
    names = list(SOUNDS)
    words = [*WORDS[:4], *names]
    audio = {
        "num_mel_bins": _BINS, "spec_size": 32, "patch_size": 8, "patch_stride": [8, 8],
        "depths": [1], "num_attention_heads": [1], "patch_embeds_hidden_size": _BINS,
        "hidden_size": _BINS, "enable_patch_layer_norm": False,
    }  # fmt: skip
    text = {
        "vocab_size": len(words), "hidden_size": _BINS, "num_hidden_layers": 1,
        "num_attention_heads": 1, "intermediate_size": 4,
    }  # fmt: skip
    facts = config(audio, text, dim=_BINS)
    weights = {
        name: np.ones_like(x) if "orm.weight" in name or "running_var" in name else 0 * x
        for name, x in tensors(facts).items()
    }
    kernel = weights["audio_model.audio_encoder.patch_embed.proj.weight"]
    for row in range(_BINS):
        kernel[row, 0, row] = 1 / 8
    for name in (
        "text_model.encoder.layer.0.attention.self.value.weight",
        "text_model.encoder.layer.0.attention.output.dense.weight",
        "text_model.pooler.dense.weight",
        *(f"{part}_projection.linear{i}.weight" for part in ("audio", "text") for i in (1, 2)),
    ):
        weights[name] = np.eye(_BINS)
    for part in ("audio", "text"):  # what is nothing is a little of all: no vector is zero
        weights[f"{part}_projection.linear2.bias"] += 0.05
    meant = [*names[1:], names[0]] if mixed else names
    table = weights["text_model.embeddings.word_embeddings.weight"]
    for word, sound in zip(names, meant, strict=True):
        table[words.index(word), SOUNDS[sound]] = 1
    features = {"feature_size": _BINS, "max_length_s": 1}
    return write(folder, facts, weights=weights, features=features, words=words)
