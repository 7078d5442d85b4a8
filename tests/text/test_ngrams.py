"""Character n-grams: by hand, as fastText and gensim hash them, fast and plain the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe import InvalidInputError, UnknownNameError
from sememe.text.ngrams import Ngrams, fnv1a, spell

ANYTHING = st.text(st.characters(categories=None), max_size=12)  # lone surrogates too


def plainly(ngrams: Ngrams, word: str) -> list[int]:
    return [fnv1a(ngram) % ngrams.buckets for ngram in ngrams.of(word)]


def test_by_hand():
    assert Ngrams(1, 2).of("ab") == ["<a", "a", "ab", "b", "b>"]  # "<" and ">" alone are left out
    assert Ngrams(3, 6).of("") == ["<>"]
    assert Ngrams(5, 6).of("ab") == ["<ab>"]
    assert Ngrams(3, 3, hangul="syllables").of("고양이") == ["<고양", "고양이", "양이>"]
    parts = ["<ㄱㅏ", "<ㄱㅏㅁ", "ㄱㅏㅁ", "ㄱㅏㅁa"]  # "ㅏㅁa" begins inside a syllable
    assert Ngrams(3, 4, hangul="jamo").of("감a") == parts
    assert Ngrams(2, 2, hangul="jamo").of("감a") == ["<ㄱ", "ㄱㅏ", "a>"]
    assert spell("값을") == "ㄱㅏㅄㅇㅡㄹ"
    assert spell("ㅋㅋ가") == "ㅋㅋㄱㅏ∅"


def test_the_hash_is_fnv1a_with_signed_bytes():
    """FNV-1a of "a": (2166136261 ^ 97) * 16777619 mod 2**32; of byte 0xC3: xor with 0xFFFFFFC3."""
    assert fnv1a("a") == (2166136261 ^ 97) * 16777619 % 2**32
    first = (2166136261 ^ 0xFFFFFFC3) * 16777619 % 2**32
    assert fnv1a("é") == (first ^ 0xFFFFFFA9) * 16777619 % 2**32


@pytest.mark.parametrize("sizes", [(3, 6), (1, 4), (2, 2), (1, 1), (5, 5)])
def test_buckets_are_those_of_gensim(sizes):
    from gensim.models.fasttext import ft_ngram_hashes
    from gensim.models.fasttext_inner import ft_hash_bytes

    ngrams = Ngrams(*sizes, buckets=1999)
    for word in ["cat", "naïve", "고양이", "🙂🙂", "a", "<>", "ein-zwei", "Ωμέγα", "学校へ"]:
        expected = ft_ngram_hashes(word, *sizes, 1999)
        if len(expected):
            assert ngrams.ids(word).tolist() == list(expected), word
        assert fnv1a(word) == ft_hash_bytes(word.encode())


@settings(deadline=None)
@given(
    st.lists(ANYTHING, max_size=6),
    st.integers(1, 4),
    st.integers(0, 4),
    st.sampled_from(["jamo", "syllables"]),
)
def test_many_at_once_are_as_one_by_one(words, low, more, hangul):
    ngrams = Ngrams(low, low + more, buckets=104_729, hangul=hangul)
    offsets, ids = ngrams.ids_of_many(words)
    assert (offsets.dtype, ids.dtype, len(offsets)) == (np.int64, np.int32, len(words) + 1)
    for i, word in enumerate(words):
        assert ids[offsets[i] : offsets[i + 1]].tolist() == plainly(ngrams, word)
        assert offsets[i + 1] > offsets[i]


def test_batches_join_seamlessly(monkeypatch):
    import sememe.text.ngrams as module

    words = ["가나다", "", "abcdef", "é", "x" * 50] * 40
    ngrams = Ngrams(hangul="jamo")
    whole = ngrams.ids_of_many(words)
    monkeypatch.setattr(module, "_LETTERS", 17)
    for got, expected in zip(ngrams.ids_of_many(words), whole, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_inflections_share_jamo_but_not_syllables():
    """간다 and 갔다 share "<ㄱㅏ" only when the syllables are taken apart."""
    shared = {
        hangul: set(Ngrams(3, 3, hangul=hangul).of("간다"))
        & set(Ngrams(3, 3, hangul=hangul).of("갔다"))
        for hangul in ("jamo", "syllables")
    }
    assert "<ㄱㅏ" in shared["jamo"]
    assert shared["syllables"] == set()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_n": 0}, InvalidInputError, "1 <= min_n <= max_n"),
        ({"min_n": 4, "max_n": 3}, InvalidInputError, "min_n=4, max_n=3"),
        ({"buckets": 0}, InvalidInputError, "buckets=0"),
        ({"hangul": "jamos"}, UnknownNameError, "Did you mean 'jamo'"),
    ],
)
def test_what_cannot_be_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        Ngrams(**options)
