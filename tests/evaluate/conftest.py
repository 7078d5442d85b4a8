"""Encoders whose right answer is known: one that knows the meanings, one that knows nothing."""

import zlib

import numpy as np
import pytest


class TableEncoder:
    """Encodes a text as the row that a table gives it; unknown texts get a zero row."""

    modality = "text"
    space = "table"

    def __init__(self, table, name="table"):
        self.table = {text: np.asarray(row, dtype=np.float32) for text, row in table.items()}
        self.dim = len(next(iter(self.table.values())))
        self.name = name
        self.seen = []

    def encode(self, items, *, batch_size=None, show_progress=False):
        self.seen.extend(items)
        zero = np.zeros(self.dim, dtype=np.float32)
        return np.stack([self.table.get(item, zero) for item in items])


class RandomEncoder:
    """Gives every text a random direction of its own: meaning is absent."""

    name = "random"
    dim = 64
    modality = "text"
    space = "random"

    def encode(self, items, *, batch_size=None, show_progress=False):
        return np.stack([_direction(item, self.dim) for item in items])


def _direction(text, dim):
    return np.random.default_rng(zlib.crc32(text.encode())).normal(size=dim).astype(np.float32)


@pytest.fixture
def table_encoder():
    return TableEncoder


@pytest.fixture
def random_encoder():
    return RandomEncoder()


@pytest.fixture
def knowing():
    """Build an encoder over groups of texts: texts of one group lie together, groups apart."""

    def build(groups, noise=0.1):
        rng = np.random.default_rng(0)
        table = {}
        for group in groups:
            meaning = rng.normal(size=64)
            for text in group:
                table[text] = meaning + noise * rng.normal(size=64)
        return TableEncoder(table, name="knowing")

    return build
