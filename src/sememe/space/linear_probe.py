"""Linear probe: multinomial logistic regression on standardised vectors, through scikit-learn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import FloatArray
from sememe.space import probe
from sememe.space.probe import Labels, Probe, Standard

_GRID = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
_FEW = 1.0  # with too few examples to select
_ITERATIONS = 200  # of L-BFGS; enough for these penalties


@dataclass
class LinearProbe(Probe):
    """One linear layer that minimises mean cross-entropy + λ/2 |W|².

    Attributes:
        regularization: λ; None selects the best of six on held-out examples.
        seed: Seed of the held-out examples.
        regularization_: The λ used.
        held_out_: Held-out accuracy of the selected λ, slightly optimistic; NaN with too few
            examples.
    """

    _names = (*Standard._fields, "weight", "bias")

    regularization: float | None = None
    seed: int = 0
    regularization_: float = field(default=_FEW, init=False)
    held_out_: float = field(default=float("nan"), init=False)

    def fit(self, rows: FloatArray, labels: Labels, *, groups: Labels | None = None) -> Self:
        """Fit to (n, dim) rows and (n,) class indices; λ is selected on whole groups held out.

        Raises:
            InvalidInputError: Fewer than two classes, or a regularization of 0 or less.
            MissingExtraError: scikit-learn is not installed.
        """
        probe.check_examples(rows, labels)
        given = self.regularization
        if given is not None and not 0 < given < np.inf:
            raise InvalidInputError(f"regularization={given}; give a number above 0, such as 0.1.")
        standard = probe.fit_standard(rows)
        x = probe.standardize(rows, standard)
        if given is None:
            self._choose(x, labels, groups)
        else:
            self.regularization_ = given
        ((weight, bias),) = _fit_path(x, labels, (self.regularization_,))
        self._learnt = {**standard._asdict(), "weight": weight, "bias": bias}
        return self

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return (n, classes) float32; each row sums to 1."""
        learnt = self._learnt
        x = probe.standardize(rows, Standard.among(learnt))
        return probe.softmax(x @ learnt["weight"].T + learnt["bias"])

    def _choose(self, x: FloatArray, labels: Labels, groups: Labels | None) -> None:
        hits, n = np.zeros(len(_GRID)), 0
        for train, held_out in probe.split_folds(labels, seed=self.seed, groups=groups):
            truth = labels[held_out]
            for i, (weight, bias) in enumerate(_fit_path(x[train], labels[train], _GRID)):
                hits[i] += int(((x[held_out] @ weight.T + bias).argmax(1) == truth).sum())
            n += len(held_out)
        if n:
            best = int(hits.argmax())  # ties go to the strongest penalty
            self.regularization_, self.held_out_ = _GRID[best], float(hits[best] / n)


def _fit_path(
    x: FloatArray, labels: Labels, strengths: tuple[float, ...]
) -> list[tuple[FloatArray, FloatArray]]:
    """Return weight (classes, dim) and bias (classes,) per strength, each warm-started."""
    linear_model = require("sklearn.linear_model", "a linear probe")
    model = linear_model.LogisticRegression(max_iter=_ITERATIONS, tol=1e-3, warm_start=True)
    layers = []
    for strength in strengths:
        model.set_params(C=1 / (strength * len(x)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unfinished convergence
            model.fit(x, labels)
        weight, bias = model.coef_.astype(np.float32), model.intercept_.astype(np.float32)
        if len(weight) == 1:  # two classes: the score of the second against the first
            weight, bias = np.vstack([0 * weight, weight]), np.concatenate([0 * bias, bias])
        layers.append((weight, bias))
    return layers
