"""Two processes that share a run, as `accelerate launch` starts them, by gloo on the CPU."""

from __future__ import annotations

import json
import socket

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sememe import InvalidInputError
from sememe.app.cli import main
from sememe.train.base.curve import Plan
from sememe.train.base.device import Compute
from sememe.train.base.torch_loop import Figure, Loop, Objective
from sememe.train.clip.loss import clip_loss
from sememe.train.mlm.masked_lm import MaskedTraining
from sememe.train.sentence.domain_adaptation import DomainAdaptation
from tests import forked
from tests.train.data.textures import textures, write

pytestmark = pytest.mark.train

LOOP = Loop(
    plan=Plan(30, 10, 1), learning_rate=0.01, weight_decay=0.1, warmup=0.1, seed=0,
    max_grad_norm=1.0,
)  # fmt: skip


class Towers(Objective[Figure]):
    """Two linear towers that learn which of 12 rows belong together; evaluated by the main one."""

    metric, figures_type = "rank", Figure

    def __init__(self, compute):
        self.compute, self.evaluated = compute, 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self._modules = {"left": torch.nn.Linear(5, 3), "right": torch.nn.Linear(4, 3)}
            self._modules["unused"] = torch.nn.Linear(2, 2)
        rng = np.random.default_rng(0)
        self.left, self.right = (rng.normal(size=(12, n)).astype(np.float32) for n in (5, 4))

    @property
    def modules(self):
        return self._modules

    def batch(self, step):
        rows = np.random.default_rng([1, step]).permutation(12)[:9]
        own = self.compute.share(self.compute.even(rows))
        return {
            "left": torch.from_numpy(self.left[own]),
            "right": torch.from_numpy(self.right[own]),
        }

    def loss(self, batch, step):
        left, right = (
            torch.nn.functional.normalize(self.compute.gather(self._modules[side](batch[side])))
            for side in ("left", "right")
        )
        return clip_loss(left, right, 10.0, torch.eye(len(left), dtype=torch.bool))

    def evaluate(self, step):
        self.evaluated += 1
        return Figure(step, float(self.compute.rank))

    def value(self, figures):
        return figures.value

    def state(self):
        return {
            f"{side}.{name}": tensor
            for side, module in self._modules.items()
            for name, tensor in module.state_dict().items()
        }


class Eight(Compute):
    """What one process sees of nine rows, of which two processes share eight."""

    def even(self, rows):
        return rows[:8]


def train_shared(folder, words):
    """What each process does: train the towers, then run the command."""
    torch.set_num_threads(1)
    towers = Towers(Compute.of("cpu"))
    curve, _ = LOOP.run(towers, folder / "towers")
    save_file(towers.state(), folder / f"{towers.compute.rank}.safetensors")
    (folder / f"{towers.compute.rank}.losses").write_text(repr(curve.losses))
    return main(words)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The folder of a run in two processes: of towers, then of SimCLR by the command line."""
    folder = tmp_path_factory.mktemp("shared")
    write(folder / "pictures", *textures(48, seed=0))
    words = ["train", "simclr", folder / "pictures", "-o", folder / "mine", "--size", "16"]
    words += ["--batch-size", "12", "--epochs", "2", "--evaluations", "2", "--json"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        forked.Started(
            train_shared, folder, list(map(str, words)),
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    said = [one.wait() for one in started]
    assert [one.returncode for one in said] == [0, 0], said
    return folder, said


def test_two_processes_learn_what_one_learns_of_the_same_batches(shared):
    """In-batch negatives of both, gradients averaged; and what is left of a batch is left out."""
    folder, _ = shared
    found = [load_file(folder / f"{rank}.safetensors") for rank in range(2)]
    alone = Towers(Eight(torch.device("cpu")))
    curve, figures = LOOP.run(alone, None)
    for name, tensor in alone.state().items():
        assert torch.equal(found[0][name], found[1][name]), name
        torch.testing.assert_close(found[0][name], tensor, atol=1e-4, rtol=0)
    before = Towers(Compute.of("cpu")).state()
    assert (alone.state()["left.weight"] - before["left.weight"]).abs().max() > 0.05
    losses = [(folder / f"{rank}.losses").read_text() for rank in range(2)]
    assert losses[0] == losses[1]
    np.testing.assert_allclose(eval(losses[0]), curve.losses, atol=1e-4)
    assert len(figures) == 4


def test_the_main_process_alone_keeps_states_writes_and_reports(shared):
    folder, said = shared
    assert [path.name for path in (folder / "towers").iterdir()] == ["checkpoint-30"]
    assert json.loads(said[0].stdout)["curve"]["steps"] == 8
    assert said[1].stdout == ""
    assert (folder / "mine" / "model.onnx").is_file()
    assert not (folder / "mine.checkpoint").exists()


def test_a_process_takes_its_part_of_a_batch():
    class Of:
        num_processes = 3

        def __init__(self, rank):
            self.process_index, self.is_main_process = rank, not rank

    parts = [Compute(torch.device("cpu"), accelerator=Of(rank)) for rank in range(3)]
    rows = np.arange(8)
    assert [one.share(one.even(rows)).tolist() for one in parts] == [[0, 1], [2, 3], [4, 5]]
    assert [one.share([7, 8]) for one in parts] == [[7], [8], [7]]
    assert [one.is_main for one in parts] == [True, False, False]
    drawn = {one.rng(0, 1).integers(1 << 30).item() for one in parts}
    assert len(drawn) == 3
    with pytest.raises(InvalidInputError, match="a batch of 2 cannot be shared by 3 processes"):
        parts[0].even(rows[:2])
    alone = Compute.of("cpu")
    assert alone.rng(4, 5).integers(99) == np.random.default_rng([4, 5]).integers(99)
    assert alone.even(rows) is rows and alone.share(rows) is rows and alone.agree(rows) is rows


def test_one_gpu_is_not_for_several_processes(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InvalidInputError, match="2 processes take a GPU each"):
        Compute.of("cuda:1")


@pytest.mark.parametrize("made", [MaskedTraining, DomainAdaptation])
def test_stages_of_masked_words_are_refused_in_several_processes(made, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InvalidInputError, match=f"{made.__name__} trains in one process, and 2"):
        made(device="cpu").fit("no-such-file")
