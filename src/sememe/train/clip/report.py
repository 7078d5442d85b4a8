"""What a CLIP training gave: examples, recall, and the curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sememe.evaluate.runners.image_retrieval import Retrieved
    from sememe.sources.datasets.image_text import ImageTexts
    from sememe.train.base.curve import Curve


@dataclass(frozen=True, slots=True)
class ClipReport:
    """What `fit` did.

    Attributes:
        n_images, n_texts, n_pairs: What was trained on.
        n_held_out: Pairs held out.
        curve: Losses, and on the pairs held out the mean of recall@10 of texts and of images.
        recalls: On the pairs held out, as "text to image recall@10" -> its mean; {} without.
        control: The same where what is right was dealt to others: chance.
        temperature: What divides cosines, as it was learnt.
        notes: What was left out of the data.
    """

    n_images: int
    n_texts: int
    n_pairs: int
    n_held_out: int
    curve: Curve
    recalls: dict[str, float]
    control: dict[str, float]
    temperature: float
    notes: tuple[str, ...]


def clip_report(
    data: ImageTexts,
    held: ImageTexts,
    found: Retrieved,
    *,
    curve: Curve,
    temperature: float,
    notes: Iterable[str],
) -> ClipReport:
    """Return the report of a run. found: How the pairs held out find one another."""
    return ClipReport(
        n_images=len(np.unique(data.pairs[:, 0])),
        n_texts=len(np.unique(data.pairs[:, 1])),
        n_pairs=len(data.pairs),
        n_held_out=len(held.pairs),
        curve=curve,
        recalls=found.metrics,
        control=found.control,
        temperature=temperature,
        notes=tuple(notes),
    )
