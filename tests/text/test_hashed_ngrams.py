"""Hashed n-grams: which a text has, and that they depend on nothing else."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sememe.text.hashed_ngrams import hash_ngrams, split_words
from sememe.text.ngrams import Ngrams

BUCKETS = 1 << 20


def test_a_text_has_its_words_their_pairs_and_the_ngrams_within_words():
    """Counted by hand: two words, one pair, and of each word what `Ngrams` says."""
    offsets, ids = hash_ngrams(["Good film"])
    ngrams = Ngrams(2, 5, buckets=BUCKETS, hangul="jamo")
    wanted = {crc32(name.encode()) % BUCKETS for name in ("good", "film", "good film")}
    wanted |= {*ngrams.ids("good").tolist(), *ngrams.ids("film").tolist()}
    assert offsets.tolist() == [0, len(wanted)]
    assert set(ids.tolist()) == wanted


def test_forms_of_a_korean_verb_share_more_than_unrelated_words():
    _, first = hash_ngrams(["재밌다"])
    _, form = hash_ngrams(["재밌네요"])
    _, other = hash_ngrams(["지루함"])
    assert len(set(first) & set(form)) > 3 * len(set(first) & set(other))


def test_decomposed_and_upper_case_letters_are_the_same():
    assert hash_ngrams(["CAFÉ"])[1].tolist() == hash_ngrams(["cafe\u0301"])[1].tolist()
    assert split_words("재밌다!! ㅋㅋ") == ["재밌다", "!!", "ㅋㅋ"]


@given(st.lists(st.text(max_size=30), max_size=5))
def test_a_text_has_the_same_ngrams_whatever_is_beside_it(texts):
    offsets, ids = hash_ngrams(texts)
    assert len(offsets) == len(texts) + 1
    for i, text in enumerate(texts):
        own = ids[offsets[i] : offsets[i + 1]]
        np.testing.assert_array_equal(own, hash_ngrams([text])[1])
        assert (np.diff(own) > 0).all()
