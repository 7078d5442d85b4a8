"""Word vectors as an encoder: each text is looked up as a key."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from sememe._types import Encoder, FloatArray, Modality
from sememe.encoders.base import as_encoder
from sememe.vectors.keyed import KeyedVectors, SubwordVectors


def find_vectors(system: object) -> KeyedVectors | None:
    """Return a system's word vectors, itself or its `vectors`; None if it has none."""
    if isinstance(system, Encoder):
        system = as_encoder(system).vectors
    return system if isinstance(system, KeyedVectors) else None


def get_name(system: object) -> str:
    """Return the name of a system in a report."""
    return system.name if isinstance(system, Encoder) else type(system).__name__


class Lookup:
    """Word vectors as an encoder of single words, without pooling.

    A word is looked up unchanged, then in NFC, then in lower case. An unknown word has a zero row
    or, if the vectors have subwords, the vector of its n-grams.
    """

    modality: Modality = "text"
    space = "keys"

    def __init__(self, vectors: KeyedVectors, name: str) -> None:
        self.vectors = vectors
        self.name = name
        self.dim = vectors.dim

    def encode(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, each row as stored."""
        rows = np.zeros((len(items), self.dim), dtype=np.float32)
        for i, word in enumerate(items):
            key = self._key(word)
            if key is not None:
                rows[i] = self.vectors[key]
            elif isinstance(self.vectors, SubwordVectors):
                rows[i] = self.vectors[word]
        return rows

    def _key(self, word: str) -> str | None:
        composed = unicodedata.normalize("NFC", word)
        spellings = (word, composed, composed.lower())
        return next((spelling for spelling in spellings if spelling in self.vectors), None)
