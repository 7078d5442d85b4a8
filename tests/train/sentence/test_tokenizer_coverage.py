"""What a tokenizer cannot read, counted by hand."""

from __future__ import annotations

import pytest

from sememe import InvalidInputError
from sememe.train.sentence.multilingual import check_coverage, measure_coverage

PIECES = ["[UNK]", "ship", "sail", "a", "s", "##s", "b", "##b"]


@pytest.fixture
def tokenizer(tmp_path):
    """A WordPiece tokenizer that knows a few words, and letters of others."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    own = Tokenizer(models.WordPiece({p: i for i, p in enumerate(PIECES)}, unk_token="[UNK]"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    own.enable_truncation(2)
    own.enable_padding(length=9)
    own.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_counted_by_hand(tokenizer):
    """[UNK] a ship s: 1 of 4 tokens, over 1 + 5 letters; neither cut short nor filled up."""
    found = measure_coverage(tokenizer, ["배 a", "ships"])
    assert found.unknown == pytest.approx(1 / 4)
    assert found.per_character == pytest.approx(4 / 7)
    assert measure_coverage(tokenizer, []).unknown == 0


@pytest.mark.parametrize(
    ("texts", "notes"),
    [
        (["a ship", "a sail"], []),
        (["a a a a a a a a a 배"], []),
        (["a a a 배"], ["25% of the tokens of the targets are unknown to mine"]),
        (["a 배"], ["50% of the tokens of the targets are unknown to mine"]),
    ],
)
def test_told_above_a_tenth(tokenizer, texts, notes):
    assert check_coverage(tokenizer, texts, name="mine", what="targets") == notes


def test_refused_above_a_half(tokenizer):
    with pytest.raises(InvalidInputError, match="mine cannot read the targets: 67%"):
        check_coverage(tokenizer, ["배 돛 a"], name="mine", what="targets")


def test_many_texts_are_looked_at_evenly(tokenizer):
    texts = ["a"] * 15_000 + ["배"] * 15_000
    assert measure_coverage(tokenizer, texts).unknown == pytest.approx(0.5)


def test_korean_in_an_english_network_falls_into_parts():
    from sememe.models.bert.folder import read_sentence_folder
    from sememe.train.base.base_model import network_folder

    file = read_sentence_folder(network_folder("all-minilm-l6-v2")).tokenizer()
    notes = check_coverage(file, ["안녕하세요, 반갑습니다"], name="it", what="targets")
    assert [note.split(",")[0] for note in notes] == [
        "it cuts the characters of the targets into parts"
    ]
    assert check_coverage(file, ["Good morning to you all"], name="it", what="targets") == []
