"""The plan of a run, its learning curve, and the error of one that diverges."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from sememe._lazy import require

_POINTS = 100  # of the curve of losses


@dataclass(frozen=True, slots=True)
class Curve:
    """How a run went.

    Attributes:
        losses: (step, mean loss since the point before).
        metrics: (step, value) on held-out examples; step 0 is before training.
        metric: The name of that value; "" if nothing was held out.
        steps: Steps taken in all.
        best_step: The step whose weights were kept.
        resumed_at: The step of the checkpoint that this process resumed; 0: none.
        seconds: Time to train, in this process.
    """

    losses: tuple[tuple[int, float], ...]
    metrics: tuple[tuple[int, float], ...]
    metric: str
    steps: int
    best_step: int
    resumed_at: int
    seconds: float

    @property
    def before(self) -> float | None:
        """The metric before training."""
        return self.metrics[0][1] if self.metrics else None

    @property
    def after(self) -> float | None:
        """The metric of the weights that were kept."""
        return next((value for step, value in self.metrics if step == self.best_step), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many steps a run has, and after which of them it logs and evaluates; see `plan`.

    Attributes:
        steps: Optimiser steps in all.
        every: Steps between two evaluations and checkpoints.
        log: Steps between two points of the curve; `plan` makes it a divisor of `every`.
        points: The steps to evaluate after, instead of every so many.
    """

    steps: int
    every: int
    log: int
    points: frozenset[int] = field(default=frozenset(), repr=False)

    def logs_after(self, step: int) -> bool:
        """Return whether the curve has a point after this step, counted from 1."""
        return step % self.log == 0 or step == self.steps

    def evaluates_after(self, step: int) -> bool:
        """Return whether to evaluate after this step, counted from 1."""
        return step in self.points if self.points else step % self.every == 0 or step == self.steps


def plan(
    n_batches: int,
    *,
    epochs: float,
    evaluations: int,
    accumulate: int = 1,
    steps: int | None = None,
) -> Plan:
    """Divide a run of `epochs` passes over `n_batches` batches, or of so many steps.

    >>> plan(90, epochs=4, evaluations=12)
    Plan(steps=360, every=30, log=3)
    """
    steps = steps or max(1, math.ceil(n_batches * epochs / accumulate))
    log = max(1, steps // _POINTS)
    every = max(1, steps // max(1, evaluations) // log) * log
    return Plan(steps, every, log)


def even_plan(steps: int, *, evaluations: int) -> Plan:
    """Divide a run of so many steps so that it evaluates `evaluations` times at equal distances.

    >>> sorted(even_plan(10, evaluations=3).points)
    [3, 7, 10]
    """
    n = min(evaluations, steps)
    points = frozenset(round(steps * i / n) for i in range(1, n + 1))
    return Plan(steps, max(1, steps // n), max(1, steps // _POINTS), points)


def make_divergence_error(what: str, step: int) -> FloatingPointError:
    """Return the error of a run that diverged.

    >>> make_divergence_error("loss is NaN", 3)
    FloatingPointError('loss is NaN at step 3: training diverged. Give a lower learning rate, \
or a longer warm-up.')
    """
    return FloatingPointError(
        f"{what} at step {step}: training diverged. Give a lower learning rate, or a longer "
        "warm-up."
    )


def check_finite(loss: float, step: int) -> None:
    """Raise FloatingPointError if a loss is NaN or infinite."""
    if not math.isfinite(loss):
        raise make_divergence_error(f"loss is {'NaN' if math.isnan(loss) else loss}", step)


def write_curve(folder: Path, curve: Curve) -> None:
    """Write a run's figures as training.csv and as the plot training.png."""
    metrics, losses = dict(curve.metrics), dict(curve.losses)
    steps = sorted(losses | metrics)
    rows = [f"{step},{losses.get(step, '')},{metrics.get(step, '')}\n" for step in steps]
    head = f"step,loss,{curve.metric or 'metric'}\n"
    (folder / "training.csv").write_text(head + "".join(rows), encoding="utf-8")
    figure = require("matplotlib.figure", "the plot of a training run").Figure((7, 4))
    axes = figure.subplots()
    axes.plot(*zip(*curve.losses, strict=True) if curve.losses else ([], []), label="loss")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    if curve.metrics:
        other = axes.twinx()
        other.plot(*zip(*curve.metrics, strict=True), "C1o-", label=curve.metric)
        other.set_ylabel(f"{curve.metric}, held out")
    figure.savefig(folder / "training.png", dpi=100, metadata={"Software": None})
