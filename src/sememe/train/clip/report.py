"""The report of a CLIP training: data, recall, and the curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sememe.evaluate.runners.image_retrieval import Retrieved
    from sememe.sources.datasets.image_text import ImageTexts
    from sememe.train.base.curve import Curve


@dataclass(frozen=True, slots=True)
class ClipReport:
    """What `fit` did.

    Attributes:
        n_images, n_texts, n_pairs: Size of the training data.
        n_held_out: Number of held-out pairs.
        curve: Losses, and the mean held-out recall@10 of texts and of images.
        recalls: On the held-out pairs, such as "text to image recall@10"; {} without any.
        control: The same with shuffled pairs: chance.
        temperature: Learnt divisor of cosines.
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

    def facts(self) -> dict[str, Any]:
        """Return the facts for sememe.json."""
        names = ("n_images", "n_texts", "n_pairs", "n_held_out", "recalls", "control", "notes")
        training = {name: getattr(self, name) for name in names}
        return {"scale": 1 / self.temperature, "training": training}


def make_report(
    data: ImageTexts, held: ImageTexts, retrieved: Retrieved, **more: Any
) -> ClipReport:
    """Return the report of a run. retrieved: Of the held-out pairs. more: Its other fields."""
    return ClipReport(
        n_images=len(np.unique(data.pairs[:, 0])),
        n_texts=len(np.unique(data.pairs[:, 1])),
        n_pairs=len(data.pairs),
        n_held_out=len(held.pairs),
        recalls=retrieved.metrics,
        control=retrieved.control,
        **more,
    )
