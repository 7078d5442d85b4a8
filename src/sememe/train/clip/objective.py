"""What a step of CLIP learns from: a batch of pictures with a caption each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.evaluate.runners.image_retrieval import Retrieved, retrieve
from sememe.train.base.torch_loop import Figure, Objective
from sememe.train.clip.loss import clip_loss
from sememe.train.clip.network import HOTTEST, image_rows, text_rows
from sememe.train.clip.pairs import FIGURE, figure
from sememe.train.data.augment import normalise, scale_pixels, view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.image.preprocess import Preprocess
    from sememe.train.base.device import Compute
    from sememe.train.data.augment import Augmentation

_ENCODED = 256  # pictures or texts at once


@dataclass(frozen=True, eq=False)
class Captioned:
    """Pictures, captions as ids, and which belong together.

    Attributes:
        pixels: (n, size, size, 3) uint8.
        ids, lengths: (m, tokens) int32 and (m,) int64; see `token_rows`.
        pairs: (p, 3) int64: a row of pixels, a row of ids, and their group.
        columns: The column of each pair's caption, by which recall is reported.
    """

    pixels: NDArray[np.uint8]
    ids: NDArray[np.int32]
    lengths: NDArray[np.int64]
    pairs: NDArray[np.int64]
    columns: tuple[str, ...] = ()

    def tokens(self, rows: NDArray[np.int64]) -> Any:
        """Return the ids of some captions, as far as the longest of them goes."""
        import torch

        return torch.from_numpy(self.ids[rows, : self.lengths[rows].max()]).long()


class Batches:
    """Which pairs a step sees: in an epoch each picture once, with one of its captions."""

    def __init__(self, pairs: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self._pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        _, self._start, self._count = np.unique(
            self._pairs[:, 0], return_index=True, return_counts=True
        )
        self._size = min(batch_size, len(self._start))
        self._seed = seed
        self._n_texts = int(pairs[:, 1].max()) + 1
        self._known = np.unique(pairs[:, 0] * self._n_texts + pairs[:, 1])

    @property
    def per_epoch(self) -> int:
        """Whole batches in an epoch."""
        return max(1, len(self._start) // self._size)

    def of(self, step: int) -> NDArray[np.int64]:
        """Return (batch, 3) the pairs of a step."""
        epoch, batch = divmod(step, self.per_epoch)
        rng = np.random.default_rng([self._seed, 0, epoch])
        order = rng.permutation(len(self._start))[batch * self._size : (batch + 1) * self._size]
        drawn = (rng.random(len(self._start))[order] * self._count[order]).astype(np.int64)
        found: NDArray[np.int64] = self._pairs[self._start[order] + drawn]
        return found

    def right(self, batch: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return (batch, batch) which captions are right for which pictures.

        Those of the picture's own group, and those that are said of it anywhere in the data.
        """
        keys = batch[:, 0][:, None] * self._n_texts + batch[:, 1][None]
        alike = batch[:, 2][:, None] == batch[:, 2][None]
        near = np.searchsorted(self._known, keys).clip(max=len(self._known) - 1)
        found: NDArray[np.bool_] = alike | (self._known[near] == keys)
        return found


@dataclass(frozen=True, kw_only=True)
class ClipObjective(Objective[Figure]):
    """CLIP's two towers, the pairs they learn from, and the pairs held out.

    Attributes:
        network: A CLIPModel.
        preprocess: How pictures are made; its mean and deviation normalise them.
        augmentation: How much a picture changes from epoch to epoch.
        batches: Which pairs a step sees.
        data: What is trained on.
        held: What is measured on; without pairs nothing is.
        seed: As `ClipFromScratch` has it.
        compute: The device and the precision.
    """

    metric = FIGURE
    figures_type = Figure

    network: Any
    preprocess: Preprocess
    augmentation: Augmentation
    batches: Batches
    data: Captioned
    held: Captioned
    seed: int
    compute: Compute

    @property
    def modules(self) -> dict[str, Any]:
        """Both towers and the temperature."""
        return {"network": self.network}

    def batch(self, step: int) -> dict[str, Any]:
        """Return B pictures, a caption of each, and which captions are right for which."""
        import torch

        pairs = self.compute.even(self.batches.of(step))
        own = self.compute.share(pairs)  # (B, 3)
        rng = self.compute.rng(self.seed, 1, step)
        pictures = view(self.data.pixels[own[:, 0]], self.augmentation, rng)
        return {
            "pictures": normalise(pictures, self.preprocess),  # (B, 3, size, size)
            "tokens": self.data.tokens(own[:, 1]),  # (B, longest)
            "right": torch.from_numpy(self.batches.right(pairs)),  # (all B, all B)
        }

    def loss(self, batch: dict[str, Any], step: int) -> Any:
        """Return the symmetric InfoNCE of a batch."""
        with self.compute.autocast():
            images = image_rows(self.network, batch["pictures"])
            texts = text_rows(self.network, batch["tokens"])
        images, texts = (self.compute.gather(x.float()) for x in (images, texts))  # (all B, dim)
        return clip_loss(images, texts, self.network.logit_scale.exp(), batch["right"])

    def after_step(self) -> None:
        """Keep the temperature within the paper's limit."""
        import torch

        with torch.no_grad():
            self.network.logit_scale.clamp_(max=HOTTEST)

    def evaluate(self, step: int) -> Figure | None:
        """Measure recall on the pairs held out, where there are any."""
        return Figure(step, figure(self.retrieve())) if len(self.held.pairs) else None

    def value(self, figures: Figure) -> float:
        """Return the recall."""
        return figures.value

    def retrieve(self) -> Retrieved:
        """Return how the pairs held out find one another."""
        if not len(self.held.pairs):
            return Retrieved({}, {})
        with self.compute.host(self.modules.values()):
            images, texts = self.encode(self.held)
        return retrieve(images, texts, self.held.pairs, self.held.columns, seed=self.seed)

    def encode(self, data: Captioned) -> tuple[FloatArray, FloatArray]:
        """Return (n, dim) and (m, dim) unit rows of what the pairs name; the other rows are 0."""
        import torch

        images, texts = (
            np.zeros((len(items), self.network.projection_dim), np.float32)
            for items in (data.pixels, data.ids)
        )
        with torch.no_grad():
            for rows in _blocks(data.pairs[:, 0]):
                pictures = normalise(scale_pixels(data.pixels[rows]), self.preprocess)
                images[rows] = image_rows(self.network, self.compute.put(pictures)).cpu().numpy()
            for rows in _blocks(data.pairs[:, 1]):
                ids = self.compute.put(data.tokens(rows))
                texts[rows] = text_rows(self.network, ids).cpu().numpy()
        return images, texts


def _blocks(column: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows that a column names, each once, in parts."""
    rows = np.unique(column)
    return [rows[start : start + _ENCODED] for start in range(0, len(rows), _ENCODED)]
