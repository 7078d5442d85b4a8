"""Metrics of self-supervised image features during training.

With labels, which are never trained on: accuracy of 20 nearest neighbours and of a linear probe.
Always: the effective rank, the number of directions that the features use. When it falls the
features are collapsing, which the loss does not always show.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.evaluate.metrics.representation import effective_rank, knn_accuracy, linear_probe
from sememe.train.base.curve import make_divergence_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.train.data.images import Pictures

    Encode = Callable[[NDArray[np.uint8]], FloatArray]

K = 20  # neighbours that vote
_RANKED = 2000  # images whose effective rank is measured
_MAX_BANK, _MAX_ASKED = 20_000, 5000  # images
_RAW = 64  # pixels of a side, at most, where pixels themselves are compared


@dataclass(frozen=True, slots=True)
class Figures:
    """Metrics after a step; 0 is before training.

    Attributes:
        step: Steps taken.
        rank: Effective rank of the features of training images.
        knn: Accuracy of a vote of the 20 nearest neighbours; None without labels.
        probe: Accuracy of a linear layer on the features; None without labels.
    """

    step: int
    rank: float
    knn: float | None = None
    probe: float | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labelled images: a bank to compare with, and those asked about.

    Attributes:
        bank: (n, size, size, 3) uint8.
        bank_labels: (n,) numbers of their classes.
        asked: (m, size, size, 3) uint8.
        asked_labels: (m,)
    """

    bank: NDArray[np.uint8]
    bank_labels: NDArray[np.int64]
    asked: NDArray[np.uint8]
    asked_labels: NDArray[np.int64]

    def score_pixels(self) -> float:
        """Return the kNN accuracy of centred pixels: a control."""
        step = -(-self.bank.shape[1] // _RAW)
        bank, asked = (
            x[:, ::step, ::step].reshape(len(x), -1).astype(np.float32)
            for x in (self.bank, self.asked)
        )
        mean = bank.mean(0)
        return knn_accuracy(bank - mean, self.bank_labels, asked - mean, self.asked_labels, k=K)


def split_labelled(labelled: Pictures, trained_on: Pictures) -> Labelled:
    """Split labelled images into a bank and images asked about.

    Classes are the topmost folders. Where the training images are in folders of the same names they
    are the bank, and all labelled ones are asked about; else every second one of each class is in
    the bank.

    Raises:
        InvalidInputError: Not two classes of two images each.
    """
    names = labelled.classes()
    classes = tuple(sorted(set(names) - {""}))
    own = np.array([classes.index(name) if name else -1 for name in names], np.int64)
    counts = [int((own == i).sum()) for i in range(len(classes))]
    if len(classes) < 2 or min(counts) < 2:
        raise InvalidInputError(
            f"the labelled images are in {len(classes)} folders with "
            f"{min(counts, default=0)} images or more; give two folders or more, each a class, "
            "with two readable images or more."
        )
    known = trained_on.classes()
    if set(classes) <= set(known):
        bank_labels = np.array([classes.index(name) if name in classes else -1 for name in known])
        pixels = trained_on.pixels
        bank, asked = _sample(bank_labels, _MAX_BANK), _sample(own, _MAX_ASKED)
    else:
        bank_labels, pixels = own, labelled.pixels
        rows = [np.flatnonzero(own == i) for i in range(len(classes))]
        bank = np.sort(np.concatenate([one[::2] for one in rows]))
        asked = np.sort(np.concatenate([one[1::2] for one in rows]))
    return Labelled(pixels[bank], bank_labels[bank], labelled.pixels[asked], own[asked])


class Monitor:
    """Measures the features of a network."""

    def __init__(self, trained_on: NDArray[np.uint8], labelled: Labelled | None) -> None:
        """Take the training images, (n, size, size, 3), and labelled ones to measure with."""
        self.labelled = labelled
        self._ranked = np.asarray(trained_on[_sample(np.zeros(len(trained_on)), _RANKED)])

    def evaluate(self, step: int, encode: Encode) -> Figures:
        """Measure the features that `encode` gives; raise FloatingPointError if not finite."""
        rows = encode(self._ranked)
        if not np.isfinite(rows).all():
            raise make_divergence_error("features are NaN or infinite", step)
        rank = effective_rank(rows)
        if (known := self.labelled) is None:
            return Figures(step, rank)
        bank, asked = encode(known.bank), encode(known.asked)
        knn = knn_accuracy(bank, known.bank_labels, asked, known.asked_labels, k=K)
        probe = linear_probe(bank, known.bank_labels, asked, known.asked_labels)
        return Figures(step, rank, knn, probe)


def warn_of_collapse(figures: Sequence[Figures]) -> None:
    """Warn if the last of the figures is the first to show a collapse."""
    if (note := note_collapse(figures)) and not note_collapse(figures[:-1]):
        warnings.warn(note, RuntimeWarning, stacklevel=2)


def note_collapse(figures: Sequence[Figures]) -> str:
    """Return a note if the effective rank fell below half of its maximum, else "".

    >>> note_collapse([Figures(0, 9.0), Figures(50, 30.0), Figures(100, 3.0)])[:50]
    'the effective rank fell from 30.0 to 3.0 by step 1'
    """
    highest = 0.0
    for one in figures:
        if one.rank < highest / 2:
            return (
                f"the effective rank fell from {highest:.1f} to {one.rank:.1f} by step {one.step}: "
                "the features collapse onto few directions. Give a lower learning rate, a larger "
                "batch or a lower temperature"
            )
        highest = max(highest, one.rank)
    return ""


def _sample(labels: Any, limit: int) -> NDArray[np.int64]:
    """Return the rows of known labels, evenly thinned to the limit."""
    rows = np.flatnonzero(np.asarray(labels) >= 0)
    if len(rows) <= limit:
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).astype(np.int64)]
