"""Rows of a corpus and their masks."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import InvalidInputError
from sememe.text.tokenizers.subwords import SubwordTokenizer
from sememe.train.base.curve import Curve, plan
from sememe.train.mlm.packing import MARK, WITHIN, WORD, Marks, mask_tokens, read_blocks

MARKS = Marks(begin=2, end=3, pad=0, mask=4)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TEXTS = ["the cat sat on the mat", "the dog ran", "", "고양이가 잔다", "the cat ran"] * 30


@pytest.fixture(scope="module")
def tokenizer():
    return SubwordTokenizer.train(TEXTS, vocab_size=280, special_tokens=SPECIAL).tokenizer


def test_no_token_is_lost(tokenizer, tmp_path):
    found = read_blocks(TEXTS, tokenizer, MARKS, length=12, folder=tmp_path)
    assert (found.tokens[:, 0] == 2).all() and (found.tokens[:, -1] == 3).all()
    inner = found.tokens[:, 1:-1].ravel()
    kept = inner[(inner != 3) & (inner != 0)].tolist()
    expected = [
        i for row in tokenizer.encode_batch(TEXTS, add_special_tokens=False) for i in row.ids
    ]
    assert kept == expected
    assert found.n_tokens == len(expected)
    assert (inner == 3).sum() == 30  # one end mark a blank line
    assert ((found.starts == MARK) == np.isin(found.tokens, [0, 2, 3])).all()
    again = read_blocks(["other"], tokenizer, MARKS, length=12, folder=tmp_path)
    np.testing.assert_array_equal(again.tokens, found.tokens)  # what a run before has left
    first, last = found.split(3)
    assert len(last.tokens) == 3
    assert first.n_tokens + last.n_tokens == found.n_tokens


def test_a_corpus_of_blank_lines_is_refused(tokenizer, tmp_path):
    with pytest.raises(InvalidInputError, match="holds no token"):
        read_blocks(["", ""], tokenizer, MARKS, length=12, folder=tmp_path)


def test_masks_are_those_of_bert():
    """Of 200,000 tokens 15% are chosen: 80% of these become the mask, 10% random, 10% stay. A
    random one is the token itself once in a hundred words."""
    words = np.arange(5, 105, dtype=np.int32)
    tokens = np.random.default_rng(0).choice(words, 200_000).astype(np.int32)
    starts = np.full(len(tokens), WORD, np.uint8)
    seen, labels = mask_tokens(tokens, starts, np.random.default_rng(1), mask=4, words=words)
    chosen = labels != -100
    assert chosen.mean() == pytest.approx(0.15, abs=0.003)
    np.testing.assert_array_equal(labels[chosen], tokens[chosen])
    np.testing.assert_array_equal(seen[~chosen], tokens[~chosen])
    assert (seen[chosen] == 4).mean() == pytest.approx(0.8, abs=0.01)
    assert (seen[chosen] == tokens[chosen]).mean() == pytest.approx(0.1 + 0.001, abs=0.01)
    plain, _ = mask_tokens(
        tokens, starts, np.random.default_rng(1), mask=4, words=words, plain=True
    )
    assert set(plain[chosen]) == {4}


def test_whole_words_are_hidden_together_and_marks_never():
    tokens = np.array([2, *range(5, 65), 3], np.int32)
    starts = np.full(62, WITHIN, np.uint8)
    starts[1::3] = WORD
    starts[[0, -1]] = MARK
    words = np.arange(5, 65, dtype=np.int32)
    hidden = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        _, labels = mask_tokens(tokens, starts, rng, mask=4, words=words, whole_word=True)
        chosen = (labels != -100)[1:-1].reshape(-1, 3)
        assert (chosen.all(axis=1) == chosen.any(axis=1)).all()
        assert labels[0] == labels[-1] == -100
        hidden += chosen.sum()
    assert hidden / 3000 == pytest.approx(0.15, abs=0.03)


def test_one_token_at_least_is_hidden():
    tokens, starts = np.array([2, 9, 3], np.int32), np.array([MARK, WORD, MARK], np.uint8)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        _, labels = mask_tokens(tokens, starts, rng, mask=4, words=tokens[1:2], prob=1e-6)
        assert labels.tolist() == [-100, 9, -100]


def test_plan_by_hand():
    """1,000 batches, 2 epochs, 4 batches a step: 500 steps; a point each 5, 10 evaluations."""
    found = plan(1000, epochs=2, accumulate=4, evaluations=10)
    assert (found.steps, found.every, found.log) == (500, 50, 5)
    assert plan(3, epochs=1, accumulate=8, evaluations=10).steps == 1
    assert plan(3, epochs=1, accumulate=1, evaluations=1, steps=7).steps == 7
    assert found.every % found.log == 0


def test_curve_names_the_metric_of_the_weights_that_were_kept():
    curve = Curve(((1, 2.0),), ((0, 0.1), (5, 0.4), (10, 0.3)), "accuracy", 10, 5, 0, 1.0)
    assert (curve.before, curve.after) == (0.1, 0.4)
