"""SimCLR's objective: two views of each image, drawn by the seed and the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.train.base.torch_loop import Objective, shuffle_rows
from sememe.train.data.augment import normalise, scale_pixels, view
from sememe.train.simclr.loss import nt_xent
from sememe.train.simclr.monitor import Figures, Monitor, warn_of_collapse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.image.preprocess import Preprocess
    from sememe.train.base.device import Compute
    from sememe.train.data.augment import Augmentation

_ENCODED = 256  # images at once


@dataclass(frozen=True, kw_only=True)
class SimCLRObjective(Objective[Figures]):
    """SimCLR's network and head, its images, and the metrics of its features.

    Attributes:
        network: Images to features.
        head: Features to the projections that the loss compares; discarded after training.
        pixels: (n, size, size, 3) uint8.
        preprocess: Preprocessing of images; its mean and deviation normalise the views.
        augmentation: How much views differ.
        monitor: Evaluates the features.
        batch_size: Images per step; each gives two views.
        temperature, seed: See `SimCLRTraining`.
        second: Rows of the images of the second views, given those of the first: the same.
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
        """Return the views of a step, the first ones of all images, then the second ones."""
        import torch

        first = shuffle_rows(len(self.pixels), self.batch_size, step, seed=self.seed)
        first = self.compute.share(self.compute.even(first))  # (B,)
        rng = self.compute.rng(self.seed, 1, step)
        views = [
            view(self.pixels[rows], self.augmentation, rng) for rows in (first, self.second(first))
        ]
        return {"views": self._normalize(torch.cat(views))}  # (2B, 3, size, size)

    def loss(self, batch: dict[str, Any], step: int) -> Any:
        """Return NT-Xent of a step's views."""
        with self.compute.autocast():
            z = self.head(self.network(batch["views"]))  # (2B, projection)
        first, second = (self.compute.gather(part) for part in z.chunk(2))  # (all B, projection)
        return nt_xent(first, second, temperature=self.temperature)

    def evaluate(self, step: int) -> Figures:
        """Measure the features; see `Figures`."""
        return self.monitor.evaluate(step, self.encode)

    def value(self, figures: Figures) -> float | None:
        """Return the kNN accuracy."""
        return figures.knn

    def check(self, figures: Sequence[Figures]) -> None:
        """Warn once when the effective rank has fallen."""
        warn_of_collapse(figures)

    def describe(self, figures: Figures) -> str:
        """Return the rank and the kNN accuracy."""
        knn = f", kNN {figures.knn:.3f}" if figures.knn is not None else ""
        return f"rank {figures.rank:.1f}{knn}"

    def encode(self, pixels: NDArray[np.uint8]) -> FloatArray:
        """Return the features of images without augmentation: (n, dim) float32."""
        rows = []
        for start in range(0, len(pixels), _ENCODED):
            images = self._normalize(scale_pixels(pixels[start : start + _ENCODED]))
            rows.append(self.network(self.compute.put(images)).cpu().numpy())
        return np.concatenate(rows)

    def _normalize(self, images: Any) -> Any:
        import torch

        return normalise(images, self.preprocess).contiguous(memory_format=torch.channels_last)
