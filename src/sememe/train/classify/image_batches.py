"""Pictures as fine-tuning has them: decoded in threads, lightly varied to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.sources.media.image_decoding import open_image
from sememe.train.data.augment import Augmentation, normalise, scale_pixels, view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.classify.image_network import Trainable

_LIGHT = Augmentation(crop=0.5, colour=0.2, jitter=0.5, grey=0.0, blur=0.0)
_THREADS = 4  # that decode


@dataclass(frozen=True)
class TunablePictures:
    """A network that names classes of pictures; see `sememe.train.classify.objective.Tunable`."""

    network: Trainable
    asked_at_once: int = 64

    @property
    def module(self) -> Any:
        """Of torch, which is trained."""
        return self.network.module

    def batch(self, items: Sequence[Any], rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Decode pictures; rng: they are varied by it, to learn from."""
        pixels = self._pixels(items)
        pictures = scale_pixels(pixels) if rng is None else view(pixels, _LIGHT, rng)
        return {"pictures": normalise(pictures, self.network.preprocess)}  # (B, 3, size, size)

    def logits(self, batch: dict[str, Any]) -> Any:
        """Return (n, classes) before the softmax."""
        return self.module(batch["pictures"])[-1]

    def _pixels(self, items: Sequence[Any]) -> NDArray[np.uint8]:
        """Decode pictures, in threads: (n, size, size, 3)."""
        make = self.network.preprocess.pixels
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="sememe-pictures") as pool:
            return np.stack(list(pool.map(lambda item: make(open_image(item)), items)))
