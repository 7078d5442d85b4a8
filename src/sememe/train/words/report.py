"""What a training run did, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return a number of numpy as Python's, which JSON can hold, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What `fit` did.

    Attributes:
        n_words: Words of the corpus, those outside the vocabulary included.
        n_keys: Words that got a vector.
        n_new: Those among them that the model did not know before.
        covered: Fraction of the corpus's words that are in the vocabulary, in [0, 1].
        seconds_reading: Time to count the words and to number them.
        seconds_training: Time to train, in this process.
        words_per_second: Words passed by the training alone, all epochs, in this process.
        losses: Mean loss of each epoch, sampled, in nats: for a pair of words in skip-gram, for a
            window in CBOW. It compares epochs of one run, not runs of other settings.
        resumed_at: Fraction of the run that a checkpoint had done before, in [0, 1].
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
        """Read back what `dataclasses.asdict` gave and JSON kept."""
        lists = {name: tuple(facts[name]) for name in ("losses", "notes")}
        return cls(**{**facts, **lists})
