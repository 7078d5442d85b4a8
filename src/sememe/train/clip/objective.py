"""CLIP's objective: batches of images with a caption each, and recall on held-out pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.evaluate.runners.image_retrieval import Retrieved, retrieve
from sememe.train.base.torch_loop import Figure, FigureObjective
from sememe.train.clip.loss import clip_loss
from sememe.train.clip.network import MAX_LOGIT_SCALE, encode_images, encode_texts
from sememe.train.clip.pairs import METRIC, mean_recall
from sememe.train.data.augment import normalise, scale_pixels, view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.image.preprocess import Preprocess
    from sememe.train.base.device import Compute
    from sememe.train.data.augment import Augmentation

_ENCODED = 256  # images or texts at once


@dataclass(frozen=True, eq=False)
class Captioned:
    """Images, captions as ids, and their pairs.

    Attributes:
        pixels: (n, size, size, 3) uint8.
        ids, lengths: (m, tokens) int32 and (m,) int64; see `encode_padded`.
        pairs: (p, 3) int64: a row of pixels, a row of ids, and their group.
        columns: The column of each pair's caption, by which recall is reported.
    """

    pixels: NDArray[np.uint8]
    ids: NDArray[np.int32]
    lengths: NDArray[np.int64]
    pairs: NDArray[np.int64]
    columns: tuple[str, ...] = ()

    def tokens(self, rows: NDArray[np.int64]) -> Any:
        """Return the ids of captions, (rows, longest) int64."""
        import torch

        return torch.from_numpy(self.ids[rows, : self.lengths[rows].max()]).long()


class Batches:
    """The pairs of each step: in an epoch each image once, with one of its captions."""

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
        """Return the pairs of a step, (batch, 3)."""
        epoch, batch = divmod(step, self.per_epoch)
        rng = np.random.default_rng([self._seed, 0, epoch])
        order = rng.permutation(len(self._start))[batch * self._size : (batch + 1) * self._size]
        drawn = (rng.random(len(self._start))[order] * self._count[order]).astype(np.int64)
        pairs: NDArray[np.int64] = self._pairs[self._start[order] + drawn]
        return pairs

    def match(self, batch: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which captions match which images, (batch, batch).

        Those of the image's group, and those paired with it anywhere in the data.
        """
        keys = batch[:, 0][:, None] * self._n_texts + batch[:, 1][None]
        same_group = batch[:, 2][:, None] == batch[:, 2][None]
        near = np.searchsorted(self._known, keys).clip(max=len(self._known) - 1)
        matches: NDArray[np.bool_] = same_group | (self._known[near] == keys)
        return matches


@dataclass(frozen=True, kw_only=True)
class ClipObjective(FigureObjective):
    """CLIP's two towers, its training pairs, and the held-out pairs.

    Attributes:
        network: A CLIPModel.
        preprocess: Preprocessing of images; its mean and deviation normalise them.
        augmentation: How much an image changes from epoch to epoch.
        batches: The pairs of each step.
        data: Training data.
        held: Held-out data; may be without pairs.
        seed: See `ClipFromScratch`.
        compute: The device and the precision.
    """

    metric = METRIC

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
        """Return B images, a caption of each, and which captions match which images."""
        import torch

        pairs = self.compute.even(self.batches.of(step))
        own = self.compute.share(pairs)  # (B, 3)
        rng = self.compute.rng(self.seed, 1, step)
        images = view(self.data.pixels[own[:, 0]], self.augmentation, rng)
        return {
            "images": normalise(images, self.preprocess),  # (B, 3, size, size)
            "tokens": self.data.tokens(own[:, 1]),  # (B, longest)
            "right": torch.from_numpy(self.batches.match(pairs)),  # (all B, all B)
        }

    def loss(self, batch: dict[str, Any], step: int) -> Any:
        """Return the symmetric InfoNCE of a batch."""
        with self.compute.autocast():
            images = encode_images(self.network, batch["images"])
            texts = encode_texts(self.network, batch["tokens"])
        images, texts = (self.compute.gather(x.float()) for x in (images, texts))  # (all B, dim)
        return clip_loss(images, texts, self.network.logit_scale.exp(), batch["right"])

    def after_step(self) -> None:
        """Keep the temperature within the paper's limit."""
        import torch

        with torch.no_grad():
            self.network.logit_scale.clamp_(max=MAX_LOGIT_SCALE)

    def evaluate(self, step: int) -> Figure | None:
        """Measure recall on the held-out pairs, if there are any."""
        return Figure(step, mean_recall(self.retrieve())) if len(self.held.pairs) else None

    def retrieve(self) -> Retrieved:
        """Return the retrieval metrics of the held-out pairs."""
        if not len(self.held.pairs):
            return Retrieved({}, {})
        with self.compute.host(self.modules.values()):
            images, texts = self.encode(self.held)
        return retrieve(images, texts, self.held.pairs, self.held.columns, seed=self.seed)

    def encode(self, data: Captioned) -> tuple[FloatArray, FloatArray]:
        """Return unit rows of images (n, dim) and texts (m, dim); those in no pair are 0."""
        import torch

        def encode_column(column: int, n: int, encode: Any, make: Any) -> FloatArray:
            vectors = np.zeros((n, self.network.projection_dim), np.float32)
            used = np.unique(data.pairs[:, column])
            for start in range(0, len(used), _ENCODED):
                rows = used[start : start + _ENCODED]
                batch = self.compute.put(make(rows))
                vectors[rows] = encode(self.network, batch).cpu().numpy()
            return vectors

        def make_images(rows: NDArray[np.int64]) -> Any:
            return normalise(scale_pixels(data.pixels[rows]), self.preprocess)

        with torch.no_grad():
            images = encode_column(0, len(data.pixels), encode_images, make_images)
            return images, encode_column(1, len(data.ids), encode_texts, data.tokens)
