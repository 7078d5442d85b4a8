"""Word vectors where an encoder is asked for: each text is looked up as a key."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sememe._types import Encoder, Modality
from sememe.encoders.base import as_encoder
from sememe.vectors.keyed import KeyedVectors, SubwordVectors

if TYPE_CHECKING:
    from sememe._types import FloatArray


def find_vectors(system: object) -> KeyedVectors | None:
    """Return the word vectors that a system is, or holds as `vectors`; None if it has none."""
    if isinstance(system, Encoder):
        system = as_encoder(system).vectors
    return system if isinstance(system, KeyedVectors) else None


def get_name(system: object) -> str:
    """Return what a report calls a system."""
    return system.name if isinstance(system, Encoder) else type(system).__name__


class Lookup:
    """Word vectors as an encoder of single words, without pooling.

    A word is looked up as it is, then composed (NFC), then in lower case. One that is no key has a
    zero row, or, where the vectors have subwords, the vector of its parts.
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
        """Return (n, dim) float32, each row as it is stored."""
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


def as_lookup(system: Encoder | KeyedVectors) -> object:
    """Return a lookup over the system's word vectors, or the system if it has none."""
    vectors = find_vectors(system)
    return system if vectors is None else Lookup(vectors, get_name(system))
