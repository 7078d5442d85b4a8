"""Words of a text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sememe import UnknownNameError
from sememe.text.words import check_tokens, tokenize, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The CAT sat.", ["the", "cat", "sat"]),
        ("don't 'quoted' dogs' rock'n'roll", ["don't", "quoted", "dogs", "rock'n'roll"]),
        ("don’t ‘quoted’", ["don't", "quoted"]),
        ("snake_case 3.14 1,000", ["snake", "case", "3", "14", "1", "000"]),
        ("나는 학교에, 갔다. “안녕”", ["나는", "학교에", "갔다", "안녕"]),
        (unicodedata.normalize("NFD", "한국어 café"), ["한국어", "café"]),
        ("हिन्दी العَرَبِيَّة", ["हिन्दी", "العَرَبِيَّة"]),
        ("Ünïted—ÉTATS…", ["ünïted", "états"]),
        ("co\u00adoperate zero\u200bwidth", ["cooperate", "zero", "width"]),
        ("\ud800 😀 — ''", []),
        ("", []),
    ],
)
def test_worked(text, expected):
    assert tokenize(text) == expected


@given(st.text())
def test_words_are_words_again(text):
    words = tokenize(text)
    assert tokenize(" ".join(words)) == words
    assert all(word[0].isalnum() for word in words)
    assert not any(char.isspace() or char in '.,"_-!?' for word in words for char in word)


@given(st.lists(st.text()))
def test_lines_do_not_change_words(lines):
    assert tokenize("\n".join(lines)) == [word for line in lines for word in tokenize(line)]


def test_whitespace_takes_text_as_it_is():
    assert words_of("A—b,c.\u3000D".encode(), "whitespace") == ["A—b,c.", "D"]
    assert words_of(b"a\xffb", "whitespace") == ["a\ufffdb"]


def test_unknown_way_to_cut():
    with pytest.raises(UnknownNameError, match="words, whitespace"):
        check_tokens("space")
