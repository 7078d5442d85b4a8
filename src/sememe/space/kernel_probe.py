"""Kernel probe: classification by kernel ridge regression with a Gaussian kernel.

Examples x_i have one-hot rows of Y, centred by column. The scores of x are Σ_i k(x, x_i) a_i, where
(K + ridge I) a = Y and k(x, z) = exp(-width |x - z|²) of standardised rows at unit length. Fitting
solves n equations and keeps all examples.

Reference: Saunders et al. 1998, Ridge regression learning algorithm in dual variables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.space import probe
from sememe.space.probe import Labels, Probe, Standard
from sememe.vectors.nearest import unit

_WIDTHS, _RIDGES = (0.5, 1.0), (0.1, 0.3, 1.0)
_SHARP = (5.0, 10.0, 20.0)  # inverse temperatures of the softmax
MAX_KERNEL_EXAMPLES = 20_000  # whose n x n kernel takes 3.2 GB
_CHOSEN_BY = 3000  # examples, at most, to select width and ridge


@dataclass
class KernelProbe(Probe):
    """Kernel ridge regression; width and ridge are selected on held-out examples.

    Attributes:
        seed: Seed of the held-out examples.
        width_, ridge_: The selected values.
        held_out_: Held-out accuracy of the selected values, slightly optimistic; NaN with too few
            examples.
    """

    _names = (*Standard._fields, "examples", "weight", "width", "sharp")

    seed: int = 0
    width_: float = field(default=1.0, init=False)
    ridge_: float = field(default=0.3, init=False)
    held_out_: float = field(default=float("nan"), init=False)

    def fit(self, rows: FloatArray, labels: Labels, *, groups: Labels | None = None) -> Self:
        """Fit to (n, dim) rows and (n,) class indices, selecting on whole groups held out.

        Raises:
            InvalidInputError: Fewer than two classes, or more than 20,000 examples.
        """
        classes = probe.check_examples(rows, labels)
        if len(rows) > MAX_KERNEL_EXAMPLES:
            raise InvalidInputError(
                f"got {len(rows):,} examples; the kernel of {MAX_KERNEL_EXAMPLES:,} is the largest "
                "that is held. Use a linear probe."
            )
        standard = probe.fit_standard(rows)
        x = unit(probe.standardize(rows, standard))
        sharp = self._choose(x, labels, classes, groups)
        weight = _solve(_compute_kernel(x, x, self.width_), labels, classes, (self.ridge_,))[0]
        self._learnt = {
            **standard._asdict(),
            "examples": x,
            "weight": weight.astype(np.float32),
            "width": np.array(self.width_),
            "sharp": np.array(sharp),
        }
        return self

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return (n, classes) float32; each row sums to 1."""
        learnt = self._learnt
        x = unit(probe.standardize(rows, Standard.among(learnt)))
        scores = [np.empty((0, learnt["weight"].shape[1]), np.float32)]
        for block in probe.split_rows(x):
            kernel = _compute_kernel(block, learnt["examples"], float(learnt["width"]))
            scores.append(kernel @ learnt["weight"])
        return probe.softmax(float(learnt["sharp"]) * np.concatenate(scores))

    def _choose(self, x: FloatArray, labels: Labels, classes: int, groups: Labels | None) -> float:
        """Select width and ridge by accuracy; return the inverse temperature by likelihood."""
        by_value: dict[tuple[float, float], list[Any]] = {}
        truth: list[Labels] = []
        for train, held_out in probe.split_folds(labels, seed=self.seed, groups=groups):
            truth.append(labels[held_out])
            train = np.random.default_rng(self.seed).permutation(train)[:_CHOSEN_BY]
            for width in _WIDTHS:
                kernel = _compute_kernel(x[train], x[train], width)
                queries = _compute_kernel(x[held_out], x[train], width)
                weights = _solve(kernel, labels[train], classes, _RIDGES)
                for ridge, weight in zip(_RIDGES, weights, strict=True):
                    by_value.setdefault((width, ridge), []).append(queries @ weight)
        if not truth:
            return _SHARP[1]
        true = np.concatenate(truth)
        scores = {key: np.concatenate(parts) for key, parts in by_value.items()}
        accuracy = {key: float((s.argmax(1) == true).mean()) for key, s in scores.items()}
        self.width_, self.ridge_ = max(accuracy, key=lambda key: accuracy[key])
        best = scores[self.width_, self.ridge_]
        self.held_out_ = accuracy[self.width_, self.ridge_]
        each = np.arange(len(true))
        likely = [np.log(probe.softmax(s * best)[each, true]).mean() for s in _SHARP]
        return _SHARP[int(np.argmax(likely))]


def _compute_kernel(a: FloatArray, b: FloatArray, width: float) -> FloatArray:
    """Return (len(a), len(b)) exp(-width |a - b|²) of unit rows."""
    return np.asarray(np.exp(2 * width * (a @ b.T - 1)))


def _solve(
    kernel: FloatArray, labels: Labels, classes: int, ridges: tuple[float, ...]
) -> list[NDArray[np.float64]]:
    """Return the weights (n, classes) for each ridge."""
    target = np.eye(classes)[labels]
    target -= target.mean(axis=0)
    weights = []
    for ridge in ridges:
        matrix = kernel.astype(np.float64)
        matrix[np.diag_indices(len(matrix))] += ridge
        weights.append(np.asarray(np.linalg.solve(matrix, target), np.float64))
    return weights
