"""A language of tones: each letter is a pitch, and a space is silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np

RATE = 8000
PITCHES = {"a": 400, "b": 700, "c": 1100, "d": 1600}


def said(text, rng, *, gap=(80, 320)):
    """Return the samples of a text, and their rate."""
    parts = []
    for letter in text:
        n = int(rng.integers(640, 1120))
        tone = np.sin(2 * np.pi * PITCHES.get(letter, 0) * np.arange(n) / RATE)
        parts += [tone * np.hanning(n) ** 0.3, np.zeros(int(rng.integers(*gap)))]
    sound = np.concatenate(parts)
    return (sound + 0.02 * rng.standard_normal(len(sound))).astype(np.float32), RATE


def recordings(n, *, seed=0, shuffled=False):
    """Return n recordings of one or two words with their texts; shuffled: with those of others."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(n):
        words = ["".join(rng.choice(list(PITCHES), rng.integers(1, 4))) for _ in range(2)]
        texts.append(" ".join(words[: rng.integers(1, 3)]))
    sounds = [said(text, rng) for text in texts]
    if shuffled:
        texts = [texts[i] for i in rng.permutation(n)]
    return list(zip(sounds, texts, strict=True))


def write(folder, pairs):
    """Write recordings as NAME.wav beside NAME.txt."""
    import soundfile

    folder.mkdir(parents=True)
    for place, ((samples, rate), text) in enumerate(pairs):
        soundfile.write(folder / f"{place:03}.wav", samples, rate)
        (folder / f"{place:03}.txt").write_text(text + "\n", encoding="utf-8")
    return folder


def base(folder, *, norm="layer", kind="wav2vec2"):
    """Write a small network with random weights, of 20 ms frames."""
    import torch
    from transformers import HubertConfig, HubertModel, Wav2Vec2Config, Wav2Vec2Model

    config, model = {
        "wav2vec2": (Wav2Vec2Config, Wav2Vec2Model),
        "hubert": (HubertConfig, HubertModel),
    }[kind]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = model(
            config(
                conv_dim=(24, 24, 24),
                conv_stride=(10, 4, 4),
                conv_kernel=(20, 8, 4),
                conv_bias=True,
                hidden_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=64,
                num_conv_pos_embeddings=8,
                num_conv_pos_embedding_groups=2,
                feat_extract_norm=norm,
                do_stable_layer_norm=norm == "layer",
            )
        )
    made.save_pretrained(folder)
    about = '{"sampling_rate": 8000, "do_normalize": true}'
    (Path(folder) / "preprocessor_config.json").write_text(about)
    return str(folder)
