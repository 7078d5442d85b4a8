"""Sounds that tests of training make: syllables of three tones, and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
TONES = (350, 800, 1500, 2600)  # Hz; each is followed by the next, the last by the first


def syllable(first: int, rng: np.random.Generator) -> np.ndarray:
    """Three tones after one another, 0.36 s in all, with some noise; no two are alike."""
    parts = []
    for place in range(first, first + 3):
        n = int(RATE * rng.uniform(0.1, 0.14))
        pitch = TONES[place % 4] * rng.uniform(0.97, 1.03)
        parts.append(np.sin(2 * np.pi * (pitch * np.arange(n) / RATE + rng.random())))
        parts[-1] *= np.hanning(n) ** 0.5
    sound = np.concatenate(parts)
    return (0.3 * sound + 0.01 * rng.normal(size=len(sound))).astype(np.float32)


def syllables(n: int, *, seed: int) -> list[tuple[np.ndarray, int]]:
    """Sounds (samples, rate), the i-th of the class i % 4: of the tone that it begins with."""
    rng = np.random.default_rng(seed)
    return [(syllable(i % 4, rng), RATE) for i in range(n)]


def noise(n: int, *, seed: int) -> list[tuple[np.ndarray, int]]:
    """As many sounds as long, of nothing that could be foretold."""
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=2900).astype(np.float32) * 0.1, RATE) for _ in range(n)]


def write(folder: Path, sounds: list[tuple[np.ndarray, int]], names: list[str]) -> Path:
    """Write sounds as wav files of those names, in folders within it too."""
    for name, (samples, rate) in zip(names, sounds, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, samples, rate)
    return folder
