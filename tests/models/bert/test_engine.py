"""The network of a sentence encoder: against the plain one, pooled each way, in int8."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError
from sememe.models.bert.engine import SentenceEngine
from sememe.models.bert.int8 import Int8, Range, measure_ranges
from sememe.models.bert.pooling import pooling_weights
from sememe.models.bert.weights import distance_bias, read_bert_weights
from sememe.models.onnx.batches import split_by_budget
from sememe.models.onnx.builder import Graph, floats
from sememe.models.onnx.session import open_session
from tests.models.bert import checkpoints
from tests.models.bert.checkpoints import DEPTH, DIM, POSITIONS

KINDS = ["bert", "roberta", "xlm-roberta", "distilbert", "mpnet"]
IDS = [[2, 5, 9, 3], [2, 3], [2, *range(5, 30), 3], [7], [2, 5, 9, 3]]
WAYS = ("mean", "cls", "max", "last", "mean_sqrt_len", "weighted_mean")


def made(kind="bert", *, seed=0, **options):
    found = checkpoints.tensors(kind, seed)
    weights = read_bert_weights(checkpoints.config(kind), found, where="made")
    return SentenceEngine(weights, threads=2, **options), found


def by_hand(states, way):
    n = len(states)
    match way:
        case "mean":
            row = states.mean(axis=0)
        case "cls":
            row = states[0]
        case "last":
            row = states[-1]
        case "max":
            row = states.max(axis=0)
        case "mean_sqrt_len":
            row = states.sum(axis=0) / np.sqrt(n)
        case _:
            row = np.arange(1, n + 1) @ states / np.arange(1, n + 1).sum()
    return row


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_the_plain_network(kind):
    engine, found = made(kind)
    for layers in ([DEPTH], [0], [1, 2]):
        states = engine.states(IDS, layers=layers)
        for ids, got in zip(IDS, states, strict=True):
            plain = checkpoints.plainly(kind, found, checkpoints.config(kind), ids)
            expected = np.mean([plain[i] for i in layers], axis=0)
            np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.parametrize("way", WAYS)
def test_each_pooling(way):
    engine, found = made(pooling=(way,))
    for ids, got in zip(IDS, engine.forward(IDS), strict=True):
        row = by_hand(checkpoints.plainly("bert", found, checkpoints.config("bert"), ids)[-1], way)
        np.testing.assert_allclose(got, row / np.linalg.norm(row), atol=2e-5)


def test_poolings_stand_side_by_side():
    engine, found = made(pooling=("cls", "max", "mean"))
    assert engine.dim == 3 * DIM
    states = checkpoints.plainly("bert", found, checkpoints.config("bert"), IDS[2])[-1]
    row = np.concatenate([by_hand(states, way) for way in ("cls", "max", "mean")])
    np.testing.assert_allclose(engine.forward(IDS)[2], row / np.linalg.norm(row), atol=2e-5)


def test_a_prompt_is_read_but_not_pooled():
    engine, found = made()
    states = checkpoints.plainly("bert", found, checkpoints.config("bert"), IDS[2])[-1]
    row = states[3:].mean(axis=0)
    got = engine.forward(IDS[2:3], skip=3)[0]
    np.testing.assert_allclose(got, row / np.linalg.norm(row), atol=2e-5)
    assert np.isfinite(engine.forward(IDS, skip=3)).all()  # where nothing else is, the last token


@pytest.mark.parametrize("int8", [False, True])
def test_a_sequence_does_not_feel_its_batch(int8):
    engine, _ = made()
    if int8:
        engine, _ = made(products=Int8(measure_ranges(engine._weights, IDS)))
    checkpoints.check_batches(engine)


def test_int8_is_near_and_needs_its_ranges():
    """Ranges of another network are the control: with them the vectors are far off."""
    engine, _ = made()
    other, _ = made(seed=1)
    rng = np.random.default_rng(0)
    many = [rng.integers(5, 60, size=12).tolist() for _ in range(60)]
    exact = engine.forward(many)

    def cosine(ranges):
        engine, _ = made(products=Int8(ranges))
        return float((engine.forward(many) * exact).sum(axis=1).mean())

    right = measure_ranges(engine._weights, many[:30])
    assert cosine(right) > 0.995
    small = {place: type(r)(r.scale / 20, r.zero, r.channels) for place, r in right.items()}
    assert cosine(small) < 0.9
    assert set(right) == {(i, name) for i in range(DEPTH) for name in ("qkv", "out", "up", "down")}


def test_weights_of_pooling_add_up():
    lengths = np.array([1, 4, 7])
    weights = pooling_weights(["mean", "weighted_mean", "cls"], lengths, skip=2)
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-6)
    assert weights[2, 0].tolist() == pytest.approx([0, 0, *[0.2] * 5])
    assert weights[0, 0, 0] == 1  # the only token there is


def test_batches_keep_to_the_budget_and_take_all():
    lengths = np.random.default_rng(0).integers(1, 300, size=500)
    batches = list(split_by_budget(lengths, 256))
    assert sorted(np.concatenate(batches).tolist()) == list(range(500))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= 256
    padded = sum(len(b) * lengths[b].max() for b in split_by_budget(lengths, 4096))
    assert padded < 1.1 * lengths.sum()


@pytest.mark.parametrize("ids", [[[]], [[2, 3], list(range(POSITIONS + 1))]])
def test_sequences_beyond_the_positions_are_refused(ids):
    engine, _ = made()
    with pytest.raises(InvalidInputError, match=f"positions for 1 to {POSITIONS}"):
        engine.forward(ids)
    with pytest.raises(InvalidInputError, match="layers 0 .* to 2"):
        engine.states([[2, 3]], layers=[3])


def test_distances_by_hand():
    """Far tokens share buckets: 8 and 9 apart do, 7 and 8 do not; before and after differ."""
    table = np.arange(32, dtype=np.float32)[:, None]
    bias = distance_bias(table, 200)[0]
    assert bias[0, 0] == 0 and bias[3, 0] == 3 and bias[0, 3] == 19
    assert bias[0, 7] == 23 and bias[0, 8] == bias[0, 9] == 24
    assert bias[0, 130] == bias[0, 199] == 31


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "t5"}, "type 't5'; sememe builds graphs for bert, roberta"),
        ({"hidden_act": "mish"}, "hidden_act='mish'; sememe computes"),
        ({"position_embedding_type": "relative_key"}, "relative positions"),
        ({"hidden_size": 32}, r"word_embeddings.weight has shape \(60, 16\)"),
        ({"num_hidden_layers": 3}, "lacks the tensor encoder.layer.2"),
        ({"num_attention_heads": 5}, "5 heads do not divide the width 16"),
        ({"vocab_size": None}, "config.json lacks"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(change, message):
    config = checkpoints.config("bert") | change
    with pytest.raises((InvalidInputError, CorruptFileError), match=message):
        read_bert_weights(config, checkpoints.tensors("bert"), where="made")


def test_weights_that_are_no_numbers_are_refused():
    found = checkpoints.tensors("bert")
    found["encoder.layer.1.output.dense.bias"][3] = np.nan
    with pytest.raises(CorruptFileError, match="layer.1.output.dense.bias holds NaN"):
        read_bert_weights(checkpoints.config("bert"), found, where="made")


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_products_in_int8_are_exact_on_every_cpu(rows):
    """The largest numbers there are, which pairs of 16 bits cannot hold, against whole numbers."""
    matrix = np.full((64, 16), 1.27, np.float32)
    matrix[::2, 3] = -1.27
    ranges = {(0, "up"): Range(np.float32(1), np.uint8(0), None)}
    g = Graph()
    g.output("y", "Identity", Int8(ranges)(g, "x", (0, "up"), matrix, np.zeros(16, np.float32)))
    session = open_session(g.build({"x": floats("N", 64)}, {"y": floats("N", 16)}))
    (got,) = session.run(None, {"x": np.full((rows, 64), 255, np.float32)})
    np.testing.assert_allclose(got, np.full((rows, 64), 255) @ matrix, rtol=1e-5, atol=1e-2)


def test_int8_scales_each_row_where_a_few_tokens_are_large():
    """Of two rows, one a hundred times the other, both are near; with one scale one is not."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(64, 32)).astype(np.float32)
    x = np.abs(rng.normal(size=(2, 64))).astype(np.float32)
    x[0] *= 100
    errors = []
    for floor in (np.float32(0.1), None):
        top = 1 if floor is not None else x.max()
        ranges = {(0, "down"): Range(np.float32(top / 255), np.uint8(0), None, floor)}
        g = Graph()
        y = Int8(ranges)(g, "x", (0, "down"), matrix, np.ones(32, np.float32))
        g.output("y", "Identity", y)
        session = open_session(g.build({"x": floats("N", 64)}, {"y": floats("N", 32)}))
        (got,) = session.run(None, {"x": x})
        exact = x @ matrix + 1
        errors.append(np.abs(got - exact).max(axis=1) / np.abs(exact).max(axis=1))
    assert errors[0].max() < 0.02
    assert errors[1][0] < 0.02 and errors[1][1] > 0.1
