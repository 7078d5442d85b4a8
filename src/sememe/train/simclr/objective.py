"""What a step of SimCLR learns from: two views of each picture, drawn by the seed and the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.train.base.torch_loop import Objective, shuffle_rows
from sememe.train.data.augment import normalise, scale_pixels, view
from sememe.train.simclr.loss import nt_xent
from sememe.train.simclr.monitor import Figures, Monitor, warn_of_collapse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.image.preprocess import Preprocess
    from sememe.train.base.device import Compute
    from sememe.train.data.augment import Augmentation

_ENCODED = 256  # pictures at once


@dataclass(frozen=True, kw_only=True)
class SimCLRObjective(Objective[Figures]):
    """SimCLR's network and head, its pictures, and what its features are measured by.

    Attributes:
        network: Pictures to features.
        head: Features to the projections that the loss compares; thrown away in the end.
        pixels: (n, size, size, 3) uint8.
        preprocess: How pictures are made; its mean and deviation normalise the views.
        augmentation: How much views differ.
        monitor: What evaluates the features.
        batch_size: Pictures a step; each gives two views.
        temperature, seed: As `SimCLRTraining` has them.
        second: Which pictures the second views are of, by those of the first: the same.
        compute: The device and the precision.
    """

    metric = "kNN accuracy"
    figures_type = Figures

    network: Any
    head: Any
    pixels: NDArray[np.uint8]
    preprocess: Preprocess
    augmentation: Augmentation
    monitor: Monitor
    batch_size: int
    temperature: float
    seed: int
    second: Callable[[NDArray[np.int64]], NDArray[np.int64]]
    compute: Compute

    @property
    def modules(self) -> dict[str, Any]:
        """The network and its head."""
        return {"network": self.network, "head": self.head}

    def batch(self, step: int) -> dict[str, Any]:
        """Return the views of a step, the first ones of all pictures, then the second ones."""
        import torch

        first = shuffle_rows(len(self.pixels), self.batch_size, step, seed=self.seed)
        first = self.compute.share(self.compute.even(first))  # (B,)
        rng = self.compute.rng(self.seed, 1, step)
        views = [
            view(self.pixels[rows], self.augmentation, rng) for rows in (first, self.second(first))
        ]
        return {"views": self._normalised(torch.cat(views))}  # (2B, 3, size, size)

    def loss(self, batch: dict[str, Any], step: int) -> Any:
        """Return the loss of a step's views."""
        with self.compute.autocast():
            z = self.head(self.network(batch["views"]))  # (2B, projection)
        first, second = (self.compute.gather(part) for part in z.chunk(2))  # (all B, projection)
        return nt_xent(first, second, temperature=self.temperature)

    def evaluate(self, step: int) -> Figures:
        """Measure the features; see `Figures`."""
        return self.monitor.evaluate(step, self.encode)

    def value(self, figures: Figures) -> float | None:
        """Return the accuracy of neighbours."""
        return figures.knn

    def check(self, figures: Sequence[Figures]) -> None:
        """Warn once when the effective rank has fallen."""
        warn_of_collapse(figures)

    def describe(self, figures: Figures) -> str:
        """Return the rank, and the accuracy of neighbours."""
        near = f", neighbours {figures.knn:.3f}" if figures.knn is not None else ""
        return f"rank {figures.rank:.1f}{near}"

    def encode(self, pixels: NDArray[np.uint8]) -> FloatArray:
        """Return the features of pictures as they are: (n, dim) float32."""
        rows = []
        for start in range(0, len(pixels), _ENCODED):
            pictures = self._normalised(scale_pixels(pixels[start : start + _ENCODED]))
            rows.append(self.network(self.compute.put(pictures)).cpu().numpy())
        return np.concatenate(rows)

    def _normalised(self, pictures: Any) -> Any:
        import torch

        found = normalise(pictures, self.preprocess)
        return found.contiguous(memory_format=torch.channels_last)
