"""Linear probe: multinomial logistic regression on standardised vectors, through scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import FloatArray
from sememe.space.probe import (
    Labels,
    Standard,
    check_examples,
    fit_standard,
    softmax,
    split_folds,
    standardize,
)

_GRID = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
_FEW = 1.0  # with too few examples to select
_ITERATIONS = 200  # of L-BFGS; enough for these penalties


@dataclass
class LinearProbe:
    """One linear layer that minimises mean cross-entropy + λ/2 |W|².

    Attributes:
        regularization: λ; None selects the best of six on held-out examples.
        seed: Seed of the held-out examples.
        regularization_: The λ used.
        held_out_: Held-out accuracy of the selected λ, slightly optimistic; NaN with too few
            examples.
    """

    regularization: float | None = None
    seed: int = 0
    regularization_: float = field(default=_FEW, init=False)
    held_out_: float = field(default=float("nan"), init=False)
    _learnt: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def fit(self, rows: FloatArray, labels: Labels, *, groups: Labels | None = None) -> LinearProbe:
        """Fit to (n, dim) rows and (n,) class indices; each class has an example.

        groups: (n,) group indices, such as speakers: λ is selected on whole groups held out.

        Raises:
            InvalidInputError: Fewer than two classes, or a regularization of 0 or less.
            MissingExtraError: scikit-learn is not installed.
        """
        check_examples(rows, labels)
        given = self.regularization
        if given is not None and not 0 < given < np.inf:
            raise InvalidInputError(f"regularization={given}; give a number above 0, such as 0.1.")
        standard = fit_standard(rows)
        x = standardize(rows, standard)
        if given is None:
            self._choose(x, labels, groups)
        else:
            self.regularization_ = given
        (fitted,) = _path(x, labels, (self.regularization_,))
        weight, bias = fitted
        self._learnt = {**standard._asdict(), "weight": weight, "bias": bias}
        return self

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return (n, classes) float32; each row sums to 1."""
        learnt = self._learnt
        x = standardize(rows, Standard.among(learnt))
        return softmax(x @ learnt["weight"].T + learnt["bias"])

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return centre, mean and deviation (dim,), weight (classes, dim) and bias (classes,)."""
        return self._learnt

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> LinearProbe:
        """Return the probe with this fitted state."""
        probe = cls()
        standard = Standard.among(arrays)._asdict()
        probe._learnt = {**standard, **{name: arrays[name] for name in ("weight", "bias")}}
        return probe

    def _choose(self, x: FloatArray, labels: Labels, groups: Labels | None) -> None:
        hits, n = np.zeros(len(_GRID)), 0
        for train, held_out in split_folds(labels, seed=self.seed, groups=groups):
            truth = labels[held_out]
            for i, (weight, bias) in enumerate(_path(x[train], labels[train], _GRID)):
                hits[i] += int(((x[held_out] @ weight.T + bias).argmax(1) == truth).sum())
            n += len(held_out)
        if n:
            best = int(hits.argmax())  # ties go to the strongest penalty
            self.regularization_, self.held_out_ = _GRID[best], float(hits[best] / n)


def _path(
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
