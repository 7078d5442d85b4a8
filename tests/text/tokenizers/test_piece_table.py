"""Unigram pieces from a table: by hand, the library against the readable form, spans, prompts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe.text.tokenizers.piece_table import PieceTable, PieceTokenizer

PIECES = {
    "<s>": 0, "<pad>": 0, "</s>": 0, "<unk>": 0, "▁": -4, "▁cat": -3, "▁dog": -3.5, "cat": -5,
    "s": -2, "a": -6, ":": -2, "▁query": -3, "강": -7, "아": -7, "강아": -9, "▁강아지": -8,
}  # fmt: skip
NAMES = list(PIECES)


def table():
    normalization = {0x09: " ", 0x01: "", 0xFB01: "fi", 0x2581: " ", 0xFF21: "a"}
    scores = np.array(list(PIECES.values()), np.float32)
    return PieceTable(NAMES, scores, 0, 2, 1, 3, normalization)


@pytest.fixture
def tokenizer():
    return PieceTokenizer(table())


def names(tokenizer, text):
    return tokenizer.names(tokenizer.encode([text])[0])


def test_the_most_probable_pieces(tokenizer):
    """강아 at -9 is better than 강 and 아 at -14, ▁cat and s at -5 than ▁, cat and s at -11."""
    assert names(tokenizer, "cats") == ["▁cat", "s"]
    assert names(tokenizer, "강아") == ["▁", "강아"]
    assert names(tokenizer, "강아지") == ["▁강아지"]
    assert names(tokenizer, "Ａ") == ["▁", "a"]
    assert names(tokenizer, " cat\t\x01 cat") == ["▁cat", "▁cat"]
    assert names(tokenizer, "") == ["▁"]
    assert names(tokenizer, "xyz") == ["▁", "<unk>", "<unk>", "<unk>"]
    assert names(tokenizer, "</s>s") == ["▁", "</s>", "s"]
    assert names(tokenizer, "<unk>").count("<unk>") == 5  # its name is no piece


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("cats dogquery:강아지A\t\x01x𓀀<>/unk "), max_size=40))
def test_the_library_and_the_readable_form_agree(text):
    segmenter = TOKENIZER._segmenter
    plain = segmenter._segment(segmenter._normalize(text))[0]
    segmenter._budget = -1
    assert segmenter.encode([text]) == [plain]


TOKENIZER = PieceTokenizer(table())


def test_a_prompt_stands_before_every_text_and_is_not_returned(tokenizer):
    asking = tokenizer.with_prompt("query: ")
    assert asking.begin == (0, NAMES.index("▁query"), NAMES.index(":"))
    assert asking.encode(["cats", ""]) == tokenizer.encode(["cats", ""])
    assert asking.encode_marked(["cat"]) == [[*asking.begin, NAMES.index("▁cat"), 2]]
    assert tokenizer.begin == (0,)


def test_pieces_and_their_spans(tokenizer):
    text = "cats  ﬁ 강아지"
    pieces = tokenizer.pieces(text)
    assert pieces.ids == tokenizer.encode([text])[0]
    parts = [text[start:end] for start, end in pieces.spans]
    got = list(zip(tokenizer.names(pieces.ids), parts, strict=True))
    assert got[:2] == [("▁cat", "cat"), ("s", "s")]
    assert got[-1] == ("▁강아지", "강아지")
    assert ("<unk>", "ﬁ") in got  # "f" and "i" both come from it
    assert pieces.words.tolist() == [0, 0, 1, 1, 1, 2]


def test_lone_surrogates_are_read_as_the_replacement_character(tokenizer):
    assert tokenizer.encode(["\ud800"]) == tokenizer.encode(["\ufffd"])
