"""Reference implementation: one training step of each kernel in plain NumPy.

Written for readability, close to the papers; tests compare the kernels with it. Every function
updates its matrices in place. labels: 1 for words of the window, 0 for noise; in hierarchical
softmax rows are the inner nodes of the path and labels its bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Rows = Sequence[int]
    Labels = Sequence[float]
    Targets = Sequence[tuple[Rows, Labels]]


def sigmoid(x: Matrix) -> Matrix:
    """Return 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def skipgram_step(
    inputs: Matrix, outputs: Matrix, *, context: Rows, rows: Rows, labels: Labels, rate: float
) -> None:
    """Update every context word towards the outputs with label 1 and away from those with 0.

    inputs, outputs: (n, dim). Ascends sum over pairs of label log s + (1 - label) log(1 - s), s =
    sigmoid(x o'): its gradient in x is (label - s) o. Mikolov et al. 2013 (arXiv:1310.4546), eq. 4.
    """
    x, o = inputs[list(context)], outputs[list(rows)]  # (b, dim), (k, dim)
    error = rate * (np.asarray(labels) - sigmoid(x @ o.T))  # (b, k)
    np.add.at(inputs, list(context), error @ o)
    np.add.at(outputs, list(rows), error.T @ x)


def cbow_step(
    inputs: Matrix, outputs: Matrix, *, context: Rows, rows: Rows, labels: Labels, rate: float
) -> None:
    """Predict with the mean of the context words, each of which gets the whole change.

    Output rows are updated one after the other. Mikolov et al. 2013 (arXiv:1301.3781).
    """
    hidden = inputs[list(context)].mean(axis=0)  # (dim,)
    change = predict(outputs, hidden, rows=rows, labels=labels, rate=rate)
    np.add.at(inputs, list(context), change)


def subword_skipgram_step(
    parts: Matrix,
    outputs: Matrix,
    *,
    own: Rows,
    targets: Targets,
    rate: float,
) -> None:
    """Predict each neighbour in turn with the mean of one word's own row and n-gram rows.

    Each row gets the whole change of a pair, so that their mean changes by it too.

    parts: (n, dim), word and n-gram rows. own: Those of the middle word. targets: The output rows
    of each neighbour and their labels.
    """
    hidden = parts[list(own)].mean(axis=0)
    change = np.zeros_like(hidden)
    for rows, labels in targets:
        moved = predict(outputs, hidden, rows=rows, labels=labels, rate=rate)
        hidden += moved
        change += moved
    np.add.at(parts, list(own), change)


def predict(outputs: Matrix, hidden: Matrix, *, rows: Rows, labels: Labels, rate: float) -> Matrix:
    """Train the outputs to predict their labels from `hidden`; return the change of it, (dim,)."""
    errors = rate * (np.asarray(labels) - sigmoid(outputs[list(rows)] @ hidden))  # (k,)
    change = np.zeros_like(hidden)
    for row, error in zip(rows, errors, strict=True):
        change += error * outputs[row]
        outputs[row] += error * hidden
    return change
