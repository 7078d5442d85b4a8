"""Classification of an encoder's vectors by a probe, with cross-validation.

data = read_labelled("audio", modality="audio")
result = evaluate_classification(encoder, data, folds=Folds(pattern="^."), probe="linear")
result.metrics["accuracy"], result.confused
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import Encoder, FloatArray
from sememe.evaluate.data.folds import Folds, Split
from sememe.evaluate.metrics.confusion import find_confusions
from sememe.evaluate.metrics.intervals import Seed, bootstrap_interval, bootstrap_intervals
from sememe.evaluate.readable_rows import encode_labelled
from sememe.evaluate.results import Evaluation
from sememe.evaluate.runners.few_shot import ProbeKind, new_probe
from sememe.sources.datasets.labelled_data import Labelled

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

ProbeName = Literal["linear", "kernel", "knn"]
PROBE_NAMES: dict[ProbeName, ProbeKind] = {"linear": "probe", "kernel": "kernel", "knn": "knn"}
_CONTROL = 2000  # examples, at most, to train the control


def evaluate_classification(
    encoder: Encoder,
    data: Labelled,
    *,
    folds: Folds | None = None,
    probe: ProbeName = "linear",
    task: str = "audio-classification",
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Predict the class of each item by a probe trained on the other folds.

    folds: By default those of the data, or five. probe: "linear" (multinomial logistic regression),
    "kernel" (kernel ridge regression) or "knn"; its hyperparameters are selected within the
    training folds, on whole groups held out if there are groups. Metrics: "accuracy", the mean over
    the folds, and "fold NAME" of each. The interval of the mean is over items, or over groups if
    there are some. An item that cannot be read, or whose class is missing in the other folds, is
    left out and lowers `covered`. Control: the same, trained on shuffled labels.

    Raises:
        InvalidInputError: Fewer than two classes or folds, or nothing that can be read.
        UnknownNameError: No such probe.
        MissingExtraError: scikit-learn is not installed, for "linear".
    """
    if probe not in PROBE_NAMES:
        raise UnknownNameError.of("probe", probe, PROBE_NAMES)
    whole = (folds or Folds()).of(data, seed=seed)
    rows, known = encode_labelled(encoder, data, task, show_progress=show_progress)
    classes = data.classes
    if len(classes) < 2:
        raise InvalidInputError(
            f"task {task!r} got one class, {classes[0]}. Give two or more: a folder for each."
        )
    y = np.searchsorted(np.array(classes), np.array(data.labels)).astype(np.int64)
    predicted, control = _predict(rows, y, known, whole, PROBE_NAMES[probe], seed)
    asked = predicted >= 0
    if not asked.any():
        raise InvalidInputError(f"no {data.noun} is of a class that another fold has.")
    metrics, intervals = _figures(predicted == y, asked, whole, resamples, seed)
    return Evaluation(
        task=task,
        model=encoder.name,
        n=len(data),
        metrics=metrics,
        covered=float(asked.mean()),
        intervals=intervals,
        control=_figures(control == y, asked, whole, 1, seed)[0],
        confused=find_confusions(predicted[asked], y[asked], classes),
    )


def _figures(
    right: Flags, asked: Flags, split: Split, resamples: int, seed: Seed
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Return the accuracy of each fold and their mean, and the intervals."""
    hits = right.astype(np.float64)
    folds = {f"fold {name}": hits[asked & (split.fold == i)] for i, name in enumerate(split.names)}
    folds = {name: own for name, own in folds.items() if len(own)}
    means = {name: float(own.mean()) for name, own in folds.items()}
    whole = _interval_of_mean(hits, asked, split, resamples, seed)
    intervals = {"accuracy": whole, **bootstrap_intervals(folds, resamples=resamples, seed=seed)}
    return {"accuracy": float(np.mean(list(means.values()))), **means}, intervals


def _predict(
    rows: FloatArray, y: Ints, known: Flags, split: Split, kind: ProbeKind, seed: int
) -> tuple[Ints, Ints]:
    """Return the predicted class of each item, and that of the control; -1 if there is none."""
    predicted, control = np.full(len(y), -1), np.full(len(y), -1)
    rng = np.random.default_rng([seed, 2])
    for i in range(len(split.names)):
        train = np.flatnonzero(known & (split.fold != i))
        classes, number = np.unique(y[train], return_inverse=True)
        here = np.flatnonzero(known & (split.fold == i) & np.isin(y, classes))
        if len(classes) < 2 or not len(here):
            continue
        some = rng.permutation(len(train))[:_CONTROL]
        if len(np.unique(number[some])) < len(classes):  # too many classes for a part
            some = np.arange(len(train))
        for into, examples, labels in (
            (predicted, train, number),
            (control, train[some], rng.permutation(number[some])),
        ):
            group = None if split.group is None else split.group[examples]
            fitted = new_probe(kind, seed=seed)
            fitted.fit(rows[examples], labels.astype(np.int64), groups=group)
            into[here] = classes[fitted.probabilities(rows[here]).argmax(axis=1)]
    return predicted, control


def _interval_of_mean(
    hits: NDArray[np.float64], asked: Flags, split: Split, resamples: int, seed: Seed
) -> tuple[float, float]:
    """Return the interval of the mean over folds; items are weighted so that folds are equal."""
    sizes = np.bincount(split.fold[asked], minlength=len(split.names))
    share = asked.sum() / (sizes[split.fold[asked]] * (sizes > 0).sum())
    group = np.arange(asked.sum()) if split.group is None else split.group[asked]
    number = np.unique(group, return_inverse=True)[1]
    table = np.column_stack([np.bincount(number, hits[asked] * share), np.bincount(number, share)])

    def average(drawn: NDArray[np.float64]) -> float:
        return float(drawn[:, 0].sum() / drawn[:, 1].sum())

    return bootstrap_interval(table, statistic=average, resamples=resamples, seed=seed)
