"""SubwordVectors: by hand, as gensim, and a vector for any string at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from sememe import InvalidInputError, SubwordVectors, UnknownKeyError
from sememe.text.ngrams import Ngrams
from sememe.vectors.ngram_rows import average_with_ngrams
from tests.text.test_ngrams import ANYTHING

ROWS = np.random.default_rng(0).normal(size=(997, 6)).astype(np.float32)


def of_one_word(**options):
    subwords = Ngrams(3, 5, 997, **options)
    return SubwordVectors(["word"], np.ones((1, 6)), ngrams=ROWS, subwords=subwords)


def test_by_hand(subword_vectors):
    """An unknown word is the mean of its n-grams' rows; a key is its row of the matrix."""
    ids = subword_vectors.subwords.ids("kings")
    mean = subword_vectors.ngrams[ids].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(subword_vectors["kings"], mean, rtol=1e-5)
    np.testing.assert_array_equal(subword_vectors["king"], subword_vectors.matrix[1])
    assert "kings" not in subword_vectors
    assert subword_vectors.get("kings") is None
    with pytest.raises(UnknownKeyError):
        subword_vectors.index_of("kings")


def test_own_rows_are_averaged_with_the_n_grams():
    subwords = Ngrams(3, 3, 997)
    own = np.ones((2, 6), np.float32)
    got = average_with_ngrams(["ab", "고양이"], own, ngrams=ROWS, subwords=subwords)
    for i, word in enumerate(["ab", "고양이"]):
        expected = np.vstack([own[i : i + 1], ROWS[subwords.ids(word)]]).mean(axis=0)
        np.testing.assert_allclose(got[i], expected, rtol=1e-5)


def test_unknown_words_have_neighbours(subword_vectors):
    assert subword_vectors.most_similar("kings", 3) == subword_vectors.search(
        subword_vectors["kings"], 3
    )
    assert len(subword_vectors.most_similar("king")) == 9  # itself left out
    assert len(subword_vectors.most_similar("kings")) == 10
    assert len(subword_vectors.analogy("kings", "queens", "kingss", 2)) == 2


@settings(deadline=None, max_examples=300)
@given(ANYTHING)
@pytest.mark.parametrize("hangul", ["jamo", "syllables"])
def test_any_string_has_a_finite_vector_that_is_not_zero(hangul, text):
    vector = of_one_word(hangul=hangul)[text]
    assert np.isfinite(vector).all()
    assert vector.any()


def test_many_random_strings_at_once():
    """20,000 of them, surrogates and emoji too; as one at a time."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 0x110000, size=(20_000, 8))
    sizes = rng.integers(0, 9, size=20_000)
    words = ["".join(map(chr, row[:n])) for row, n in zip(codes.tolist(), sizes, strict=True)]
    kv = of_one_word(hangul="jamo")
    vectors = kv.rows(words)
    assert np.isfinite(vectors).all()
    assert vectors.any(axis=1).all()
    for i in range(0, 20_000, 1999):
        np.testing.assert_allclose(kv[words[i]], vectors[i], rtol=1e-6)


def test_untrained_buckets_still_give_each_string_its_own_vector():
    zeros = SubwordVectors(["a"], [[1, 1]], ngrams=np.zeros((50, 2)), subwords=Ngrams(buckets=50))
    rows = zeros.rows(["word", "other", "word", ""])
    assert rows.any(axis=1).all()
    np.testing.assert_array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[0], rows[1])


def test_long_words_are_summed_in_pieces(monkeypatch):
    from sememe.vectors import keyed, ngram_rows

    kv = of_one_word()
    words = ["ab" * 40, "", "x", "고양이" * 30, "tail"]
    expected = kv.rows(words)
    monkeypatch.setattr(ngram_rows, "_GATHERED", 7)
    monkeypatch.setattr(keyed, "_WORDS", 2)
    np.testing.assert_allclose(kv.rows(words), expected, rtol=1e-5)


def test_a_typo_finds_its_word_and_noise_does_not():
    """Even random rows keep the likeness of strings: they share rows of n-grams."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghijklm"), 8)) for _ in range(200)]
    subwords = Ngrams(3, 5, 20_000)
    ngrams = rng.normal(size=(20_000, 32))
    blank = SubwordVectors([], np.empty((0, 32)), ngrams=ngrams, subwords=subwords)
    kv = SubwordVectors(words, blank.rows(words), ngrams=ngrams, subwords=subwords)

    def found(changed):
        hits = zip(words, kv.most_similar_of_many(changed, 10), strict=True)
        return np.mean([word in dict(hit) for word, hit in hits])

    assert found([f"{word[:6]}z{word[7:]}" for word in words]) > 0.95
    assert found(["".join(rng.choice(list("nopqrstuv"), 8)) for _ in words]) < 0.2


def test_cut_and_subset_keep_the_subwords(subword_vectors):
    cut = subword_vectors.cut(4)
    np.testing.assert_allclose(cut["unseen"], subword_vectors["unseen"][:4], rtol=1e-5)
    part = subword_vectors.subset(["queen"])
    np.testing.assert_array_equal(part["unseen"], subword_vectors["unseen"])
    assert list(part.keys) == ["queen"]
    for dim in (0, 1.5, subword_vectors.dim + 1):
        with pytest.raises(InvalidInputError, match=f"dim={dim}"):
            subword_vectors.cut(dim)


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match=r"\(50, 2\)"):
        SubwordVectors(["a"], [[1, 1]], ngrams=np.zeros((49, 2)), subwords=Ngrams(buckets=50))
