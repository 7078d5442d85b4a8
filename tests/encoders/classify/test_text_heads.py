"""Heads of text classifiers: worked logits, and probabilities of classes and of grades."""

from __future__ import annotations

import numpy as np

from sememe.encoders.classify.text_heads import (
    NgramHead,
    Pool,
    TextHeads,
    VectorHead,
    to_probabilities,
)
from sememe.text.hashed_ngrams import hash_ngrams


def make_ngram_head() -> NgramHead:
    _, ids = hash_ngrams(["ab"])
    scale = np.ones(len(ids), np.float32)
    weight = np.stack([scale, -scale])
    return NgramHead(ids, scale, weight, np.array([0.5, 0.0], np.float32))


def test_ngrams_are_scaled_to_unit_length():
    """Of m known n-grams with scale 1 each is 1 / sqrt(m); their sum is sqrt(m)."""
    head = make_ngram_head()
    m = len(head.ids)
    rows = head.logits(["ab", "zzz", ""])
    np.testing.assert_allclose(rows[0], [m**0.5 + 0.5, -(m**0.5)], rtol=1e-5)
    np.testing.assert_allclose(rows[1:], [[0.5, 0.0]] * 2)  # no n-gram is known


def test_pooled_logits_by_hand():
    vectors = VectorHead(np.array([[1, 0], [0, 2]], np.float32), np.array([0, 1], np.float32))
    pool = Pool((2.0, 0.0), np.array([0, -1], np.float32))
    heads = TextHeads(vectors, make_ngram_head(), pool)
    found = heads.probabilities(np.array([[0.6, 0.8]], np.float32), ["ab"])
    # 2 (0.6, 1.6 + 1) + (0, -1) = (1.2, 4.2): a difference of 3
    np.testing.assert_allclose(found, [[1 / (1 + np.exp(3)), 1 / (1 + np.exp(-3))]], rtol=1e-5)


def test_grades_follow_from_the_probabilities_of_bounds():
    logits = np.log(np.array([[0.9 / 0.1, 0.3 / 0.7], [0.3 / 0.7, 0.9 / 0.1]], np.float32))
    found = to_probabilities(logits, ordered=True)
    np.testing.assert_allclose(found[0], [0.1, 0.6, 0.3], atol=1e-6)
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)  # bounds that cross change places
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_arrays_keep_what_is_predicted():
    vectors = VectorHead(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    pool = Pool((1.0, 0.5), np.array([0.25, 0], np.float32), 0.8)
    heads = TextHeads(vectors, make_ngram_head(), pool)
    again = TextHeads.of(heads.arrays(), ordered=False)
    rows, texts = np.array([[0.6, 0.8]], np.float32), ["ab cd"]
    np.testing.assert_allclose(
        again.probabilities(rows, texts), heads.probabilities(rows, texts), atol=1e-3
    )


def test_a_power_flattens_the_probabilities_of_grades():
    logits = np.log(np.array([[0.9 / 0.1, 0.3 / 0.7]], np.float32))  # of three: 0.1, 0.6, 0.3
    pool = Pool((1.0,), np.zeros(2, np.float32), 0.5, ordered=True)
    roots = np.sqrt([0.1, 0.6, 0.3])
    np.testing.assert_allclose(pool.probabilities([logits])[0], roots / roots.sum(), atol=1e-6)
