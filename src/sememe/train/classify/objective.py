"""What a step of fine-tuning a classifier learns from: varied examples, by cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sememe.train.base.curve import Curve, plan
from sememe.train.base.torch_loop import Figure, Loop, Objective, shuffle_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.base.device import Compute
    from sememe.train.classify.learner import ClassLearner

    Examples = tuple[Sequence[Any], NDArray[np.int64]]


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

    def batch(self, items: Sequence[Any], rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Return items as tensors; rng: they are varied by it, to learn from."""
        ...

    def logits(self, batch: dict[str, Any]) -> Any:
        """Return (n, classes) before the softmax."""
        ...


@dataclass(frozen=True, kw_only=True)
class ClassifierObjective(Objective[Figure]):
    """A network that names classes, its examples, and those held out.

    Attributes:
        network: See `Tunable`.
        train: Examples that can be read, and numbers of their classes.
        held: Such examples to measure with; never to train, nor to choose by.
        batch_size, seed: As `ImageClassifier` has them.
        compute: The device and the precision.
    """

    metric = "accuracy"
    figures_type = Figure

    network: Tunable
    train: Examples
    held: Examples
    batch_size: int
    seed: int
    compute: Compute

    @property
    def modules(self) -> dict[str, Any]:
        """The network with its layer of classes."""
        return {"network": self.network.module}

    def batch(self, step: int) -> dict[str, Any]:
        """Return the varied examples of a step, and their classes."""
        import torch

        items, labels = self.train
        rows = shuffle_rows(len(items), self.batch_size, step, seed=self.seed)
        rows = self.compute.share(rows)  # (B,)
        rng = self.compute.rng(self.seed, 1, step)
        batch = self.network.batch([items[i] for i in rows.tolist()], rng)
        return batch | {"labels": torch.from_numpy(labels[rows])}  # (B,)

    def loss(self, batch: dict[str, Any], step: int) -> Any:
        """Return the cross-entropy of a batch, in nats."""
        from torch.nn.functional import cross_entropy

        with self.compute.autocast():
            logits = self.network.logits(batch)  # (B, classes)
        return cross_entropy(logits.float(), batch["labels"])

    def evaluate(self, step: int) -> Figure:
        """Measure the share of examples held out that are classified right; NaN of none."""
        items, labels = self.held
        right = self.predict(items) == labels
        return Figure(step, float(right.mean()) if len(labels) else float("nan"))

    def value(self, figures: Figure) -> float:
        """Return the accuracy."""
        return figures.value

    def predict(self, items: Sequence[Any]) -> NDArray[np.int64]:
        """Return the number of the most probable class of each item as it is, (n,)."""
        import torch

        found, size = [np.empty(0, np.int64)], self.network.asked_at_once
        with torch.no_grad(), self.compute.host(self.modules.values()):
            for start in range(0, len(items), size):
                batch = self.compute.put(self.network.batch(items[start : start + size]))
                found.append(self.network.logits(batch).argmax(1).cpu().numpy())
        return np.concatenate(found)


def finetune(
    recipe: ClassLearner,
    network: Tunable,
    train: Examples,
    held: Examples,
    folder: Path,
    *,
    compute: Compute,
    max_grad_norm: float | None = None,
    show_progress: bool,
) -> tuple[Curve, NDArray[np.int64]]:
    """Train a network in place by a recipe's options; return the curve and what it says of `held`.

    train, held: As `ClassifierObjective` has them. folder: Of the run's state.

    Raises:
        FloatingPointError: Training diverged; the message says what to change.
        CorruptFileError: The state in the folder is damaged.
    """
    objective = ClassifierObjective(
        network=network,
        train=train,
        held=held,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        compute=compute,
    )
    loop = Loop(
        plan=plan(
            max(1, len(train[1]) // recipe.batch_size),
            epochs=recipe.epochs,
            accumulate=1,
            evaluations=recipe.evaluations,
        ),
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        warmup=recipe.warmup,
        max_grad_norm=max_grad_norm,
        seed=recipe.seed,
    )
    curve, _ = loop.run(objective, folder, show_progress=show_progress)
    return curve, objective.predict(held[0])
