"""What a classifier predicts for an item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from sememe._ties import best_places

if TYPE_CHECKING:
    from sememe._types import FloatArray


class Guess(NamedTuple):
    """A class that a picture may be of, and how probable that is, from 0 to 1."""

    label: str
    probability: float


def best_guesses(labels: Sequence[str], probabilities: FloatArray, k: int) -> list[Guess]:
    """Return the k most probable of some classes, best first; ties by place.

    >>> import numpy as np
    >>> best_guesses(["cat", "dog"], np.array([0.25, 0.75]), 1)
    [Guess(label='dog', probability=0.75)]
    """
    import numpy as np

    logs = np.log(np.fmax(probabilities, np.finfo(np.float32).tiny))  # small ones differ, too
    best = best_places(logs, k).tolist()
    return [Guess(labels[i], float(probabilities[i])) for i in best]
