"""The head of masked language models: against plain loops, by hand, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError
from sememe.models.bert import mlm_head as module
from sememe.models.bert.engine import SentenceEngine
from sememe.models.bert.mlm_head import HeadEngine, MaskedHead, read_masked_head
from sememe.models.bert.weights import read_bert_weights
from tests.models.bert import checkpoints
from tests.models.bert.checkpoints import DIM, WORDS

KINDS = ["bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet"]
IDS = [2, 5, 9, 4, 11, 3]


def made(kind="bert", *, found=None, **options):
    found = checkpoints.masked_tensors(kind, **options) if found is None else found
    config = checkpoints.config(kind)
    weights = read_bert_weights(config, found, where="made")
    return weights, read_masked_head(config, found, weights, where="made"), found


def scores(engine, states):
    return np.concatenate([block.copy() for _, block in engine.blocks(states)])


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_plain_loops(kind, tied):
    weights, head, found = made(kind, tied=tied)
    states = SentenceEngine(weights).states([IDS])[0]
    got = scores(HeadEngine(head), states)
    expected = checkpoints.plain_logits(kind, found, checkpoints.config(kind), IDS)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert (head.rows is weights.words) == tied  # the largest tensor is held once


def test_a_head_by_hand():
    """State (3, 1): swapped by the dense matrix and moved by (1, 0): (2, 3); relu leaves it.

    Normalised: mean 2.5, deviation 0.5, so (-1, 1); times the gain (2, 2) plus the bias (0, 1):
    (-2, 3). Rows (1, 0), (0, 1), (1, 1) give -2, 3, 1, and the bias (0, 0, 10) makes it 11.
    """
    head = MaskedHead(
        dense=np.float32([[0, 1], [1, 0]]),
        dense_bias=np.float32([1, 0]),
        norm=(np.float32([2, 2]), np.float32([0, 1])),
        rows=np.float32([[1, 0], [0, 1], [1, 1]]),
        bias=np.float32([0, 0, 10]),
        activation="relu",
        epsilon=0.0,
    )
    np.testing.assert_allclose(
        scores(HeadEngine(head), np.float32([[3, 1]])), [[-2, 3, 11]], rtol=1e-5
    )


def test_the_activation_of_bert_is_its_configs_and_robertas_is_gelu():
    for kind, expected in (("bert", "relu"), ("roberta", "gelu"), ("mpnet", "gelu")):
        config = checkpoints.config(kind, hidden_act="relu")
        found = checkpoints.masked_tensors(kind)
        weights = read_bert_weights(config, found, where="made")
        assert read_masked_head(config, found, weights, where="made").activation == expected


def test_blocks_bound_memory_and_change_nothing(monkeypatch):
    _, head, _ = made()
    states = np.random.default_rng(0).normal(size=(23, DIM)).astype(np.float32)
    whole = scores(HeadEngine(head), states)
    monkeypatch.setattr(module, "_BLOCK", 5 * WORDS)
    parts = [part for part, _ in HeadEngine(head).blocks(states)]
    assert [part.stop - part.start for part in parts] == [5, 5, 5, 5, 3]
    np.testing.assert_allclose(scores(HeadEngine(head), states), whole, atol=1e-5)
    assert scores(HeadEngine(head), states[:1]).shape == (1, WORDS)


def test_a_bias_beside_the_decoder_and_old_names_of_the_norm():
    _, head, found = made()
    found["cls.predictions.decoder.bias"] = found.pop("cls.predictions.bias")
    for new, old in (("weight", "gamma"), ("bias", "beta")):
        start = "cls.predictions.transform.LayerNorm"
        found[f"{start}.{old}"] = found.pop(f"{start}.{new}")
    _, again, _ = made(found=found)
    np.testing.assert_array_equal(again.bias, head.bias)
    np.testing.assert_array_equal(again.norm, head.norm)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_without_the_head_is_refused(kind):
    found = checkpoints.tensors(kind)
    weights = read_bert_weights(checkpoints.config(kind), found, where="made")
    with pytest.raises(InvalidInputError, match=r"made has no head that predicts masked words"):
        read_masked_head(checkpoints.config(kind), found, weights, where="made")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("cls.predictions.bias", None, "lacks the tensor cls.predictions.bias"),
        ("cls.predictions.bias", np.zeros(9, np.float32), r"bias has shape \(9,\)"),
        ("cls.predictions.transform.dense.weight", np.zeros((3, DIM)), r"shape \(3, 16\)"),
        ("cls.predictions.transform.LayerNorm.bias", np.full(DIM, np.nan), "holds NaN"),
        ("cls.predictions.decoder.weight", np.zeros((WORDS, 3)), r"shape \(60, 3\)"),
    ],
)
def test_a_damaged_head_is_refused(name, change, message):
    found = checkpoints.masked_tensors("bert")
    if change is None:
        del found[name]
    else:
        found[name] = change
    with pytest.raises(CorruptFileError, match=message):
        made(found=found)


def test_an_untied_head_needs_its_own_rows():
    found = checkpoints.masked_tensors("roberta")
    config = checkpoints.config("roberta", tie_word_embeddings=False)
    weights = read_bert_weights(config, found, where="made")
    with pytest.raises(CorruptFileError, match=r"lacks the tensor lm_head.decoder.weight"):
        read_masked_head(config, found, weights, where="made")
