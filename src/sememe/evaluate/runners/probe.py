"""Evaluation of an image encoder by probes: linear, kernel and nearest neighbours.

Reference: Chen et al. 2020, appendix B.8 (arXiv:2002.05709) for the linear evaluation; Wu et al.
2018 (arXiv:1805.01978) for weighted neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._types import Encoder, FloatArray
from sememe.evaluate.metrics.intervals import Seed, bootstrap_intervals
from sememe.evaluate.readable_rows import encode_labelled
from sememe.evaluate.results import Evaluation
from sememe.evaluate.runners.few_shot import ProbeKind, new_probe
from sememe.sources.datasets.labelled_data import Labelled
from sememe.space.kernel_probe import MAX_KERNEL_EXAMPLES

_METRICS: dict[str, ProbeKind] = {
    "linear_probe": "probe", "kernel_probe": "kernel", "neighbours": "knn"
}  # fmt: skip


def evaluate_probe(
    encoder: Encoder,
    data: tuple[Labelled, Labelled],
    *,
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Predict the classes of images from their vectors by probes.

    data: Training and test images. Metrics: "linear_probe", "kernel_probe" (kernel ridge
    regression, with 20,000 training images at most) and "neighbours", accuracies in [0, 1];
    hyperparameters are selected on the training images. A test image that cannot be read, or is of
    a class without training images, is left out and lowers `covered`. Control: the same, trained on
    shuffled labels.

    Raises:
        InvalidInputError: Not an image encoder, fewer than two classes to train on, or no test
            image of one of them.
        MissingExtraError: scikit-learn is not installed.
    """
    train, test = data
    rows, known = encode_labelled(encoder, train, "probe", show_progress=show_progress)
    classes, y = np.unique(np.array(train.labels)[known], return_inverse=True)
    if len(classes) < 2:
        raise InvalidInputError(
            f"task 'probe' got {len(classes)} class with images to train on. Give two or more."
        )
    test_rows, readable = encode_labelled(encoder, test, "probe", show_progress=show_progress)
    number = {label: i for i, label in enumerate(classes.tolist())}
    truth = np.array([number.get(label, -1) for label in test.labels])
    fit = readable & (truth >= 0)
    if not fit.any():
        raise InvalidInputError(
            "task 'probe' got no readable test image of a training class. Name the folders alike."
        )
    y = y.astype(np.int64)
    shuffled = np.random.default_rng(seed).permutation(y)
    right = _hits(rows[known], y, test_rows[fit], truth[fit])
    wrong = _hits(rows[known], shuffled, test_rows[fit], truth[fit])
    return Evaluation(
        task="probe",
        model=encoder.name,
        n=len(test),
        metrics={name: float(hits.mean()) for name, hits in right.items()},
        covered=float(fit.mean()),
        intervals=bootstrap_intervals(right, resamples=resamples, seed=seed),
        control={name: float(hits.mean()) for name, hits in wrong.items()},
    )


def _hits(
    rows: FloatArray, labels: NDArray[np.int64], test: FloatArray, truth: NDArray[np.int64]
) -> dict[str, NDArray[np.bool_]]:
    """Return for each metric which of the test images are predicted correctly."""
    return {
        name: new_probe(kind).fit(rows, labels).probabilities(test).argmax(axis=1) == truth
        for name, kind in _METRICS.items()
        if kind != "kernel" or len(rows) <= MAX_KERNEL_EXAMPLES
    }
