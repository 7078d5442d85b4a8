"""Vocabularies of recognisers: what outputs write, and how a word is spelt in them."""

from __future__ import annotations

import json
import unicodedata

import pytest

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.ctc.vocabulary import read_vocabulary, spell_words

LATIN = ["<pad>", "<s>", "</s>", "<unk>", "|", "A", "B", "'"]


def vocabulary(folder, units, config=None, *, blank=0, size=None):
    numbers = {unit: i for i, unit in enumerate(units)}
    (folder / "vocab.json").write_text(json.dumps(numbers), encoding="utf-8")
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return read_vocabulary(folder, size=size or len(units), blank=blank)


def test_marks_write_nothing(tmp_path):
    found = vocabulary(tmp_path, LATIN)
    assert (found.blank, found.space, found.silent) == (0, 4, (1, 2, 3))
    assert found.text([4, 5, 6, 4, 4, 7, 5, 4]) == "AB 'A"


def test_marks_are_those_that_the_tokenizer_names(tmp_path):
    """Other names, one of them as an object; the network's own number for blank does not count."""
    config = {"pad_token": {"content": "_"}, "unk_token": "?", "word_delimiter_token": " "}
    found = vocabulary(tmp_path, ["a", "?", " ", "_"], config, blank=0)
    assert (found.blank, found.space, found.silent) == (3, 2, (1,))
    assert found.text([0, 2, 0]) == "a a"


def test_without_a_pad_in_the_vocabulary_the_config_says_which_is_blank(tmp_path):
    found = vocabulary(tmp_path, ["a", "b", "c"], {"pad_token": None}, blank=2)
    assert (found.blank, found.space) == (2, None)


def test_outputs_beyond_the_vocabulary_write_nothing(tmp_path):
    found = vocabulary(tmp_path, LATIN, size=10)
    assert found.silent == (1, 2, 3, 8, 9)


@pytest.mark.parametrize("form", ["syllables", "letters", "keyboard"])
def test_korean_in_three_spellings(form, tmp_path):
    letters = {
        "syllables": list("한국말없이가"),
        "letters": sorted(set(unicodedata.normalize("NFD", "한국말없이가"))),
        "keyboard": sorted("ㅎㅏㄴㄱㅜㅁㄹㅇㅓㅄㅣ"),
    }[form]
    found = vocabulary(tmp_path, ["<pad>", "|", *letters])
    for text in ("한국말", "말없이", "가"):
        ids = found.spell(text)
        assert ids is not None
        assert (len(ids) == len(text)) == (form == "syllables")
        assert found.text([*ids, 1, *ids]) == f"{text} {text}"
    assert found.spell("다") is None


def test_a_word_is_spelt_in_the_case_that_is_there(tmp_path):
    found = vocabulary(tmp_path, LATIN)
    assert found.spell("ab'a") == (5, 6, 7, 5)
    assert found.spell("abc") is None


def test_units_of_several_letters_are_taken_first(tmp_path):
    found = vocabulary(tmp_path, ["<pad>", "t", "h", "th", "e"])
    assert found.spell("the") == (3, 4)


def test_words_that_cannot_be_written_are_left_out(tmp_path):
    found = vocabulary(tmp_path, LATIN)
    assert list(spell_words(found, ["ab", "xyz", " ", "BA"])) == ["ab", "BA"]
    with pytest.raises(InvalidInputError, match="'xyz': none can be written with .* AB'"):
        spell_words(found, ["xyz"])


def test_what_is_no_vocabulary_says_so(tmp_path):
    with pytest.raises(InvalidInputError, match=r"no vocab\.json"):
        read_vocabulary(tmp_path, size=3, blank=0)
    with pytest.raises(CorruptFileError, match="gives 'c' the number 2, the network has outputs 0"):
        vocabulary(tmp_path, ["a", "b", "c"], size=2)
    (tmp_path / "vocab.json").write_text('{"eng": {"a": 1}, "kor": {"b": 1}}')
    with pytest.raises(InvalidInputError, match=r"for each of 2 languages \(eng, kor\)"):
        read_vocabulary(tmp_path, size=3, blank=0)
    (tmp_path / "tokenizer_config.json").write_text('{"target_lang": "kor"}')
    assert read_vocabulary(tmp_path, size=3, blank=0).units == ("", "b", "")
    (tmp_path / "tokenizer_config.json").unlink()
    for text in ("[1]", "{", '{"a": "b"}'):
        (tmp_path / "vocab.json").write_text(text)
        with pytest.raises(CorruptFileError, match=r"vocab\.json"):
            read_vocabulary(tmp_path, size=3, blank=0)
