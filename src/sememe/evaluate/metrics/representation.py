"""Quality of a representation: k-nearest-neighbour accuracy, linear probe, effective rank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.space.linear_probe import LinearProbe
from sememe.vectors.nearest import unit

Labels = NDArray[np.int64]

_BLOCK = 1024  # rows compared with all others at once
_STRENGTH = 0.01  # of the probe's penalty


def knn_accuracy(
    bank: FloatArray, bank_labels: Labels, queries: FloatArray, labels: Labels, *, k: int = 20
) -> float:
    """Return the accuracy of an unweighted vote of the k rows of the bank nearest to each query.

    bank: (n, dim), queries: (m, dim), of any norm. The nearest have the highest cosine, of ties the
    first. Labels are integers from 0; if two have as many votes, the smaller one wins.
    """
    bank, queries = unit(bank), unit(queries)
    k = min(k, len(bank))
    right = 0
    for start in range(0, len(queries), _BLOCK):
        cosine = queries[start : start + _BLOCK] @ bank.T
        near = np.argsort(-cosine, axis=1, kind="stable")[:, :k]  # of equal ones the first
        votes = np.zeros((len(near), int(bank_labels.max()) + 1), np.int64)
        np.add.at(votes, (np.arange(len(near))[:, None], bank_labels[near]), 1)
        right += int((votes.argmax(1) == labels[start : start + _BLOCK]).sum())
    return right / len(queries)


def linear_probe(
    features: FloatArray, labels: Labels, queries: FloatArray, query_labels: Labels
) -> float:
    """Return the accuracy on the queries of a linear probe fitted to features and labels.

    features: (n, dim), queries: (m, dim). The probe is a `sememe.space.linear_probe.LinearProbe` of
    fixed regularization, so that evaluations during a run are comparable.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    probe = LinearProbe(regularization=_STRENGTH).fit(features, numbers)
    predicted = classes[probe.probabilities(queries).argmax(1)]
    return float((predicted == query_labels).mean())


def effective_rank(rows: FloatArray) -> float:
    """Return the effective rank of the rows: from 1, all on one line, to dim.

    It is exp(H(p)), p the singular values of the matrix divided by their sum. Rows are scaled to
    unit length and not centred: if all are equal it is 1.

    rows: (n, dim). Zero rows are ignored; without others the rank is 1.

    Reference: Roy & Vetterli 2007, The effective rank, EUSIPCO.
    """
    values = np.linalg.svd(unit(rows).astype(np.float64), compute_uv=False)
    if not values.sum():
        return 1.0
    p = values / values.sum()
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))
