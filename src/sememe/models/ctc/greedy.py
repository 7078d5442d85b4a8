"""Greedy decoding of connectionist temporal classification (CTC), and what all decoders share.

At each frame a network gives a probability to each unit and to blank. A text has as many alignments
as there are ways to spread its units over the frames, with repetitions and blanks; its probability
is the sum over them.

Greedy decoding takes the best unit of each frame, which is one alignment. Beam search
(`sememe.models.ctc.beam_search`) looks for the text whose alignments have the highest sum. Decoders
are fed frames as they come, in bounded memory.

Reference: Graves et al. 2006, Connectionist Temporal Classification, sections 3.1 and 3.2 (ICML).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray

NEVER = -np.inf  # the logarithm of an impossible probability


class TimedUnit(NamedTuple):
    """A unit, and its frames: from start up to, not including, end."""

    unit: int
    start: int
    end: int


class Hypothesis(NamedTuple):
    """A decoded sequence: units without blanks, and the natural logarithm of its probability."""

    units: tuple[TimedUnit, ...]
    score: float

    @property
    def ids(self) -> tuple[int, ...]:
        """The units alone."""
        return tuple(one.unit for one in self.units)


def log_probabilities(logits: FloatArray, silent: Sequence[int] = ()) -> NDArray[np.float64]:
    """Return log-probabilities (frames, units): a softmax that excludes `silent` units.

    >>> np.exp(log_probabilities(np.zeros((1, 3), np.float32), silent=[2])).round(2)
    array([[0.5, 0.5, 0. ]])
    """
    scores = np.asarray(logits, np.float64).copy()
    scores[:, list(silent)] = NEVER
    scores -= scores.max(axis=1, keepdims=True)
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))


class GreedyDecoder:
    """Greedy decoding: the best unit of each frame; of equals the lower one."""

    def __init__(self, blank: int) -> None:
        self._blank = blank
        self._units: list[TimedUnit] = []
        self._last = blank
        self._frames = 0
        self._score = 0.0

    def feed(self, log_probs: NDArray[np.float64]) -> None:
        """Read more frames: (frames, units) of `log_probabilities`."""
        best = log_probs.argmax(axis=1)
        self._score += float(log_probs[np.arange(len(best)), best].sum())
        for unit in best.tolist():
            if unit != self._blank and unit == self._last:
                self._units[-1] = self._units[-1]._replace(end=self._frames + 1)
            elif unit != self._blank:
                self._units.append(TimedUnit(unit, self._frames, self._frames + 1))
            self._last = unit
            self._frames += 1

    def finish(self) -> Hypothesis:
        """Return the hypothesis; its score is that of one alignment."""
        return Hypothesis(tuple(self._units), self._score)
