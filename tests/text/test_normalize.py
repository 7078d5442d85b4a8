"""One normal form: idempotent, blind to how characters are composed, never in trouble."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sememe.text.normalize import normalize, strip_accents

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates included


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＳＵＶ", "suv"),
        ("Straße", "strasse"),
        ("so\u00adft", "soft"),  # a soft hyphen is not there
        ("ze\u200bro", "ze ro"),  # a zero-width space is a boundary
        ("ا\u200dب", "اب"),
        ("a\x00b", "a b"),
        ("a\ud800b", "a b"),
        ("①㎏", "1kg"),
        ("ﾊﾝｸﾞﾙ", "ハングル"),
        ("", ""),
    ],
)
def test_worked(text, expected):
    assert normalize(text) == expected


@given(ANY_TEXT)
def test_is_idempotent(text):
    assert normalize(normalize(text)) == normalize(text)


@given(ANY_TEXT)
def test_does_not_see_composition(text):
    assert normalize(unicodedata.normalize("NFD", text)) == normalize(
        unicodedata.normalize("NFC", text)
    )


@given(ANY_TEXT)
def test_leaves_no_surrogate_and_no_control(text):
    found = normalize(text)
    found.encode("utf-8")
    assert not any(unicodedata.category(letter) == "Cc" for letter in found)


def test_accents_are_letters_marks():
    assert strip_accents("crème brûlée") == "creme brulee"
    assert strip_accents("한국") == "한국"
    assert strip_accents("हिन्दी") == "हिन्दी"  # vowel signs are no accents
