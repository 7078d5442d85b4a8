"""What all vectors share is taken away, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import FastText
from sememe.evaluate.metrics.correlation import spearman
from sememe.vectors.all_but_the_top import find_common_part


def shared(seed: int = 0, n: int = 500):
    """Rows that mean something in 5 axes, beneath a large mean and one loud axis."""
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(n, 5))
    loud = rng.normal(size=(n, 1)) * 20
    rows = np.concatenate([meaning, loud], axis=1) + rng.normal(size=6) * 30
    return meaning, rows.astype(np.float32)


def test_no_mean_is_left_and_nothing_along_the_directions():
    _, rows = shared()
    without = find_common_part(rows, directions=2)
    left = without(rows)
    np.testing.assert_allclose(left.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(left @ without.directions, 0, atol=1e-4)
    np.testing.assert_allclose(without.directions.T @ without.directions, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(find_common_part(rows, directions=0)(rows), rows - rows.mean(axis=0),
                               atol=1e-4)  # fmt: skip


def test_cosines_speak_of_meaning_afterwards_and_not_before():
    meaning, rows = shared()

    def agreement(vectors):
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        truth = meaning / np.linalg.norm(meaning, axis=1, keepdims=True)
        pairs = np.triu_indices(len(rows), 1)
        return spearman((unit @ unit.T)[pairs], (truth @ truth.T)[pairs])

    assert agreement(rows) < 0.5
    assert agreement(find_common_part(rows, directions=1)(rows)) > 0.95


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), size=5)) for _ in range(1200)]
    return [[words[i] for i in rng.integers(0, len(words), size=8)] for _ in range(2500)]


def test_fasttext_takes_it_from_words_and_ngrams_alike(corpus):
    """Both are means of rows, so the map of every row is the map of the mean."""
    options = {"dim": 12, "min_count": 1, "epochs": 2, "buckets": 5000, "workers": 1}
    options |= {"spelling": False}
    plain = FastText(common_directions=None, **options).fit(corpus).vectors_
    ours = FastText(common_directions=2, **options).fit(corpus).vectors_
    without = find_common_part(np.asarray(plain.matrix[:10_000]), directions=2)
    np.testing.assert_allclose(ours.matrix, without(plain.matrix), atol=1e-5)
    trained = np.unique(plain.subwords.ids_of_many(plain.keys)[1])
    rows = plain.ngrams.copy()
    rows[trained] = without(rows[trained])  # a bucket nothing was learnt for stays
    assert 0 < len(trained) < len(rows)
    for unseen in ("ωωωω", plain.keys[0] + plain.keys[1]):
        expected = rows[plain.subwords.ids(unseen)].mean(axis=0)
        np.testing.assert_allclose(ours[unseen], expected, atol=1e-5)


def test_a_small_vocabulary_keeps_all(corpus):
    options = {"dim": 12, "min_count": 1, "epochs": 1, "buckets": 500, "workers": 1}
    few = [line[:2] for line in corpus[:200]]
    kept, plain = (
        FastText(common_directions=n, **options).fit(few).vectors_.matrix for n in (2, None)
    )
    assert kept.tobytes() == plain.tobytes()
