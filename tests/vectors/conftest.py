"""Small vectors that every test of the room shares."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import KeyedVectors, SubwordVectors
from sememe.text.ngrams import Ngrams

WORDS = ["the", "king", "queen", "café", "고양이", "고양이가", "학교", "🙂", "x", "naïve-ish"]


@pytest.fixture
def vectors():
    """Ten words, 12 numbers each, with counts."""
    matrix = np.random.default_rng(0).normal(size=(len(WORDS), 12)).astype(np.float32)
    return KeyedVectors(WORDS, matrix, counts=np.arange(100, 90, -1))


@pytest.fixture
def subword_vectors(vectors):
    """The same with 200 buckets of n-grams."""
    ngrams = np.random.default_rng(1).normal(size=(200, 12)).astype(np.float32)
    return SubwordVectors(
        WORDS,
        vectors.matrix,
        ngrams=ngrams,
        subwords=Ngrams(3, 6, 200, hangul="syllables"),
        counts=vectors.counts,
    )
