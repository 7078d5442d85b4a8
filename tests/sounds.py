"""Sounds that tests make: tones, noise, clicks, and files of them."""

from __future__ import annotations

import numpy as np
import soundfile

RATE = 16_000


def tone(hertz=440.0, seconds=1.0, rate=RATE, level=0.5):
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("f4")


def noise(seconds=1.0, rate=RATE, level=0.1, seed=0):
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(int(seconds * rate))).astype("f4")


def clicks(every=0.25, seconds=1.0, rate=RATE):
    found = np.zeros(int(seconds * rate), "f4")
    found[:: int(every * rate)] = 1
    return found


def write(path, samples, rate=RATE, **options):
    """Write a file in blocks, as some codecs want it."""
    samples = np.asarray(samples)
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", rate, channels, **options) as file:
        for start in range(0, len(samples), 1 << 16):
            file.write(samples[start : start + (1 << 16)])
    return path
