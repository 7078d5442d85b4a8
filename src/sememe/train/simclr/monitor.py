"""What is measured of a network that learns from pictures without labels, while it learns.

Labels, where there are any, are used here alone and never to train: which are the 20 nearest
pictures, what a linear layer makes of the features. Without labels the effective rank is left: how
many directions the features use. When it falls the network is collapsing: it answers every picture
alike, and its loss does not always tell.
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
_RANKED = 2000  # pictures whose effective rank is taken
_BANK, _ASKED = 20_000, 5000  # pictures that are known, and asked about, at most
_RAW = 64  # pixels of a side, at most, where pixels themselves are compared


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured after a step; 0 is before training.

    Attributes:
        step: Steps taken.
        rank: Effective rank of the features of pictures trained on.
        knn: Share of pictures whose 20 nearest, by vote, have their label; None without labels.
        probe: Accuracy of a linear layer on the features; None without labels.
    """

    step: int
    rank: float
    knn: float | None = None
    probe: float | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures whose classes are known: those that are shown, and those that are asked about.

    Attributes:
        bank: (n, size, size, 3) uint8.
        bank_labels: (n,) numbers of their classes.
        asked: (m, size, size, 3) uint8.
        asked_labels: (m,)
        classes: Their names.
    """

    bank: NDArray[np.uint8]
    bank_labels: NDArray[np.int64]
    asked: NDArray[np.uint8]
    asked_labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def raw(self) -> float:
        """Return the accuracy of neighbours by the pixels, less their mean: a control."""
        step = -(-self.bank.shape[1] // _RAW)
        bank, asked = (
            x[:, ::step, ::step].reshape(len(x), -1).astype(np.float32)
            for x in (self.bank, self.asked)
        )
        mean = bank.mean(0)
        return knn_accuracy(bank - mean, self.bank_labels, asked - mean, self.asked_labels, k=K)


def labelled_pictures(labelled: Pictures, trained_on: Pictures) -> Labelled:
    """Return the pictures of known classes, divided into shown ones and asked ones.

    Classes are the topmost folders. Where the pictures trained on lie in folders of the same names
    they are shown, and all others are asked about; else every second of each class is shown.

    Raises:
        InvalidInputError: Not two classes of two pictures each.
    """
    names = labelled.classes()
    classes = tuple(sorted(set(names) - {""}))
    own = np.array([classes.index(name) if name else -1 for name in names], np.int64)
    counts = [int((own == i).sum()) for i in range(len(classes))]
    if len(classes) < 2 or min(counts) < 2:
        raise InvalidInputError(
            f"the labelled pictures lie in {len(classes)} folders with "
            f"{min(counts, default=0)} pictures or more; give two folders or more, each a class, "
            "with two readable pictures or more."
        )
    known = trained_on.classes()
    if set(classes) <= set(known):
        shown = np.array([classes.index(name) if name in classes else -1 for name in known])
        bank, asked = _some(shown, _BANK), _some(own, _ASKED)
        return Labelled(
            trained_on.pixels[bank], shown[bank], labelled.pixels[asked], own[asked], classes
        )
    places = [np.flatnonzero(own == i) for i in range(len(classes))]
    bank = np.sort(np.concatenate([found[::2] for found in places]))
    asked = np.sort(np.concatenate([found[1::2] for found in places]))
    pixels = labelled.pixels
    return Labelled(pixels[bank], own[bank], pixels[asked], own[asked], classes)


class Monitor:
    """Measures the features of a network."""

    def __init__(self, trained_on: NDArray[np.uint8], labelled: Labelled | None) -> None:
        """Take the pictures trained on, (n, size, size, 3), and labelled ones to measure with."""
        self.labelled = labelled
        self._ranked = np.asarray(trained_on[_some(np.zeros(len(trained_on)), _RANKED)])

    def evaluate(self, step: int, encode: Encode) -> Figures:
        """Measure what `encode` makes of pictures.

        Raises:
            FloatingPointError: The features are not finite.
        """
        rows = encode(self._ranked)
        if not np.isfinite(rows).all():
            raise make_divergence_error("features are NaN or infinite", step)
        rank = effective_rank(rows)
        knn = probe = None
        if (known := self.labelled) is not None:
            bank, asked = encode(known.bank), encode(known.asked)
            knn = knn_accuracy(bank, known.bank_labels, asked, known.asked_labels, k=K)
            probe = linear_probe(bank, known.bank_labels, asked, known.asked_labels)
        return Figures(step, rank, knn, probe)


def warn_of_collapse(figures: Sequence[Figures]) -> None:
    """Warn if the last of the figures is the first to show a collapse."""
    if (told := collapse(figures)) and not collapse(figures[:-1]):
        warnings.warn(told, RuntimeWarning, stacklevel=2)


def collapse(figures: Sequence[Figures]) -> str:
    """Return a note where the effective rank fell below half of what it was, else "".

    >>> collapse([Figures(0, 9.0), Figures(50, 30.0), Figures(100, 3.0)])[:50]
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


def _some(labels: Any, most: int) -> NDArray[np.int64]:
    """Return the places of labels that are known, evenly thinned to `most`."""
    places = np.flatnonzero(np.asarray(labels) >= 0)
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).astype(np.int64)]
