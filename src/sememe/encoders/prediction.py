"""Classifiers: what they predict, and what follows from their probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sememe._ties import best_places
from sememe._types import FloatArray, Modality
from sememe.encoders.base import raise_failures
from sememe.vectors.nearest import check_k


class Prediction(NamedTuple):
    """A class and its probability, from 0 to 1."""

    label: str
    probability: float


class Classifier(ABC):
    """Predict classes of items.

    Attributes:
        modality: What it classifies: "text", "image" or "audio".
        labels: The classes.
    """

    modality: Modality
    labels: tuple[str, ...]

    @abstractmethod
    def probabilities_with_failures(
        self, items: Sequence[Any]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Compute probabilities, collecting failures: (n, classes) float32 and {index: reason}.

        Rows of items that cannot be read are NaN. InvalidInputError for an item of another type.
        """

    def probabilities(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, classes) float32, the probability of each of `labels`; rows sum to 1.

        Raises:
            CorruptFileError: An item cannot be read; `probabilities_with_failures` goes on instead.
            InvalidInputError: An item of another type.
        """
        given = list(items) if isinstance(items, Iterator) else items
        rows, failed = self.probabilities_with_failures(given)
        raise_failures(given, failed, instead="probabilities_with_failures")
        return rows

    def classify(self, items: Sequence[Any], *, k: int = 5) -> list[list[Prediction]]:
        """Return the k most probable classes of each item, best first; ties in order of `labels`.

        Raises:
            CorruptFileError, InvalidInputError: As `probabilities`; or k below 1.
        """
        k = check_k(k)
        return [rank_labels(self.labels, row, k) for row in self.probabilities(items)]

    def classify_with_failures(
        self, items: Sequence[Any], *, k: int = 5
    ) -> tuple[list[list[Prediction]], dict[int, str]]:
        """Classify, collecting failures: (predictions, {index: reason}); failed items have none."""
        k = check_k(k)
        rows, failed = self.probabilities_with_failures(items)
        ranked = [
            [] if i in failed else rank_labels(self.labels, row, k) for i, row in enumerate(rows)
        ]
        return ranked, failed


def rank_labels(labels: Sequence[str], probabilities: FloatArray, k: int) -> list[Prediction]:
    """Return the k most probable of some classes, best first; ties in order.

    >>> import numpy as np
    >>> rank_labels(["cat", "dog"], np.array([0.25, 0.75]), 1)
    [Prediction(label='dog', probability=0.75)]
    """
    import numpy as np

    logs = np.log(np.fmax(probabilities, np.finfo(np.float32).tiny))  # keeps small ones apart
    best = best_places(logs, k).tolist()
    return [Prediction(labels[i], float(probabilities[i])) for i in best]
