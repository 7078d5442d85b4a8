"""Small pictures whose class is their texture; tints, widths and places are random, and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def textures(n, seed, size=16):
    """(n, size, size, 3) uint8 of four classes in turn: stripes across, stripes up, checks, dots.

    Tints, widths and offsets are random: what a view changes too, so that the texture is left.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    down, across = np.mgrid[:size, :size]
    pictures = np.empty((n, size, size, 3), np.uint8)
    for i, label in enumerate(labels):
        period = int(rng.integers(4, 7))
        x, y = across + rng.integers(period), down + rng.integers(period)
        on_x, on_y = x % period < period // 2, y % period < period // 2
        on = (on_y, on_x, on_x ^ on_y, on_x & on_y)[label]
        tint = rng.integers(-50, 50, 3)
        noise = rng.normal(0, 40, (size, size, 3))
        pictures[i] = np.clip(np.where(on[..., None], 170, 90) + tint + noise, 0, 255)
    return pictures, labels


def write(folder: Path, pixels, labels) -> Path:
    """Write pictures as folder/<label>/<number>.png."""
    for i, (picture, label) in enumerate(zip(pixels, labels, strict=True)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{i:04}.png")
    return folder
