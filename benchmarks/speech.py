"""Networks of speech without torch, beside transformers: the same weights, the same samples.

    python benchmarks/speech.py [--size base|large] [--threads 2] [--repeats 3]

The weights are random, of the size of wav2vec2-base (95 million) or -large (315 million): only
speed, memory and agreement are measured. Each system is a process of its own; the best of the
repeats is told. Needs the extras `train` and `audio`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from _shared import machine, run

LARGE = {
    "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
    "intermediate_size": 4096, "feat_extract_norm": "layer", "do_stable_layer_norm": True,
    "conv_bias": True,
}  # fmt: skip
RATE = 16_000
# name: how many clips, of how many seconds
SETS = {"4 clips of 10 s": (4, 10.0), "32 clips of 0.4 to 0.7 s": (32, 0.4)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--size", choices=("base", "large"), default="base")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--part", choices=("make", "sememe", "transformers"))
    options.add_argument("--folder", type=Path)
    told = options.parse_args()
    if told.part:
        {"make": make, "sememe": ours, "transformers": theirs}[told.part](told)
        return
    with tempfile.TemporaryDirectory() as folder:
        own = [f"--{name}={getattr(told, name)}" for name in ("size", "threads", "repeats")]
        found = {}
        for part in ("make", "sememe", "transformers"):
            argv = [sys.executable, __file__, f"--part={part}", f"--folder={folder}", *own]
            done = run(argv, threads=told.threads)
            if done.code:
                sys.exit(f"{part}: {done.why}")
            found[part] = done
        table(found, told.threads)


def table(found, threads: int) -> None:
    ours_, theirs_ = (found[part].last for part in ("sememe", "transformers"))
    print(machine(threads))
    print("| | sememe | transformers |\n|---|---|---|")
    for name in SETS:
        print(f"| {name}, seconds | {ours_[name]:.2f} | {theirs_[name]:.2f} |")
    peaks = [found[part].peak_mb for part in ("sememe", "transformers")]
    print(f"| peak memory, MB | {peaks[0]:.0f} | {peaks[1]:.0f} |")
    apart = max(abs(a - b) for a, b in zip(ours_["some"], theirs_["some"], strict=True))
    print(f"\nlargest difference of {len(ours_['some'])} scores: {apart:.1e}")


def clips(name):
    import numpy as np

    count, seconds = SETS[name]
    rng = np.random.default_rng(0)
    lengths = [round((seconds + 0.01 * i * (seconds < 1)) * RATE) for i in range(count)]
    return [rng.normal(size=n).astype(np.float32) for n in lengths]


def make(told) -> None:
    import transformers as t

    config = t.Wav2Vec2Config(**(LARGE if told.size == "large" else {}))
    t.Wav2Vec2ForCTC(config).save_pretrained(told.folder)
    t.Wav2Vec2FeatureExtractor().save_pretrained(told.folder)


def ours(told) -> None:
    from sememe.models.wav2vec2.engine import SpeechEngine
    from sememe.models.wav2vec2.folder import read_speech_folder

    engine = SpeechEngine(read_speech_folder(told.folder), threads=told.threads)
    measure(engine.run, told.repeats)


def theirs(told) -> None:
    """One clip after another: a network with normalisation over time must not see padding."""
    import torch
    import transformers as t

    torch.set_num_threads(told.threads)
    model = t.Wav2Vec2ForCTC.from_pretrained(told.folder).eval()
    extractor = t.Wav2Vec2FeatureExtractor.from_pretrained(told.folder)

    def encode(some):
        with torch.inference_mode():
            ready = [extractor(x, sampling_rate=RATE, return_tensors="pt") for x in some]
            return [model(one.input_values).logits[0].numpy() for one in ready]

    measure(encode, told.repeats)


def measure(encode, repeats: int) -> None:
    found = {}
    encode(clips("4 clips of 10 s")[:1])
    for name in SETS:
        given, best = clips(name), float("inf")
        for _ in range(repeats):
            started = time.perf_counter()
            rows = encode(given)
            best = min(best, time.perf_counter() - started)
        found[name] = best
    found["some"] = [float(x) for x in rows[-1].ravel()[:500]]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
