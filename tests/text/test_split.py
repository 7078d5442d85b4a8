"""Cutting long text: worked examples, and what holds for any text."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe.text.split import split

PIECES = [*("a", "가", "word", "낱말", "🙂"), *'.!?…。」"', *(" ", "\n", "\n\n", "\t")]
ROWS = [*"x가. \n。\t🙂\u200b(…", *("!?", '."', ". ", " \n")]


def words(texts):
    """Count a token for each word."""
    return [len(text.split()) for text in texts]


def characters(texts):
    """Count a token for each character that is no white space."""
    return [len("".join(text.split())) for text in texts]


def cut(text, window, overlap=0, count=words):
    return [text[s.start : s.end] for s in split(text, count=count, window=window, overlap=overlap)]


def sentences(text):
    """The units themselves: each counts as much as the window holds, so that none are joined."""
    return cut(text, 1_000, count=lambda texts: [1_000] * len(texts))


# Worked by hand


def test_sentences_are_packed_and_the_last_ones_repeated():
    """Windows of 6 words: 3+2, then 2+4 with "Four five." again; 4 are too many to repeat."""
    text = "One two three. Four five. Six seven eight nine. Ten."
    spans = split(text, count=words, window=6, overlap=2)
    assert [(s.tokens, s.repeated) for s in spans] == [(5, 0), (6, 2), (1, 0)]
    assert [text[s.start : s.end] for s in spans] == [
        "One two three. Four five.",
        "Four five. Six seven eight nine.",
        "Ten.",
    ]


def test_a_chunk_ends_with_its_paragraph_once_it_is_three_quarters_full():
    """4 of 5 words are more than 3/4: the paragraph ends the chunk though "five" would fit."""
    assert cut("one two. three four.\n\nfive.", 5) == ["one two. three four.", "five."]
    assert cut("one two. three four. five.", 5) == ["one two. three four. five."]
    assert cut("one two.\n\nthree four.\n\nfive.", 5) == ["one two.\n\nthree four.", "five."]


def test_a_sentence_too_long_is_cut_between_words():
    """10 words of 2 characters, windows of 4 tokens: pieces of 0.9 * 4 / 10 * 29 characters."""
    text = " ".join(f"w{n}" for n in range(10))
    assert cut(text, 4) == ["w0 w1 w2", "w3 w4 w5", "w6 w7 w8 w9"]


def test_a_word_too_long_is_cut_between_characters():
    assert cut("abcdefghij", 5, count=characters) == ["abcd", "efgh", "ij"]
    assert cut("가나다", 1, count=characters) == ["가", "나", "다"]


def test_a_character_is_never_cut_whatever_it_counts():
    spans = split("ab", count=lambda texts: [9] * len(texts), window=3, overlap=1)
    assert [(s.start, s.end, s.tokens) for s in spans] == [(0, 1, 9), (1, 2, 9)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("비가 온다. 우산을 쓴다! 왜 그럴까? 글쎄…  모른다.", 5),
        ("비가 온다.\n우산을 쓴다", 2),
        ("“가자.” 그가 말했다. (정말이다.) 끝", 4),
        ("It rained. We stayed in! Why? Who knows…  Nobody.", 5),
        ("天气很好。我们去公园吧！「你好。」他说？是", 5),
        ("雨が降る。傘をさす｡終わり", 3),
        ("هل تمطر؟ نعم. لا.", 3),
        ("Wait... what?! No.", 3),
    ],
)
def test_where_sentences_end(text, expected):
    found = sentences(text)
    assert len(found) == expected
    assert "".join("".join(found).split()) == "".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "Pi is 3.14 and e is 2.718 here",
        "3.14는 원주율이고 1.5배는 절반을 더한 것이다",
        "See sememe.index.writer at example.com/a?b=c",
        "Dr. Kim met Prof. Lee and J. S. Bach in St. Gallen, see Fig. 3 and pp. 4 to 5",
        "이것은 끝나지 않은",
        "so-called 'ends.'with no space",
    ],
)
def test_where_sentences_do_not_end(text):
    assert sentences(text) == [text]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t \u3000\n"])
def test_white_space_alone_gives_no_chunk(text):
    assert split(text, count=words, window=4, overlap=1) == []


# What holds for any text


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=80).map("".join) | st.text(max_size=60),
    st.integers(1, 12),
    st.integers(0, 6),
    st.sampled_from([words, characters]),
)
def test_chunks_cover_the_text_within_the_window(text, window, overlap, count):
    spans = split(text, count=count, window=window, overlap=overlap)
    covered = {place for span in spans for place in range(span.start, span.end)}
    assert all(char.isspace() for place, char in enumerate(text) if place not in covered)
    for span in spans:
        chunk = text[span.start : span.end]
        assert chunk and chunk == chunk.strip()
        assert span.tokens <= window or span.end - span.start == 1
        assert 0 <= span.repeated <= min(overlap, max(span.tokens - 1, 0))
        if count is characters:  # the tokens of a span are the sum of its sentences'
            assert span.tokens == characters([chunk])[0]
    for one, after in zip(spans, spans[1:], strict=False):
        assert one.start < after.start and one.end < after.end
        shared = text[after.start : one.end]
        assert count is words or characters([shared])[0] == after.repeated
    if spans:
        assert spans[0].repeated == 0


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_a_text_that_fits_is_one_chunk(text):
    spans = split(text, count=characters, window=1_000, overlap=20)
    body = text.strip()
    assert [text[s.start : s.end] for s in spans] == ([body] if body else [])


@pytest.mark.parametrize("overlap", [0, 5, 40])
def test_overlap_beyond_the_window_still_moves_on(overlap):
    text = "하나 둘. 셋 넷. 다섯 여섯. 일곱 여덟."
    spans = split(text, count=words, window=4, overlap=overlap)
    assert spans[-1].end == len(text)
    assert len(spans) <= 4


def test_a_quarter_of_a_megabyte_of_one_thing_is_no_trap():
    """Each takes a moment; with the square of the length it would take four minutes."""
    code = (
        "import sys; from sememe.text.split import split\n"
        "for unit in eval(sys.argv[1]):\n"
        "    text = 'a' + (unit * (1 << 18))[: 1 << 18] + 'b'\n"
        "    spans = split(text, count=lambda ts: list(map(len, ts)), window=128, overlap=32)\n"
        "    assert (spans[0].start, spans[-1].end) == (0, len(text)), unit\n"
    )
    subprocess.run([sys.executable, "-c", code, repr(ROWS)], check=True, timeout=60)


def test_a_megabyte_without_a_space_is_cut_evenly():
    spans = split("가" * (1 << 20), count=characters, window=128, overlap=32)
    assert spans[-1].end == 1 << 20
    assert min(span.tokens for span in spans[:-1]) > 0.8 * 128


def test_memory_follows_the_batch_not_the_text():
    """No call of `count` is given more than a few thousand sentences."""
    sizes = []

    def count(texts):
        sizes.append(len(texts))
        return words(texts)

    split("한 문장이다. " * 20_000, count=count, window=8, overlap=2)
    assert max(sizes) <= 4096
    assert sum(sizes) == 20_000
