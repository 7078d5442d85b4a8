"""The engine of the default encoder: its two forms agree, and its memory of pieces forgets well."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sememe.models.use.engine import PieceTable, UseEngine
from sememe.models.use.weights import UseWeights
from sememe.models.weights.catalog import model_info


@pytest.fixture(scope="module")
def weights():
    return UseWeights(model_info("use-multilingual-v3").read("weights"), threads=2)


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(0)
    return [[1, *rng.integers(3, 128_000, n).tolist(), 2] for n in (1, 2, 3, 7, 40, 129, 700)]


def test_the_readable_form_and_the_fast_one_agree(weights, sequences):
    engine = UseEngine(weights, threads=2)
    readable = np.stack([engine.forward_few(ids) for ids in sequences])
    np.testing.assert_allclose(engine.forward(sequences), readable, atol=2e-6)


def test_neighbours_in_a_batch_do_not_leak_into_each_other(weights, sequences):
    engine = UseEngine(weights, threads=2)
    alone = np.stack([engine.forward([ids, ids])[0] for ids in sequences])
    np.testing.assert_allclose(engine.forward(sequences[::-1])[::-1], alone, atol=2e-6)


def test_a_full_table_forgets_the_oldest_and_stays_right(weights, pool):
    """A table of 64 slots against one with room for all: the same rows, piece by piece."""
    small, large = PieceTable(weights, pool, capacity=64), PieceTable(weights, pool, capacity=2048)
    rng = np.random.default_rng(1)
    for _ in range(30):
        ids = rng.integers(0, 500, 40)
        here, there = small.slots(ids), large.slots(ids)
        assert (here > 0).all()
        for name, array in small.inputs.items():
            np.testing.assert_allclose(array[here], large.inputs[name][there], atol=1e-5)
            assert not array[0].any()
    assert len(small.inputs["X"]) == 64


def test_a_batch_of_more_pieces_than_slots_makes_the_table_grow(weights, pool):
    table = PieceTable(weights, pool, capacity=16)
    slots = table.slots(np.arange(100))
    assert len(set(slots.tolist())) == 100
    assert len(table.inputs["X"]) >= 101


def test_no_sequences_give_no_rows(weights):
    assert UseEngine(weights, threads=1).forward([]).shape == (0, 512)


def test_what_is_released_is_computed_again(weights, sequences):
    engine = UseEngine(weights, threads=1)
    engine.release()  # before anything was encoded, too
    before = engine.forward(sequences)
    engine.release()
    assert not engine._table.inputs["X"].any()
    np.testing.assert_array_equal(engine.forward(sequences), before)


def test_embeddings_read_off_the_file_are_those_of_the_table(weights):
    """Common and rare pieces, the first and the last; then from the table, once it is worth it."""
    fresh = UseWeights(model_info("use-multilingual-v3").read("weights"), threads=2)
    ids = np.array([0, 1, 2, 16, 17, 500, 500, 90_001, len(weights.table) - 1])
    read = fresh.embed_few(ids)
    assert "table" not in fresh.__dict__
    np.testing.assert_array_equal(read, weights.embed(ids))
    for _ in range(20):
        fresh.embed_few(ids)
    assert "table" in fresh.__dict__
    np.testing.assert_array_equal(fresh.embed_few(ids), read)
