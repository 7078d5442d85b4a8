"""Small sounds for tests: tones, noise and clicks, and folders of them."""

from __future__ import annotations

import numpy as np

RATE = 8000
KINDS = ("clicks", "noise", "tone")


def tone(hertz, seconds=0.5, *, rate=RATE, gain=0.5):
    return gain * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def noise(rng, seconds=0.5, *, gain=0.3):
    return gain * rng.standard_normal(round(seconds * RATE))


def clicks(rng, seconds=0.5, *, count=6):
    made = 0.002 * rng.standard_normal(round(seconds * RATE))
    made[rng.integers(0, len(made), count)] = 0.9
    return made


def make(kind, rng):
    if kind == "tone":
        return tone(rng.uniform(300, 1200)) + 0.01 * noise(rng)
    return noise(rng) if kind == "noise" else clicks(rng)


def written(path, samples, rate=RATE):
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)
    return path


def folder_of_sounds(folder, n, *, seed=0, kinds=KINDS):
    """Write n sounds of each kind as folder/<kind>/<number % 2>_<number>.wav."""
    rng = np.random.default_rng(seed)
    for kind in kinds:
        for i in range(n):
            written(folder / kind / f"{i % 2}_{i:02}.wav", make(kind, rng))
    return folder
