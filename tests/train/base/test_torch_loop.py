"""The loop that all recipes of torch share, on a line that is fitted."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from sememe.train.base.curve import Plan
from sememe.train.base.device import Compute
from sememe.train.base.run_folder import whole_states
from sememe.train.base.torch_loop import Figure, Loop, Objective

pytestmark = pytest.mark.train

LOOP = Loop(plan=Plan(12, 4, 2), learning_rate=0.1, weight_decay=0.0, warmup=0.0, seed=0)


@dataclass(kw_only=True)
class Line(Objective[Figure]):
    """Fits y = 2 x + 1 with dropout; scripted: the figures of evaluations, by the step."""

    metric = "figure"
    figures_type = Figure

    scripted: dict[int, float] = field(default_factory=dict)
    stop_at: int = -1
    compute: Compute = field(default_factory=lambda: Compute.of("cpu"))

    def __post_init__(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layer = torch.nn.Linear(1, 1)
        self.made, self.threads, self.seen = [], set(), []

    @property
    def modules(self):
        return {"layer": self.layer}

    def batch(self, step):
        self.made.append(step)
        self.threads.add(threading.current_thread())
        x = torch.from_numpy(np.random.default_rng([1, step]).normal(size=(8, 1)).astype("f4"))
        return {"x": x, "y": 2 * x + 1}

    def loss(self, batch, step):
        if step == self.stop_at:
            raise KeyboardInterrupt
        dropped = torch.nn.functional.dropout(batch["x"], 0.2)
        return ((self.layer(dropped) - batch["y"]) ** 2).mean()

    def evaluate(self, step):
        assert not torch.is_grad_enabled() and not self.layer.training
        self.seen.append((step, self.layer.weight.item()))
        return Figure(step, self.scripted.get(step, float(step)))

    def value(self, figures):
        return figures.value


def weights(objective):
    return torch.cat([p.detach().flatten() for p in objective.layer.parameters()])


def test_it_fits_a_line_and_leaves_the_random_numbers_as_they_were():
    objective = Line()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    loop = replace(LOOP, plan=Plan(200, 50, 2))
    curve, figures = loop.run(objective, None)
    assert torch.equal(torch.rand(3), expected)
    assert not objective.layer.training
    assert curve.losses[-1][1] < 0.3 * curve.losses[0][1]
    assert objective.layer.bias.item() == pytest.approx(1, abs=0.2)
    assert [step for step, _ in curve.losses] == list(range(2, 201, 2))
    assert curve.metrics == tuple((step, float(step)) for step in (0, 50, 100, 150, 200))
    assert [one.step for one in figures] == [0, 50, 100, 150, 200]
    assert (curve.metric, curve.steps, curve.best_step, curve.resumed_at) == ("figure", 200, 200, 0)


@pytest.mark.parametrize("plan", [Plan(12, 4, 2), Plan(12, 4, 5, frozenset({3, 7, 12}))])
def test_stopped_and_given_again_it_comes_out_the_same(plan, tmp_path):
    """Also where evaluations lie between two points of the curve."""
    loop, whole = replace(LOOP, plan=plan, max_grad_norm=0.5), Line()
    curve, figures = loop.run(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        loop.run(Line(stop_at=9), tmp_path / "part")
    rest = Line()
    again, seen = loop.run(rest, tmp_path / "part")
    assert again.resumed_at in (7, 8) and rest.made[0] == again.resumed_at
    assert torch.equal(weights(rest), weights(whole))
    assert (again.losses, again.metrics, seen) == (curve.losses, curve.metrics, figures)
    other = Line()
    replace(loop, seed=1).run(other, None)
    assert not torch.equal(weights(other), weights(whole))  # another dropout


def test_the_best_weights_are_kept_the_first_of_equal_ones_and_patience_stops(tmp_path):
    scripted = {0: 0.0, 2: 3.0, 4: 5.0, 6: 5.0, 8: 4.0, 10: 9.0, 12: 9.0}
    objective = Line(scripted=scripted)
    loop = replace(LOOP, plan=Plan(12, 2, 2), keep="best", patience=2)
    curve, _ = loop.run(objective, tmp_path)
    assert (curve.steps, curve.best_step) == (8, 4)
    assert objective.layer.weight.item() == dict(objective.seen)[4]
    again = Line(scripted=scripted)
    curve, _ = loop.run(again, tmp_path)  # nothing is left to do
    assert (curve.steps, curve.best_step, curve.resumed_at) == (8, 4, 8)
    assert torch.equal(weights(again), weights(objective)) and again.seen == []
    last = Line(scripted=scripted)
    curve, _ = replace(loop, keep="last", patience=None).run(last, None)
    assert (curve.steps, curve.best_step) == (12, 12)
    assert last.layer.weight.item() == dict(last.seen)[12]


@pytest.mark.parametrize("value, name", [(float("nan"), "NaN"), (float("inf"), "inf")])
def test_a_loss_that_is_not_finite_ends_the_run_before_a_state_is_kept(value, name, tmp_path):
    class Diverging(Line):
        def loss(self, batch, step):
            return super().loss(batch, step) * (value if step == 5 else 1.0)

    with pytest.raises(FloatingPointError, match=rf"^loss is {name} at step 6: .*learning rate"):
        LOOP.run(Diverging(), tmp_path)
    assert [state.name for state in whole_states(tmp_path)] == ["checkpoint-4"]


def test_what_is_logged_may_be_another_than_what_is_learnt():
    class Two(Line):
        def loss(self, batch, step):
            return super().loss(batch, step), batch["x"].new_tensor(float(step))

    curve, _ = LOOP.run(Two(), None)
    assert [value for _, value in curve.losses] == [0.5, 2.5, 4.5, 6.5, 8.5, 10.5]


def test_matrices_decay_and_biases_do_not_and_weights_are_bounded_after_a_step():
    class Still(Line):
        def loss(self, batch, step):
            return 0 * super().loss(batch, step)

        def after_step(self):
            with torch.no_grad():
                self.layer.bias.clamp_(max=0.25)

    objective = Still()
    with torch.no_grad():
        objective.layer.bias.fill_(0.5)
    first = objective.layer.weight.item()
    loop = replace(LOOP, plan=Plan(1, 1, 1), weight_decay=0.5)
    loop.run(objective, None)
    assert objective.layer.weight.item() == pytest.approx(first * (1 - 0.1 * 0.5))
    assert objective.layer.bias.item() == 0.25


def test_batches_are_made_beside_the_steps_one_ahead_and_in_their_order():
    ahead = []

    class Watched(Line):
        def loss(self, batch, step):
            ahead.append(len(self.made) - step)
            return super().loss(batch, step)

    objective = Watched()
    LOOP.run(objective, None)
    assert objective.made == list(range(12))
    assert threading.current_thread() not in objective.threads
    assert max(ahead) <= 2  # the batch of this step, and the next
    assert not any(thread.is_alive() for thread in objective.threads)


def test_what_a_batch_raises_ends_the_run():
    class Broken(Line):
        def batch(self, step):
            if step == 3:
                raise ValueError("no such picture")
            return super().batch(step)

    with pytest.raises(ValueError, match="no such picture"):
        LOOP.run(Broken(), None)
