"""The report on a classifier of texts, and the figures in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sememe.evaluate.metrics.calibration import calibration_error
from sememe.train.classify.report import ClassifierReport

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

    Ints = NDArray[np.int64]

_SUSPECTS = 0.1  # share of the examples that are listed, at most
_MOST = 100


class Suspect(NamedTuple):
    """An example whose label is doubtful: held out, another one was far more probable.

    Attributes:
        row: Its number among the examples that were learnt from, copies left out, from 0.
        text: Its text.
        label: Its label.
        probability: Of that label.
        told: The label that is predicted.
    """

    row: int
    text: str
    label: str
    probability: float
    told: str


@dataclass(frozen=True, slots=True)
class Grading:
    """How far predicted grades are from the true ones.

    Attributes:
        macro_mae: Mean absolute error in grades, averaged over the true grades.
        kappa: Cohen's kappa with quadratic weights: 0 by chance, 1 if all are right.
    """

    macro_mae: float
    kappa: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextClassifierReport(ClassifierReport):
    """What `TextClassifier.fit` did.

    Attributes:
        majority: Accuracy of always predicting the most frequent class.
        macro_f1, weighted_f1: Mean of the F1 of the classes, plain and by their examples.
        calibration_error: Expected calibration error of the predicted classes' probabilities.
        raw_calibration_error: The same of the classifier of vectors alone, as it was fitted.
        parts: What the classifier is made of, with the weight of each.
        grading: Of grades in order; None for other labels.
        suspects: Examples with doubtful labels, the most doubtful first.
    """

    majority: float
    macro_f1: float
    weighted_f1: float
    calibration_error: float
    raw_calibration_error: float
    parts: dict[str, float]
    grading: Grading | None = None
    suspects: tuple[Suspect, ...] = ()


def score_f1(predicted: Ints, truth: Ints) -> tuple[float, float]:
    """Return macro and weighted F1 over the classes that are true or predicted.

    >>> score_f1(np.array([0, 0, 1]), np.array([0, 1, 1]))
    (0.6666666666666666, 0.6666666666666666)
    """
    n = int(max(predicted.max(), truth.max())) + 1
    right = np.bincount(truth[predicted == truth], minlength=n)
    told, true = np.bincount(predicted, minlength=n), np.bincount(truth, minlength=n)
    used = told + true > 0
    f1 = 2 * right[used] / (told + true)[used]
    return float(f1.mean()), float((f1 * true[used]).sum() / true.sum())


def grade(predicted: Ints, truth: Ints, n: int) -> Grading:
    """Compare (m,) predicted grades of 0 to n - 1 with the true ones.

    >>> grade(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]), 3)
    Grading(macro_mae=0.16666666666666666, kappa=0.8)
    """
    away = np.abs(predicted - truth)
    per_grade = [away[truth == one].mean() for one in np.unique(truth)]
    told, true = (np.bincount(rows, minlength=n) / len(truth) for rows in (predicted, truth))
    distance = (np.arange(n)[:, None] - np.arange(n)) ** 2
    chance = float((np.outer(told, true) * distance).sum())
    kappa = 1 - float((away**2).mean()) / chance if chance else float("nan")
    return Grading(float(np.mean(per_grade)), kappa)


def measure_calibration(probabilities: FloatArray, truth: Ints) -> float:
    """Return the expected calibration error of the most probable classes."""
    right = probabilities.argmax(axis=1) == truth
    return calibration_error(probabilities.max(axis=1), right)


def list_suspects(
    texts: list[str], labels: tuple[str, ...], probabilities: FloatArray, truth: Ints, rows: Ints
) -> tuple[Suspect, ...]:
    """Return examples whose label is less probable than another, the least probable first.

    A tenth of them at most. Reference: Northcutt et al. 2021 (arXiv:1911.00068), who rank by the
    same self-confidence. rows: Numbers of the examples.
    """
    own = probabilities[np.arange(len(truth)), truth]
    told = probabilities.argmax(axis=1)
    order = np.lexsort((rows, own))
    listed = [i for i in order.tolist() if told[i] != truth[i]]
    most = min(_MOST, round(_SUSPECTS * len(truth)))
    return tuple(
        Suspect(int(rows[i]), texts[i], labels[truth[i]], float(own[i]), labels[told[i]])
        for i in listed[:most]
    )
