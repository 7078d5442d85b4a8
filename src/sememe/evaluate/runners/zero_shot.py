"""Zero-shot classification: accuracy of classes predicted from their names alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from sememe._errors import InvalidInputError
from sememe.evaluate.control import derangement
from sememe.evaluate.metrics.intervals import Seed, bootstrap_intervals
from sememe.evaluate.results import Evaluation
from sememe.sources.datasets.labelled_data import Labelled


class ZeroShotClassifier(Protocol):
    """A zero-shot classifier of images, such as `sememe.ZeroShot`.

    Attributes:
        name: Name of its encoder.
        labels: The classes.
    """

    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of its encoder."""

    def classify_with_failures(
        self, items: Sequence[Any], *, k: int = 5
    ) -> tuple[list[list[Any]], dict[int, str]]:
        """Return the k best (label, probability) per item, and {index: reason} of failures."""


def evaluate_zero_shot(
    judge: ZeroShotClassifier, data: Labelled, *, resamples: int = 1000, seed: Seed = 0
) -> Evaluation:
    """Predict the class of each image; for `data` see `sememe.sources.datasets.labelled`.

    judge: Its labels are in the order of `data.classes`, in any words or language. Metrics:
    "accuracy" and, with more than five classes, "accuracy@5". An image that cannot be read is left
    out and lowers `covered`. Control: the classes of other images.

    Raises:
        InvalidInputError: Another number of labels than classes, or no image can be read.
    """
    if len(judge.labels) != len(data.classes):
        raise InvalidInputError(
            f"got {len(judge.labels)} labels for {len(data.classes)} classes: "
            f"{', '.join(data.classes)}. Give one for each, in this order."
        )
    predictions, reasons = judge.classify_with_failures(data.items, k=5)
    kept = [i for i in range(len(data)) if i not in reasons]
    if not kept:
        raise InvalidInputError(f"no image can be read: {next(iter(reasons.values()))}")
    number = {label: i for i, label in enumerate(data.classes)}
    truth = np.array([number[data.labels[i]] for i in kept])
    index_of = {label: i for i, label in enumerate(judge.labels)}
    ranked = [[index_of[label] for label, _ in predictions[i]] for i in kept]
    predicted = np.array([best + [-1] * (5 - len(best)) for best in ranked])
    wrong = truth[derangement(len(truth), seed=seed)]
    hits, control = {}, {}
    for name, k in (("accuracy", 1), *((("accuracy@5", 5),) if len(judge.labels) > 5 else ())):
        hits[name] = (predicted[:, :k] == truth[:, None]).any(axis=1).astype(np.float64)
        control[name] = float((predicted[:, :k] == wrong[:, None]).any(axis=1).mean())
    return Evaluation(
        task="zero-shot",
        model=judge.name,
        n=len(data),
        metrics={name: float(hit.mean()) for name, hit in hits.items()},
        covered=len(kept) / len(data),
        intervals=bootstrap_intervals(hits, resamples=resamples, seed=seed),
        control=control,
    )
