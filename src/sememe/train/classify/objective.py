"""The objective of fine-tuning a classifier: cross-entropy of augmented examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sememe.train.base.curve import plan
from sememe.train.base.torch_loop import Figure, FigureObjective, Loop, shuffle_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.base.curve import Curve
    from sememe.train.base.device import Compute
    from sememe.train.classify.learner import ClassLearner

    Examples = tuple[Sequence[Any], NDArray[np.int64]]


class Tunable(Protocol):
    """A network that classifies images or audio."""

    @property
    def eval_batch_size(self) -> int:
        """Examples per batch of an evaluation."""
        ...

    @property
    def module(self) -> Any:
        """The module of torch."""
        ...

    def batch(self, items: Sequence[Any], rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Return items as tensors. rng: Of their augmentation, for training."""
        ...

    def logits(self, batch: dict[str, Any]) -> Any:
        """Return (n, classes) before the softmax."""
        ...


@dataclass(frozen=True, kw_only=True)
class ClassifierObjective(FigureObjective):
    """A network that classifies, its training examples, and the held-out ones.

    Attributes:
        network: See `Tunable`.
        train, held: Examples, and numbers of their classes; those held out choose nothing.
        batch_size, seed: See `ClassLearner`.
        compute: The device and the precision.
    """

    metric = "accuracy"

    network: Tunable
    train: Examples
    held: Examples
    batch_size: int
    seed: int
    compute: Compute

    @property
    def modules(self) -> dict[str, Any]:
        """The network with its output layer."""
        return {"network": self.network.module}

    def batch(self, step: int) -> dict[str, Any]:
        """Return the augmented examples of a step, and their classes."""
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
        """Measure the held-out accuracy; NaN without held-out examples."""
        items, labels = self.held
        right = self.predict(items) == labels
        return Figure(step, float(right.mean()) if len(labels) else float("nan"))

    def predict(self, items: Sequence[Any]) -> NDArray[np.int64]:
        """Return the number of the most probable class of each item, (n,)."""
        import torch

        classes, size = [np.empty(0, np.int64)], self.network.eval_batch_size
        with torch.no_grad(), self.compute.host(self.modules.values()):
            for start in range(0, len(items), size):
                batch = self.compute.put(self.network.batch(items[start : start + size]))
                classes.append(self.network.logits(batch).argmax(1).cpu().numpy())
        return np.concatenate(classes)


def finetune(
    recipe: ClassLearner,
    objective: ClassifierObjective,
    folder: Path,
    *,
    max_grad_norm: float | None,
    show: bool,
) -> tuple[Curve, NDArray[np.int64]]:
    """Train a network in place; return the curve and the predicted classes of held-out examples.

    folder: Of the run's state.

    Raises:
        FloatingPointError: Training diverged.
        CorruptFileError: The state in the folder is damaged.
    """
    n_batches = max(1, len(objective.train[1]) // objective.batch_size)
    steps = plan(n_batches, epochs=recipe.epochs, evaluations=recipe.evaluations)
    loop = Loop.of(recipe, steps, max_grad_norm=max_grad_norm)
    curve, _ = loop.run(objective, folder, show_progress=show)
    return curve, objective.predict(objective.held[0])
