"""Measure a text classifier on examples it has not seen, and what shuffled labels teach."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.encoders.classify.text_classifier import TextModel, cut_texts
from sememe.encoders.classify.text_heads import to_probabilities
from sememe.train.classify.features import number_labels
from sememe.train.classify_text.heads import Examples, fit_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.sources.datasets.labelled_data import Labelled

    Ints = NDArray[np.int64]

_FOLDS = 5
_CONTROL, _SHUFFLES = 2000, 20  # examples and shuffles of the control, at most


class Tested(NamedTuple):
    """Examples that were not learnt from, and what is predicted.

    Attributes:
        probabilities: (n, classes).
        truth: (n,) numbers of their classes.
        raw: (n, classes), by the vectors alone, not calibrated.
        skipped: What has no text or no label.
        notes: On labels that are not learnt.
    """

    probabilities: FloatArray
    truth: Ints
    raw: FloatArray
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


def test_model(model: TextModel, aside: Labelled) -> Tested:
    """Classify data that was not learnt from; labels that are not learnt are left out."""
    known = set(model.labels)
    counts = Counter(label for label in aside.labels if label not in known)
    notes = tuple(
        f"held out: label {label} is not learnt; texts left out: {n}"
        for label, n in sorted(counts.items())
    )
    kept = aside.select([i for i, label in enumerate(aside.labels) if label in known])
    if not len(kept):
        raise InvalidInputError(
            f"no text to measure with has a label that is learnt: {', '.join(model.labels)}; "
            f"given are {', '.join(aside.classes)}. Name them alike."
        )
    texts = cut_texts(kept.items)
    vectors = model.encoder.encode(texts)
    heads = model.heads
    raw = to_probabilities(heads.vectors.logits(vectors), ordered=heads.pool.ordered)
    truth = number_labels(kept.labels, model.labels)
    return Tested(heads.probabilities(vectors, texts), truth, raw, aside.skipped, notes)


def measure_control(data: Examples, seed: int) -> float:
    """Return the accuracy of heads fitted to shuffled labels, each on a fifth held out.

    As many shuffles, up to twenty, as it takes to hold out 400 examples in all.
    """
    rng, right = np.random.default_rng([seed, 2]), []
    n = min(len(data.y), _CONTROL)
    cut = max(1, n // _FOLDS)
    for _ in range(min(_SHUFFLES, math.ceil(_CONTROL / _FOLDS / cut))):
        some = rng.permutation(len(data.y))[:n]
        held, train = some[:cut], some[cut:]
        shuffled = replace(data, y=rng.permutation(data.y))
        if len(np.unique(shuffled.y[train])) > 1:
            head = fit_vectors(shuffled, train, strength=1.0, named=False)
            likely = to_probabilities(head.logits(data.vectors[held]), ordered=data.ordered)
            right.append(float((likely.argmax(axis=1) == data.y[held]).mean()))
    return float(np.mean(right)) if right else float("nan")
