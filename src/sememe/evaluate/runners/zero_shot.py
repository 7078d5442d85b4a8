"""Zero-shot classification: how often the right class is named, by its name alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sememe._errors import InvalidInputError
from sememe.evaluate.control import derangement
from sememe.evaluate.metrics.intervals import Seed, bootstrap_interval
from sememe.evaluate.results import Evaluation

if TYPE_CHECKING:
    from sememe.sources.datasets.labelled_data import Labelled


class ZeroShotClassifier(Protocol):
    """Names the class of pictures, as `sememe.ZeroShot` does.

    Attributes:
        name: Of the encoder that it judges by.
        labels: The classes.
    """

    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the encoder that it judges by."""
        ...

    def classify_with_failures(
        self, items: Sequence[Any], *, k: int = 5
    ) -> tuple[list[list[Any]], dict[int, str]]:
        """Return the k best (label, probability) of each, and why others could not be read."""
        ...


def evaluate_zero_shot(
    judge: ZeroShotClassifier,
    data: Labelled,
    *,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Ask for the class of each picture; see `sememe.sources.datasets.labelled` for what `data` is.

    judge: Its labels are in the order of `data.classes`, in any words or language. Metrics:
    "accuracy" and, with more than five classes, "accuracy@5". A picture that cannot be read is left
    out and lowers `covered`. Control: the pictures' classes dealt to others.

    Raises:
        InvalidInputError: The labels are not as many as the classes, or no picture can be read.
    """
    if len(judge.labels) != len(data.classes):
        raise InvalidInputError(
            f"got {len(judge.labels)} labels for {len(data.classes)} classes: "
            f"{', '.join(data.classes)}. Give one for each, in this order."
        )
    found, reasons = judge.classify_with_failures(data.items, k=5)
    kept = [place for place in range(len(data)) if place not in reasons]
    if not kept:
        raise InvalidInputError(f"no picture can be read: {next(iter(reasons.values()))}")
    number = {label: i for i, label in enumerate(data.classes)}
    truth = np.array([number[data.labels[place]] for place in kept])
    place_of = {label: i for i, label in enumerate(judge.labels)}
    named = np.array([_five(found[place], place_of) for place in kept])
    wrong = truth[derangement(len(truth), seed=seed)]
    hits, control = {}, {}
    for name, k in (("accuracy", 1), *((("accuracy@5", 5),) if len(judge.labels) > 5 else ())):
        hits[name] = (named[:, :k] == truth[:, None]).any(axis=1).astype(np.float64)
        control[name] = float((named[:, :k] == wrong[:, None]).any(axis=1).mean())
    return Evaluation(
        task="zero-shot",
        model=judge.name,
        n=len(data),
        metrics={name: float(hit.mean()) for name, hit in hits.items()},
        covered=len(kept) / len(data),
        intervals={
            name: bootstrap_interval(hit, resamples=resamples, seed=seed)
            for name, hit in hits.items()
        },
        control=control,
    )


def _five(guesses: Sequence[Any], place_of: dict[str, int]) -> list[int]:
    places = [place_of[guess[0]] for guess in guesses]
    return places + [-1] * (5 - len(places))
