"""The letters of a recogniser: worked texts, and that spelling can be undone."""

from __future__ import annotations

import json
import unicodedata

import pytest

from sememe import InvalidInputError, UnknownNameError
from sememe.models.ctc.vocabulary import read_vocabulary
from sememe.train.speech.vocabulary import BLANK, SPACE, UNKNOWN, SpeechVocabulary, frames_needed

TEXTS = ["Three, two!", "one’s  no-one - ever"]
KOREAN = ["각 마을의 값을 읽었다", "뷁 쀍 꽃", "ㅋㅋ 3시 ok"]


def test_the_letters_of_texts_by_hand():
    found = SpeechVocabulary.of(["Ba", "ab c"])
    assert found.letters == ("a", "b", "c")
    assert len(found) == 6
    assert found.encode("cab b") == [5, 3, 4, SPACE, 4]
    assert found.encode("a?d") == [3, SPACE, UNKNOWN]
    assert found.decode([BLANK, 3, UNKNOWN, SPACE, SPACE, 4, SPACE]) == "a b"


@pytest.mark.parametrize(
    ("options", "plain"),
    [
        ({}, ["three two", "one's no-one ever"]),
        ({"lower": False}, ["Three two", "one's no-one ever"]),
        ({"punctuation": True}, ["three, two!", "one's no-one - ever"]),
    ],
)
def test_what_is_compared(options, plain):
    vocabulary = SpeechVocabulary.of(TEXTS, **options)
    assert [vocabulary.normalize(text) for text in TEXTS] == plain
    assert [vocabulary.decode(vocabulary.encode(text)) for text in TEXTS] == plain


@pytest.mark.parametrize("units", ["characters", "jamo"])
def test_spelling_can_be_undone_in_korean_composed_or_not(units):
    vocabulary = SpeechVocabulary.of(KOREAN, units=units)
    for text in KOREAN:
        assert vocabulary.decode(vocabulary.encode(text)) == text
        apart = unicodedata.normalize("NFD", text)
        assert vocabulary.encode(apart) == vocabulary.encode(text)


def test_every_syllable_is_three_letters_of_67():
    syllables = [chr(code) for code in range(ord("가"), ord("힣") + 1)]
    vocabulary = SpeechVocabulary.of(syllables, units="jamo")
    assert len(vocabulary.letters) == 19 + 21 + 27
    assert vocabulary.decode(vocabulary.encode("".join(syllables))) == "".join(syllables)
    assert len(vocabulary.encode("각")) == 3
    first, _, last = vocabulary.encode("각")
    assert first != last  # so that 가 + 각 and 각 + 악 stay apart


def test_rare_letters_are_unknown():
    found = SpeechVocabulary.of(["aab", "aac"], min_count=2)
    assert found.letters == ("a",)
    assert found.encode("ab") == [3, UNKNOWN]


def test_frames_that_letters_need():
    """By hand: "ll" and "ee" need a blank between; a space parts what is alike on its own."""
    ids = SpeechVocabulary.of(["ball league"]).encode("ball league")
    assert len(ids) == 11
    assert frames_needed(ids) == 12
    assert frames_needed([3, SPACE, 3]) == 3
    assert frames_needed([3]) == 1


@pytest.mark.parametrize("units", ["characters", "jamo"])
def test_the_decoder_reads_what_is_written(tmp_path, units):
    vocabulary = SpeechVocabulary.of(KOREAN, units=units)
    vocabulary.write(tmp_path)
    read = read_vocabulary(tmp_path, size=len(vocabulary), blank=5)
    assert (read.blank, read.space) == (BLANK, SPACE)
    for text in KOREAN:
        assert read.text(vocabulary.encode(text)) == text
    numbers = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    assert sorted(numbers.values()) == list(range(len(vocabulary)))


def test_refused():
    with pytest.raises(InvalidInputError, match="no letter"):
        SpeechVocabulary.of(["", " ?! "])
    with pytest.raises(UnknownNameError, match="jamo"):
        SpeechVocabulary.of(["a"], units="letters")
