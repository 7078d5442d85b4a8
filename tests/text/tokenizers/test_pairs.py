"""Two texts in one sequence: marks, types and cuts are those of `tokenizers` itself."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer

from sememe import InvalidInputError
from sememe.text.tokenizers.pairs import PairTokenizer, longest_first
from tests.models.cross_encoder import checkpoints as cross_checkpoints

WORDS = "the a cat dog sat ran on mat bank river money 배 를 강 바다 xyz , .".split()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    return {
        kind: cross_checkpoints.write(root / kind, kind) / "tokenizer.json"
        for kind in ("bert", "roberta")
    }


@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize("window", [6, 8, 9, 40])
def test_tokens_are_those_of_the_library(files, kind, window):
    rng = np.random.default_rng(window)

    def text():
        return " ".join(rng.choice(WORDS, rng.integers(0, 20)))

    pairs = [(text(), text()) for _ in range(200)] + [("", ""), ("the", ""), ("", "a dog")]
    whole = Tokenizer.from_file(str(files[kind]))
    whole.no_truncation()
    lengths = [len(found.ids) for found in whole.encode_batch(pairs)]
    cut = Tokenizer.from_file(str(files[kind]))
    cut.enable_truncation(window, strategy="longest_first")
    got = PairTokenizer(files[kind], window=window).encode(pairs)
    for found, row, length in zip(cut.encode_batch(pairs), got, lengths, strict=True):
        assert (row.ids, row.types) == (found.ids, found.type_ids)
        assert row.dropped == length - len(row.ids)
    if window < 40:
        assert any(row.dropped for row in got) and not all(row.dropped for row in got)


def test_marks_and_types_by_hand(files):
    """[CLS] the cat [SEP] a [SEP], the second text and its mark of type 1; RoBERTa knows no types
    and puts two marks between."""
    pair = [("the cat", "a")]
    bert = PairTokenizer(files["bert"], window=40).encode(pair)[0]
    assert (bert.ids, bert.types) == ([2, 5, 7, 3, 6, 3], [0, 0, 0, 0, 1, 1])
    roberta = PairTokenizer(files["roberta"], window=40).encode(pair)[0]
    assert (roberta.ids, roberta.types) == ([2, 5, 7, 3, 3, 6, 3], [0] * 7)


def test_a_cut_takes_all_room_and_of_the_longer_text():
    for room in range(2, 12):
        for n in range(14):
            for m in range(14):
                kept = longest_first(n, m, room)
                assert sum(kept) == min(n + m, room)
                assert kept[0] <= n and kept[1] <= m
                for own, other, left in ((n, m, kept[0]), (m, n, kept[1])):
                    assert left == own or left >= min(other, room // 2)


def test_a_prompt_stands_before_the_first_text(files):
    told = PairTokenizer(files["bert"], window=40, prompt="query : ").encode([("cat", "dog")])
    typed = PairTokenizer(files["bert"], window=40).encode([("query : cat", "dog")])
    assert told == typed


def test_a_lone_surrogate_counts_as_a_replacement_character(files):
    tokenizer = PairTokenizer(files["bert"], window=40)
    broken = tokenizer.encode([("the \ud800", "\udfff cat")])
    assert broken == tokenizer.encode([("the \ufffd", "\ufffd cat")])
    assert broken[0].ids[1] == 5 and broken[0].ids[-2] == 7


def test_a_window_without_room_is_refused(files):
    with pytest.raises(InvalidInputError, match="a window of 4 tokens leaves 1 besides"):
        PairTokenizer(files["bert"], window=4)
