"""Excerpts: what is shown of a long passage has the words that were searched for."""

from __future__ import annotations

import pytest

from sememe.app.excerpt import Excerpts
from sememe.app.terminal import EXCERPT, shorten

LONG = (
    "Book rooms in the calendar, fifteen minutes at least. If nobody shows up, the room is free "
    "again after ten minutes. The projector needs the grey adapter, which lies in the drawer. "
    "손님이 오면 안내 데스크에 미리 알린다. 와이파이 비밀번호는 문 옆에 붙어 있다. "
    "Leave the windows closed at night, and switch off the lights when you are the last to leave. "
    "Whoever finds the coffee machine empty fills it, and writes the date on the card above it."
)


def cut(query, passage):
    return Excerpts(query, EXCERPT).cut(passage)


def test_it_begins_at_the_sentence_with_the_words():
    shown = cut("adapters for a projector", LONG)
    assert shown.startswith("… The projector needs the grey adapter")
    assert LONG.endswith(shown.removeprefix("… "))
    assert "drawer" in shorten(shown) and "drawer" not in shorten(LONG)


def test_korean_words_are_found_without_their_particles():
    assert cut("와이파이 비번", LONG).startswith("… 와이파이 비밀번호는")


def test_at_the_end_earlier_sentences_fill_the_room():
    shown = cut("coffee", LONG)
    assert "coffee" in shown and shown.startswith("… Whoever")
    shown = cut("coffee", LONG.removesuffix(", and writes the date on the card above it."))
    assert shown.startswith("… Leave the windows")


@pytest.mark.parametrize("rest", range(140, 170))
def test_what_is_found_is_never_cut_off(rest):
    """The word, then 9 letters a word, within or after the part that fits on a line."""
    passage = "one line. " * 30 + "The needle" + " eightlet" * (rest // 9) + "x" * (rest % 9)
    assert "needle" in shorten(cut("needle", passage))
    passage = "eightlet " * (rest - 100) + "needle" + " word" * 60
    assert "needle" in shorten(cut("needle", passage))


@pytest.mark.parametrize("query", ["calendar", "room", "회의실", "", "?"])
def test_all_is_kept_of_a_match_near_the_beginning_and_of_none(query):
    assert cut(query, LONG) == LONG


def test_a_short_passage_is_kept_however_it_is_set():
    passage = "A room.\n\n" + " " * 200 + "It is free."
    assert cut("free", passage) == passage
    indented = " " * 200 + LONG
    assert cut("calendar", indented) == indented


def test_a_sentence_longer_than_what_is_shown_is_cut_before_the_words():
    passage = " ".join(["word"] * 100 + ["needle"] + ["word"] * 100)
    assert "needle" in shorten(cut("needle", passage))
