"""Weighted k-nearest-neighbour classification by cosine.

Reference: Wu et al. 2018 (arXiv:1805.01978), section 3.4: a vote has the weight exp(cosine / 0.07).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from sememe._ties import best_places
from sememe._types import FloatArray
from sememe.space.probe import Labels, Probe, check_examples, split_rows
from sememe.vectors.nearest import check_k, unit

_TEMPERATURE = 0.07
_GRID = (1, 3, 5, 10, 20, 50)
_ASKED = 2000  # examples, at most, classified by the others to select k


@dataclass
class NeighbourProbe(Probe):
    """Weighted k-nearest-neighbour classifier.

    Attributes:
        k: Number of neighbours; None selects the best of six by leave-one-out accuracy.
        seed: Seed of the sample of examples for that, if there are many.
        k_: The number of neighbours used.
        held_out_: Leave-one-out accuracy of the selected k, slightly optimistic.
    """

    _names = ("examples", "labels", "k")

    k: int | None = None
    seed: int = 0
    k_: int = field(default=1, init=False)
    held_out_: float = field(default=float("nan"), init=False)

    def fit(self, rows: FloatArray, labels: Labels, *, groups: Labels | None = None) -> Self:
        """Store (n, dim) rows and (n,) class indices; k is selected by neighbours in other groups.

        Raises:
            InvalidInputError: Fewer than two classes, or k below 1.
        """
        classes = check_examples(rows, labels)
        rows = unit(rows)
        if self.k is None:
            self._choose(rows, labels, classes, groups)
        else:
            self.k_ = check_k(self.k)
        self._learnt = {"examples": rows, "labels": labels, "k": np.array(self.k_)}
        return self

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return (n, classes) float32: the fraction of the votes for each class."""
        learnt = self._learnt
        labels, k = learnt["labels"], int(learnt["k"])
        classes = int(labels.max()) + 1
        votes = [
            _count_votes(block @ learnt["examples"].T, labels, (k,), classes)[0]
            for block in split_rows(unit(rows))
        ]
        return np.concatenate(votes) if votes else np.empty((0, classes), np.float32)

    def _choose(self, x: FloatArray, labels: Labels, classes: int, groups: Labels | None) -> None:
        asked = np.random.default_rng(self.seed).permutation(len(x))[:_ASKED]
        grid = tuple(k for k in _GRID if k < len(x))
        hits, start = np.zeros(len(grid)), 0
        for block in split_rows(x[asked]):
            own = asked[start : start + len(block)]
            cosine = block @ x.T
            cosine[np.arange(len(block)), own] = -np.inf  # not its own neighbour
            if groups is not None and len(np.unique(groups)) > 1:
                cosine[groups[own][:, None] == groups] = -np.inf
            for i, votes in enumerate(_count_votes(cosine, labels, grid, classes)):
                hits[i] += int((votes.argmax(1) == labels[own]).sum())
            start += len(block)
        best = int(hits.argmax())
        self.k_, self.held_out_ = grid[best], float(hits[best] / len(asked))


def _count_votes(
    cosine: FloatArray, labels: Labels, ks: tuple[int, ...], classes: int
) -> list[FloatArray]:
    """Return for each k the (n, classes) fractions of the votes; ties go to the first example."""
    near = best_places(cosine, max(ks))
    scores = np.take_along_axis(cosine, near, axis=1)
    weights = np.exp((scores - scores[:, :1]) / _TEMPERATURE)
    by_k, rows = [], np.arange(len(cosine))[:, None]
    for k in ks:
        votes = np.zeros((len(cosine), classes), np.float32)
        np.add.at(votes, (rows, labels[near[:, :k]]), weights[:, :k].astype(np.float32))
        by_k.append(votes / votes.sum(axis=1, keepdims=True))
    return by_k
