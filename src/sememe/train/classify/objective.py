"""Train a whole network to name classes: cross-entropy on varied examples, AdamW, cosine.

What a step does is a function of the seed, of its number and of the state before it, so that a run
that goes on after a kill comes out the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sememe._progress import progress
from sememe.train.base.curve import Curve, Plan, plan
from sememe.train.base.torch_loop import warmup_cosine
from sememe.train.base.torch_state import keep_state, take_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.classify.learner import ClassLearner


class Tunable(Protocol):
    """A network that names classes of pictures or of sounds."""

    @property
    def asked_at_once(self) -> int:
        """How many examples it is asked about at a time."""
        ...

    @property
    def module(self) -> Any:
        """Of torch, which is trained."""
        ...

    def logits(self, items: Sequence[Any], rng: np.random.Generator | None = None) -> Any:
        """Return (n, classes) before the softmax; rng: examples are varied by it, to learn from."""
        ...


@dataclass(frozen=True)
class Tuner:
    """What is trained, and how.

    Attributes:
        network: See `Tunable`.
        plan: How many steps, and when to look.
        batch_size, learning_rate, weight_decay, warmup, seed: As `ImageClassifier` has them.
        clip: The largest norm of a gradient; None: any.
    """

    network: Tunable
    plan: Plan
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: float
    seed: int
    clip: float | None = None

    def run(
        self,
        train: tuple[Sequence[Any], NDArray[np.int64]],
        held: tuple[Sequence[Any], NDArray[np.int64]],
        folder: Path,
        *,
        show_progress: bool = False,
    ) -> Curve:
        """Train in place, from the last whole state in the folder if there is one.

        train: Examples that can be read, and numbers of their classes. held: Such examples to
        measure with; never to train, nor to choose by: the weights of the last step are kept.

        Raises:
            FloatingPointError: The loss is no number any more; the message says what to change.
            CorruptFileError: The state in the folder is damaged.
        """
        import torch

        module = self.network.module.train()
        optimiser = self._optimiser()
        with torch.random.fork_rng(devices=[]):
            kept = take_state(folder, {"network": module}, optimiser)
            first = int(kept.get("step", 0))
            losses = [(int(step), float(loss)) for step, loss in kept.get("losses", ())]
            metrics = [(int(step), float(value)) for step, value in kept.get("metrics", ())]
            if not metrics:
                metrics.append((0, self.accuracy(*held)))
            begun, recent = time.perf_counter(), list(kept.get("recent", ()))
            with progress("steps", total=self.plan.steps, show=show_progress) as advance:
                for done in range(first + 1, self.plan.steps + 1):
                    recent.append(self._step(*train, done - 1, optimiser))
                    if done % self.plan.log == 0 or done == self.plan.steps:
                        losses.append((done, float(np.mean(recent))))
                        recent = []
                    if done % self.plan.every == 0 or done == self.plan.steps:
                        metrics.append((done, self.accuracy(*held)))
                        document = {"losses": losses, "metrics": metrics, "recent": recent}
                        keep_state(folder, done, {"network": module}, optimiser, document)
                    told = f"accuracy {metrics[-1][1]:.3f}"
                    advance(done, f"loss {losses[-1][1]:.3f}, {told}" if losses else told)
        module.eval()
        return Curve(
            losses=tuple(losses),
            metrics=tuple(metrics),
            metric="accuracy",
            steps=self.plan.steps,
            best_step=self.plan.steps,
            resumed_at=first,
            seconds=time.perf_counter() - begun,
        )

    def accuracy(self, items: Sequence[Any], labels: NDArray[np.int64]) -> float:
        """Return the share of examples that are told right, as they are; NaN of none."""
        return float((self.told(items) == labels).mean()) if len(labels) else float("nan")

    def told(self, items: Sequence[Any]) -> NDArray[np.int64]:
        """Return the number of the most probable class of each example, (n,)."""
        import torch

        module = self.network.module
        training = module.training
        module.eval()
        found = []
        with torch.no_grad():
            size = self.network.asked_at_once
            for start in range(0, len(items), size):
                logits = self.network.logits(items[start : start + size])
                found.append(logits.argmax(1).numpy())
        module.train(training)
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def _step(
        self, items: Sequence[Any], labels: NDArray[np.int64], step: int, optimiser: Any
    ) -> float:
        """Take one step and return the loss."""
        import torch
        from torch.nn.functional import cross_entropy

        torch.manual_seed(self.seed + 1_000_003 * step)  # of dropout, where there is any
        rate = self.learning_rate * warmup_cosine(step, self.plan.steps, self.warmup)
        for group in optimiser.param_groups:
            group["lr"] = rate
        rows = self._rows(len(items), step)
        rng = np.random.default_rng([self.seed, 1, step])
        logits = self.network.logits([items[i] for i in rows.tolist()], rng)
        loss = cross_entropy(logits, torch.from_numpy(labels[rows]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.module.parameters(), self.clip)
        optimiser.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is no number at step {step + 1}: training diverged. Give a lower "
                "learning rate, or a longer warm-up."
            )
        return value

    def _rows(self, n: int, step: int) -> NDArray[np.int64]:
        """Return which examples a step sees: each epoch all, but for the last part of a batch."""
        size = min(self.batch_size, n)
        epoch, batch = divmod(step, n // size)
        order = np.random.default_rng([self.seed, 0, epoch]).permutation(n)
        return order[batch * size : (batch + 1) * size]

    def _optimiser(self) -> Any:
        """Return AdamW; weights decay, and biases and what norms learn do not."""
        import torch

        found = [p for p in self.network.module.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in found if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in found if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.learning_rate)


def tuner_of(
    recipe: ClassLearner, network: Tunable, *, n_train: int, clip: float | None = None
) -> Tuner:
    """Return what trains a network by the options of a recipe. n_train: How many examples."""
    found = plan(
        max(1, n_train // recipe.batch_size),
        epochs=recipe.epochs,
        accumulate=1,
        evaluations=recipe.evaluations,
    )
    return Tuner(
        network,
        found,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        warmup=recipe.warmup,
        seed=recipe.seed,
        clip=clip,
    )
