"""What is predicted: Korean neighbours by their stems, so that rare forms speak together."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import FastText, InvalidInputError, UnknownNameError
from sememe.train.words.prediction_targets import stem_rows

KEYS = ["학교는", "먹었다", "school", "학교에서", "먹는다", "학교", "schools", "하나요", "8월까지"]


def test_by_hand():
    """학교는, 학교에서 and 학교 share the first's row; 먹었다 and 먹는다 that of 먹었다."""
    assert stem_rows(KEYS).tolist() == [0, 1, 2, 0, 1, 0, 6, 7, 8]
    assert stem_rows([]).tolist() == []


def test_rows_stay_when_keys_are_added():
    for n in range(len(KEYS)):
        assert stem_rows(KEYS)[:n].tolist() == stem_rows(KEYS[:n]).tolist()


def forms(seed: int = 0):
    """사과 and 포도 stand by 나무 and 바퀴 by 도로, but never by the same form of it."""
    endings = {"사과": ["는", "가"], "포도": ["를", "에"], "바퀴": ["는", "가", "를", "에"]}
    rng = np.random.default_rng(seed)
    for _ in range(4000):
        word = list(endings)[rng.integers(3)]
        near = "도로" if word == "바퀴" else "나무"
        yield [word, near + endings[word][rng.integers(len(endings[word]))]]


@pytest.mark.parametrize(("targets", "alike"), [("stems", True), ("words", False)])
def test_words_are_alike_whose_neighbours_share_a_stem(targets, alike):
    """The control: predicting forms, 사과 has as much in common with 바퀴 as with 포도."""
    options = {"dim": 16, "min_count": 1, "window": 1, "epochs": 10, "workers": 1, "subsample": 0}
    corpus = list(forms())
    vectors = FastText(targets=targets, buckets=2000, hangul="syllables", **options)
    vectors = vectors.fit(corpus).vectors_
    same, other = vectors.similarity("사과", "포도"), vectors.similarity("사과", "바퀴")
    assert (same - other > 0.5) is alike


def test_other_scripts_are_trained_to_the_same_bytes():
    corpus = [["the", "cat", "sat"], ["a", "dog", "sat"]] * 30
    options = {"dim": 8, "min_count": 1, "buckets": 100, "workers": 1}
    stems, words = (
        FastText(targets=targets, **options).fit(corpus).vectors_.matrix
        for targets in ("stems", "words")
    )
    assert stems.tobytes() == words.tobytes()


def test_unknown_targets_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'stems'"):
        FastText(targets="stem").fit([["a"]])
    with pytest.raises(InvalidInputError, match="common_directions=-1"):
        FastText(common_directions=-1).fit([["a"]])
