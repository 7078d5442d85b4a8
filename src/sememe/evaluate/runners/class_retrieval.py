"""Class retrieval: precision of the nearest items, relevant if of the same class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._ties import settle
from sememe._types import Encoder, FloatArray
from sememe.evaluate.data.folds import read_groups
from sememe.evaluate.metrics.intervals import Seed, bootstrap_intervals
from sememe.evaluate.readable_rows import encode_labelled
from sememe.evaluate.results import Evaluation
from sememe.sources.datasets.labelled_data import Labelled
from sememe.vectors.nearest import iterate_blocks, unit

_FIGURES = ("precision@1", "precision@5", "mean_average_precision")


def evaluate_class_retrieval(
    encoder: Encoder,
    data: Labelled,
    *,
    groups: str | None = None,
    task: str = "audio-retrieval",
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Retrieve the other items by each item; those of its class are relevant.

    groups: A regular expression that matches the group, such as a speaker, in each file name; by
    default the groups of a table. Items of the query's group are not answers. Metrics:
    "precision@1" and "precision@5" (of all answers, if fewer than five), and
    "mean_average_precision". An item that cannot be read, or has no answer of its class, is left
    out and lowers `covered`. Control: shuffled classes, for which precision is at chance.

    Raises:
        InvalidInputError: Nothing can be read, or no item has another of its class.
    """
    rows, known = encode_labelled(encoder, data, task, show_progress=show_progress)
    kept = np.flatnonzero(known)
    y = np.unique(np.array(data.labels)[kept], return_inverse=True)[1]
    names = read_groups(data, groups)
    group = np.arange(len(kept))  # by default only the item itself is not an answer
    if names is not None:
        group = np.unique(np.array(names)[kept], return_inverse=True)[1]
    figures = measure_by_class(rows[kept], y, group)
    asked = ~np.isnan(figures[:, 0])
    if not asked.any():
        raise InvalidInputError(
            f"no {data.noun} has another of its class"
            f"{' in another group' if names is not None else ''} that could be retrieved."
        )
    shuffled = measure_by_class(rows[kept], np.random.default_rng(seed).permutation(y), group)
    columns = dict(zip(_FIGURES, figures[asked].T, strict=True))
    return Evaluation(
        task=task,
        model=encoder.name,
        n=len(data),
        metrics=_means(figures[asked]),
        covered=float(asked.sum() / len(data)),
        intervals=bootstrap_intervals(columns, resamples=resamples, seed=seed),
        control=_means(shuffled[~np.isnan(shuffled[:, 0])]),
    )


def measure_by_class(
    rows: FloatArray, y: NDArray[np.int64], group: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return (n, 3): precision@1, precision@5 and average precision of each row as a query.

    rows: (n, dim). y: (n,) classes. group: (n,); rows of the query's group are not answers. NaN if
    no answer is of its class. Ties are in order of rows.

    >>> rows = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
    >>> measure_by_class(rows, np.array([0, 1, 0]), np.arange(3))[:, 2].tolist()
    [0.5, nan, 0.5]
    """
    x = unit(np.asarray(rows, np.float32))
    figures = np.full((len(x), 3), np.nan)
    for block in iterate_blocks(len(x), len(x)):
        cosine = x[block] @ x.T
        own = group[block][:, None] == group
        cosine[own] = -np.inf  # to the end
        order = np.argsort(-settle(cosine), axis=1, kind="stable")
        right = np.take_along_axis((y[block][:, None] == y) & ~own, order, axis=1)
        answers = (~own).sum(axis=1)
        relevant = right.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.cumsum(right, axis=1) / np.arange(1, len(x) + 1)
            figures[block, 0] = right[:, 0]
            figures[block, 1] = right[:, :5].sum(axis=1) / np.minimum(5, answers)
            figures[block, 2] = (precision * right).sum(axis=1) / relevant
        figures[block][relevant == 0] = np.nan
    return figures


def _means(figures: NDArray[np.float64]) -> dict[str, float]:
    values = figures.mean(axis=0) if len(figures) else np.full(3, np.nan)
    return dict(zip(_FIGURES, map(float, values), strict=True))
