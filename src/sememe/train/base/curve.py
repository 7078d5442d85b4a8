"""The plan of a run and its learning curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from sememe._lazy import require

_POINTS = 100  # of the curve of losses


@dataclass(frozen=True, slots=True)
class Curve:
    """How a run went.

    Attributes:
        losses: (step, mean loss since the point before).
        metrics: (step, value) on examples held out; step 0 is before training.
        metric: The name of that value; "" where nothing was held out.
        steps: Steps taken in all.
        best_step: The step whose weights were kept.
        resumed_at: The step that a checkpoint had reached before this process; 0: none.
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
    """How long a run is and where it stops to look; see `plan`.

    Attributes:
        steps: Steps of the optimiser in all.
        every: Steps between two evaluations and checkpoints.
        log: Steps between two points of the curve; divides `every`.
    """

    steps: int
    every: int
    log: int


def plan(
    n_batches: int, *, epochs: float, accumulate: int, evaluations: int, steps: int | None = None
) -> Plan:
    """Divide a run of `epochs` passes over `n_batches` batches, or of so many steps.

    >>> plan(90, epochs=4, accumulate=1, evaluations=12)
    Plan(steps=360, every=30, log=3)
    """
    steps = steps or max(1, math.ceil(n_batches * epochs / accumulate))
    log = max(1, steps // _POINTS)
    every = max(1, steps // max(1, evaluations) // log) * log
    return Plan(steps, every, log)


def write_curve(folder: Path, curve: Curve) -> None:
    """Write a run's figures as training.csv and as the picture training.png.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    metrics = dict(curve.metrics)
    losses = dict(curve.losses)
    rows = [f"step,loss,{curve.metric or 'metric'}"]
    for step in sorted(losses | metrics):
        rows.append(f"{step},{losses.get(step, '')},{metrics.get(step, '')}")
    (folder / "training.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    figure = require("matplotlib.figure", "the picture of a training run").Figure((7, 4))
    axes = figure.subplots()
    axes.plot(*zip(*curve.losses, strict=True) if curve.losses else ([], []), label="loss")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    if curve.metrics:
        other = axes.twinx()
        other.plot(*zip(*curve.metrics, strict=True), "C1o-", label=curve.metric)
        other.set_ylabel(f"{curve.metric}, held out")
    figure.savefig(folder / "training.png", dpi=100, metadata={"Software": None})
