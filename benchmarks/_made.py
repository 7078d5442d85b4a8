"""Data made from a seed, for benchmarks that are given none: vectors and short documents.

The vectors resemble sentence embeddings. A point is a topic's centre plus its own departure, both
drawn in 384 latent directions whose scale decays, plus a mean all points share and a little noise,
at unit length. Set against 30,000 Korean and English sentences encoded by USE multilingual v3:

    =============================  ========  ========
    measured on 30,000             USE v3    made
    =============================  ========  ========
    mean cosine and its deviation  .04, .08  .04, .08
    cosine to neighbour 1 and 10   .52, .41  .53, .43
    effective dimensions           149       133
    local intrinsic dimension      31        26
    =============================  ========  ========
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

DIM = 512
BLOCK = 10_000
_LATENT, _DECAY, _TOPICS, _SPREAD, _MEAN, _NOISE = 384, 0.32, 2000, 0.75, 0.2, 0.01


class Vectors:
    """Blocks of unit vectors; block i is the same in every run, whatever the others are."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.seed = seed
        scale = np.arange(1, _LATENT + 1) ** -_DECAY
        self.scale = (scale / np.linalg.norm(scale)).astype(np.float32)
        self.basis = np.linalg.qr(rng.standard_normal((DIM, _LATENT)))[0].T.astype(np.float32)
        self.centres = rng.standard_normal((_TOPICS, _LATENT), np.float32) * self.scale
        popularity = np.arange(1, _TOPICS + 1) ** -0.7
        self.popularity = popularity / popularity.sum()
        shared = rng.standard_normal(DIM, np.float32)
        self.shared = _MEAN * shared / np.linalg.norm(shared)

    def block(self, index: int, rows: int = BLOCK) -> np.ndarray:
        """Return (rows, 512) float32 unit vectors."""
        rng = np.random.default_rng((self.seed, index))
        topics = rng.choice(_TOPICS, rows, p=self.popularity)
        own = rng.standard_normal((rows, _LATENT), np.float32) * self.scale
        latent = (1 - _SPREAD**2) ** 0.5 * self.centres[topics] + _SPREAD * own
        points = latent @ self.basis + self.shared
        points += _NOISE * rng.standard_normal((rows, DIM), np.float32)
        return points / np.linalg.norm(points, axis=1, keepdims=True)


def documents(count: int, data: Path | None = None) -> Iterator[tuple[str, str]]:
    """Yield (id, text), every text another one.

    Args:
        count: How many.
        data: JSON Lines with "text", or one text a line. Where it holds fewer, later rounds join
            the first half of one text to the second half of another. Made texts where None.
    """
    texts = _made_texts() if data is None else _spliced(list(_read(data)))
    for number, text in enumerate(itertools.islice(texts, count)):
        yield f"d{number}", text


def _read(data: Path) -> Iterator[str]:
    with data.open(encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"] if line.startswith("{") else line.strip()
            if text:
                yield text


def _spliced(texts: list[str]) -> Iterator[str]:
    yield from texts
    for turn in itertools.count(1):
        for i, text in enumerate(texts):
            first, second = text.split(), texts[(i + 7919 * turn) % len(texts)].split()
            yield " ".join(first[: len(first) // 2] + second[len(second) // 2 :])


def _made_texts() -> Iterator[str]:
    """Yield sentences of 8 to 24 words: the bundled samples' words, and new ones now and then."""
    from importlib.resources import files

    lines = files("sememe.app").joinpath("samples", "samples.jsonl").read_text("utf-8")
    samples = [json.loads(line) for line in lines.splitlines() if line]
    words = {
        language: sorted({w for s in samples if s["lang"] == language for w in s["text"].split()})
        for language in ("ko", "en")
    }
    rng = random.Random(0)
    for number in itertools.count():
        language = ("ko", "en")[number % 2]
        yield " ".join(
            rng.choice(words[language]) if rng.random() < 0.8 else _new_word(rng, words[language])
            for _ in range(rng.randint(8, 24))
        )


def _new_word(rng: random.Random, words: list[str]) -> str:
    """Return a word that likely nobody has met: two to four pieces of known ones."""
    parts = (rng.choice(words) for _ in range(rng.randint(2, 4)))
    return "".join(part[: 1 + rng.randrange(3)] for part in parts)
