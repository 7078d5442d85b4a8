"""The report of training word vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Convert a NumPy scalar to a Python one, for JSON; return anything else unchanged."""
    return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """The report of `fit`.

    Attributes:
        n_words: Number of words of the corpus, including those outside the vocabulary.
        n_keys: Number of words with a vector.
        n_new: Number of those that the model did not have before.
        covered: Fraction of the corpus's words that are in the vocabulary, in [0, 1].
        seconds_reading: Time to count and encode the words.
        seconds_training: Training time, in this process.
        words_per_second: Training speed over all epochs, in this process.
        losses: Mean sampled loss of each epoch, in nats: per pair of words in skip-gram, per window
            in CBOW. Comparable between epochs of one run, not between settings.
        resumed_at: Fraction of the run done before by a checkpoint, in [0, 1].
        notes: What was replaced or left out while reading.
    """

    n_words: int
    n_keys: int
    n_new: int
    covered: float
    seconds_reading: float
    seconds_training: float
    words_per_second: float
    losses: tuple[float, ...]
    resumed_at: float
    notes: tuple[str, ...]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> TrainingReport:
        """Return the report from its `dataclasses.asdict`, as read from JSON."""
        lists = {name: tuple(facts[name]) for name in ("losses", "notes")}
        return cls(**{**facts, **lists})
