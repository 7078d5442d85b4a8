"""Runs of one script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sememe.text.normalize import normalize
from sememe.text.terms.script_runs import tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("suv차량", ["suv", "차량"]),
        ("3번", ["3", "번"]),
        ("c++와 c#", ["c++", "와", "c#"]),
        ("gpt-4는", ["gpt-4", "는"]),
        ("state-of-the-art", ["state", "of", "the", "art"]),
        ("1,000,000원 3.14 192.168.0.1", ["1,000,000", "원", "3.14", "192.168.0.1"]),
        ("1,2,3", ["1", "2", "3"]),
        ("covid19 2a", ["covid19", "2a"]),
        ("don't", ["don't"]),
        ("日本語テスト", ["日本語テスト"]),
        ("ภาษาไทย", ["ภาษาไทย"]),
        ("हिन्दी العَرَبِيَّة", ["हिन्दी", "العَرَبِيَّة"]),
        ("🍎사과", ["🍎", "사과"]),
        ("... !? \t\n", []),
        ("", []),
    ],
)
def test_worked(text, expected):
    assert [token.text for token in tokens(text)] == expected


@given(st.text())
def test_offsets_point_at_the_text(text):
    text = normalize(text)
    last = 0
    for token in tokens(text):
        assert text[token.start : token.end] == token.text
        assert token.start >= last
        last = token.end


@given(st.text(st.characters(categories=["L", "Nd"])))
def test_no_letter_is_lost(text):
    text = normalize(text)
    kept = "".join(token.text for token in tokens(text))
    assert [c for c in text if c.isalnum()] == [c for c in kept if c.isalnum()]
