"""Error rates worked by hand, and a recogniser evaluated from its folder."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import soundfile

from sememe import InvalidInputError
from sememe.encoders.audio.transcriber import Transcriber
from sememe.evaluate import run_task
from sememe.evaluate.metrics.error_rates import edit_distance
from sememe.evaluate.runners.speech import (
    character_error_rate,
    evaluate_speech,
    normalize,
    word_error_rate,
)
from tests.models.wav2vec2 import checkpoints as small
from tests.models.wav2vec2.checkpoints import RATE, said

FAST = {"resamples": 50}


def by_recursion(a, b):
    """Levenshtein's definition as it stands."""

    @cache
    def distance(i, j):
        if not i or not j:
            return i + j
        change = distance(i - 1, j - 1) + (a[i - 1] != b[j - 1])
        return min(change, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(a), len(b))


def test_distances_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = ("".join(rng.choice(list("abc"), rng.integers(0, 9))) for _ in range(2))
        assert edit_distance(a, b) == edit_distance(b, a) == by_recursion(a, b)
    assert edit_distance([], []) == 0


def test_word_errors_by_hand():
    """the cat sat | a cat sat down: one changed, one put in. Of 3 words and 1, 2 + 1 are wrong."""
    found = word_error_rate(["the cat sat", "yes"], ["a cat sat down", ""])
    assert (found.errors, found.length, found.rate) == (3, 4, 0.75)
    low, high = found.interval  # both drawn the first twice: 2 / 3; the second twice: 1
    assert low == pytest.approx(2 / 3) and high == 1


def test_character_errors_by_hand():
    """Of "ab c" the space is left out; 가 is its letters put together; y is one too many."""
    found = character_error_rate(["ab  c", "가", "x"], ["abc", "\u1100\u1161", "xy"])
    assert (found.errors, found.length) == (2, 6)


def test_nothing_said():
    """What is written of silence is an error; of silence alone there is no rate."""
    found = word_error_rate(["", "one two"], ["uh", "one two"])
    assert (found.errors, found.length, found.rate) == (1, 2, 0.5)
    assert math.isnan(word_error_rate([""], [""]).rate)
    assert word_error_rate(["a"], ["b c d"]).rate == 3
    for wrong in (([], []), (["a"], []), ("a", "a")):
        with pytest.raises(InvalidInputError):
            word_error_rate(*wrong)


def test_an_interval_holds_the_truth():
    """Each word is wrong with a chance of 0.3, drawn anew 60 times: nineteen in twenty hold it."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(60):
        wrong = rng.random((50, 8)) < 0.3
        written = [" ".join("x" if bad else "a" for bad in row) for row in wrong]
        low, high = word_error_rate(["a " * 8] * 50, written, resamples=200).interval
        held += low <= 0.3 <= high
    assert 50 <= held <= 60


def test_texts_are_compared_without_case_and_signs():
    assert normalize("ＡB... Don’t — “STOP”!") == "ａb don't stop"
    assert normalize("' a 'b'") == "a b"
    assert normalize("3.5") == "3 5"


@pytest.fixture
def data(tmp_path):
    texts = ["ab cd", "e", "abc", "de ed", "", "b c"]
    lines = ["path,text"]
    for i, text in enumerate(texts):
        soundfile.write(tmp_path / f"{i}.wav", said(text, seed=i), RATE, subtype="FLOAT")
        lines.append(f"{i}.wav,{text.upper()}!")
    (tmp_path / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.fixture
def recogniser(tmp_path):
    return Transcriber.load(small.write_tones(tmp_path / "tones"))


def test_a_recogniser_that_hears_all(data, recogniser):
    """The control, texts of other recordings, errs in most words."""
    for beam_size in (1, 4):
        found = run_task("speech", recogniser, data / "table.csv", beam_size=beam_size, **FAST)
        assert (found.task, found.n, found.covered) == ("speech", 6, 1)
        assert found.metrics == {"word_error_rate": 0, "character_error_rate": 0}
        assert found.intervals["word_error_rate"] == (0, 0)
        assert found.control["word_error_rate"] > 0.8
        assert found.control["character_error_rate"] > 0.5


def test_one_that_was_taught_other_letters(data, tmp_path):
    """Letters turned round: c is in the middle and stays."""
    place = small.write_tones(tmp_path / "turned", "edcba")
    found = run_task("speech", Transcriber.load(place), data / "table.csv", **FAST)
    assert found.metrics["word_error_rate"] == pytest.approx(7 / 8)  # of 8 words, c alone


def test_what_cannot_be_read_lowers_what_is_covered(data, recogniser):
    (data / "1.wav").write_bytes(b"")
    found = run_task("speech", recogniser, data / "table.csv", **FAST)
    assert found.covered == pytest.approx(5 / 6)
    assert found.metrics["word_error_rate"] == 0
    for name in "0234 5".replace(" ", ""):
        (data / f"{name}.wav").write_bytes(b"")
    with pytest.raises(InvalidInputError, match=r"no audio that can be read: .*0\.wav: empty"):
        run_task("speech", recogniser, data / "table.csv", **FAST)


def test_what_it_cannot_do_says_so(data, recogniser, random_encoder):
    with pytest.raises(InvalidInputError, match="allowed: a recogniser"):
        run_task("speech", random_encoder, data / "table.csv")
    with pytest.raises(InvalidInputError, match="beam_size=4 is for 'speech'"):
        run_task("sts", random_encoder, data / "table.csv", beam_size=4)
    with pytest.raises(InvalidInputError, match="only empty transcripts"):
        evaluate_speech(recogniser, [(data / "4.wav", "...")])
    with pytest.raises(InvalidInputError, match="got no audio"):
        evaluate_speech(recogniser, [])
