"""Synthetic sounds, on which the whitening of the audio statistics is fitted.

Noise through a few resonances, and harmonic tones that waver, up to three together, each swelling,
ticking, bursting or going on, over a noise floor; some cut off above a few kHz as a telephone does,
some with silence around.

    python -m sememe.models.audio.synthetic_sounds   # writes sound_scale.npz anew, the same bytes
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sememe._types import FloatArray
from sememe.models.audio.statistics import MEL, measure_statistics
from sememe.models.audio.whitening import SCALE_FILE, SoundScale, fit_scale

COUNT = 1000
_RATE = MEL.sample_rate
_TELEPHONE = (4000, 5500, 8000)  # Hz, above which a narrow-band source is silent


def make_sound(number: int) -> FloatArray:
    """Return (n,) float32 samples at 22,050 a second, 0.3 to 10 seconds; the same for a number."""
    rng = np.random.default_rng(number)
    n = int(_RATE * _draw_between(rng, 0.3, 10))
    sound = np.zeros(n)
    for _ in range(rng.integers(1, 4)):
        source = _make_noise(rng, n) if rng.random() < 0.55 else _make_tone(rng, n)
        sound += 10 ** rng.uniform(-1.5, 0) * source * _make_envelope(rng, n)
    sound += 10 ** rng.uniform(-4.5, -1.5) * _make_noise(rng, n)
    if rng.random() < 0.3:
        spectrum = np.fft.rfft(sound)
        spectrum[np.fft.rfftfreq(n, 1 / _RATE) > rng.choice(_TELEPHONE)] = 0
        sound = np.fft.irfft(spectrum, n)
    if rng.random() < 0.2:
        first, last = sorted(rng.integers(0, n, 2).tolist())
        sound[: first // 2] = 0
        sound[(n + last) // 2 :] = 0
    return np.asarray(sound / np.abs(sound).max(), np.float32)


def measure_synthetic_sounds(count: int = COUNT) -> FloatArray:
    """Return (count, 512): the statistics of the first sounds."""
    sounds = ((make_sound(number), _RATE) for number in range(count))
    return np.array([measure_statistics(MEL.log_mel(sound)) for sound in sounds])


def _draw_between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a random number between two, log-uniformly distributed."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _make_noise(rng: np.random.Generator, n: int) -> FloatArray:
    """Return noise that falls with frequency, through up to three resonances."""
    frequency = np.maximum(np.fft.rfftfreq(n, 1 / _RATE), 20)
    shape = frequency ** rng.uniform(-2, 0.5)
    for _ in range(rng.integers(0, 4)):
        apart = np.log(frequency / _draw_between(rng, 80, 9000)) / rng.uniform(0.05, 0.6)
        shape *= 1 + rng.uniform(2, 30) * np.exp(-0.5 * apart**2)
    samples = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * shape, n)
    return np.asarray(samples / np.abs(samples).max())


def _make_tone(rng: np.random.Generator, n: int) -> FloatArray:
    """Return a tone with its harmonics, one formant, wavering and gliding."""
    time = np.arange(n) / _RATE
    pitch = _draw_between(rng, 60, 1500)
    glide = rng.uniform(-0.3, 0.3) * time / time[-1]
    waver = rng.uniform(0, 0.1) * np.sin(2 * np.pi * rng.uniform(0.2, 8) * time)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + waver + glide)) / _RATE
    harmonics = np.arange(1, rng.integers(2, 30))
    harmonics = harmonics[harmonics * pitch * 1.4 < _RATE / 2]
    apart = np.log(harmonics * pitch / _draw_between(rng, 200, 4000)) / 0.3
    levels = harmonics ** -rng.uniform(0.3, 2) * (1 + 5 * np.exp(-0.5 * apart**2))
    waves = (a * np.sin(k * phase) for a, k in zip(levels, harmonics, strict=True))
    samples = sum(waves, np.zeros(n))
    return np.asarray(samples / (np.abs(samples).max() + 1e-9))


def _make_envelope(rng: np.random.Generator, n: int) -> FloatArray:
    """Return the amplitude of a sound over time, at most 1."""
    time = np.arange(n) / _RATE
    level = np.zeros(n)
    kind = rng.choice(["steady", "swelling", "bursts", "ticking", "phrases"])
    if kind == "steady":
        level += 1
    elif kind == "swelling":
        level += 1 + rng.uniform(0.2, 1) * np.sin(2 * np.pi * rng.uniform(0.1, 2) * time)
    elif kind == "ticking":
        level += np.exp(-(time % _draw_between(rng, 0.05, 1.2)) / rng.uniform(0.005, 0.1))
    for _ in range(rng.integers(1, 6) if kind in ("bursts", "phrases") else 0):
        since = time - rng.uniform(0, time[-1])
        if kind == "bursts":
            level += np.where(since >= 0, np.exp(-np.abs(since) / rng.uniform(0.02, 0.5)), 0)
        else:
            level += np.exp(-0.5 * (3 * since / rng.uniform(0.1, 1)) ** 2)
    return np.asarray(level / level.max())


def main() -> SoundScale:
    """Fit the scale and write it into the package."""
    scale = fit_scale(measure_synthetic_sounds())
    (Path(__file__).parent / SCALE_FILE).write_bytes(scale.to_bytes())
    return scale


if __name__ == "__main__":
    main()
