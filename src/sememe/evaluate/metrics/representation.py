"""What a representation is worth, by its vectors alone: neighbours, a linear probe, its rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sememe.space.linear_probe import LinearProbe
from sememe.vectors.nearest import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

_BLOCK = 1024  # rows compared with all others at once
_STRENGTH = 0.01  # of the probe's penalty


def knn_accuracy(
    bank: FloatArray,
    bank_labels: NDArray[np.int64],
    queries: FloatArray,
    labels: NDArray[np.int64],
    *,
    k: int = 20,
) -> float:
    """Return the share of queries whose k nearest rows of the bank, by vote, have their label.

    bank: (n, dim), queries: (m, dim), of any length; the nearest are those of the highest cosine,
    among equal ones the first. Labels are whole numbers from 0. Each of the k has one vote; where
    two labels have as many, the smaller one wins.
    """
    bank, queries = unit(bank), unit(queries)
    k = min(k, len(bank))
    right = 0
    for start in range(0, len(queries), _BLOCK):
        cosine = queries[start : start + _BLOCK] @ bank.T
        near = _nearest(cosine, k)
        votes = np.zeros((len(near), int(bank_labels.max()) + 1), np.int64)
        np.add.at(votes, (np.arange(len(near))[:, None], bank_labels[near]), 1)
        right += int((votes.argmax(1) == labels[start : start + _BLOCK]).sum())
    return right / len(queries)


def linear_probe(
    features: FloatArray,
    labels: NDArray[np.int64],
    queries: FloatArray,
    query_labels: NDArray[np.int64],
) -> float:
    """Return the accuracy on the queries of a linear layer fitted to features and labels.

    features: (n, dim), queries: (m, dim). The layer is a `sememe.space.linear_probe.LinearProbe` of
    one strength, so that looks at a run can be compared.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    probe = LinearProbe(regularization=_STRENGTH).fit(features, numbers)
    found = classes[probe.probabilities(queries).argmax(1)]
    return float((found == query_labels).mean())


def effective_rank(rows: FloatArray) -> float:
    """Return how many directions the rows use: from 1, all on one line, to their width.

    It is exp(H(p)), p the singular values of the matrix divided by their sum. Rows are brought to
    length 1 first and not centred: where every picture has the same vector it is 1.

    rows: (n, dim). Rows of zeros count nothing; of nothing else, the rank is 1.

    Reference: Roy & Vetterli 2007, The effective rank, EUSIPCO.
    """
    values = np.linalg.svd(unit(rows).astype(np.float64), compute_uv=False)
    if not values.sum():
        return 1.0
    p = values / values.sum()
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


def _nearest(cosine: FloatArray, k: int) -> NDArray[np.int64]:
    """Return the columns of the k highest of each row, of equal ones the first."""
    found: NDArray[np.int64] = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return found
