"""Batches of like length: a property, a control, and the same batches for the same epoch."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from sememe.train.sentence.length_batching import ByLength

pytestmark = pytest.mark.train

N = 2500
LENGTHS = np.random.default_rng(0).integers(1, 200, N)
DATA = Dataset.from_dict(
    {"first": ["x" * n for n in LENGTHS], "second": ["y"] * N, "label": [0.5] * N}
)


def batches(epoch=0):
    sampler = ByLength(DATA, batch_size=16, drop_last=False, seed=3)
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert len(found) == len(sampler)
    return found


def padded(found):
    """Characters that the batches take, padding included, to those of the texts."""
    return sum(len(b) * LENGTHS[b].max() for b in found) / LENGTHS.sum()


def test_each_example_comes_once_and_little_is_padding():
    found = batches()
    assert sorted(i for batch in found for i in batch) == list(range(N))
    assert {len(batch) for batch in found} == {16, N % 16}
    shuffled = np.random.default_rng(1).permutation(N)
    assert padded(np.split(shuffled, range(16, N, 16))) > 1.8
    assert padded(found) < 1.15


def test_batches_follow_from_the_seed_and_the_epoch_and_lengths_come_mixed():
    assert batches(1) == batches(1) != batches(2)
    firsts = [LENGTHS[batch].mean() for batch in batches()]
    assert abs(np.corrcoef(firsts[:-1], firsts[1:])[0, 1]) < 0.4


def test_the_last_batch_is_left_out_where_it_should_be():
    sampler = ByLength(DATA, batch_size=16, drop_last=True, seed=3)
    assert {len(batch) for batch in sampler} == {16}
    assert len(list(sampler)) == len(sampler) == N // 16


def test_the_trainer_deals_anew_each_epoch(tmp_path, monkeypatch):
    from sememe.train.sentence.bi_encoder import SentenceTraining
    from tests.train import networks

    epochs = []
    dealt = ByLength.__iter__

    def noted(self):
        epochs.append(self.epoch)
        return dealt(self)

    monkeypatch.setattr(ByLength, "__iter__", noted)
    base = str(networks.network(tmp_path / "base"))
    SentenceTraining(base, epochs=3, batch_size=16).fit(networks.scored(48, 0))
    assert epochs == [0, 1, 2]
