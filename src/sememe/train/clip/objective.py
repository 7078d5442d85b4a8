"""The loop of CLIP: a batch of pictures with a caption each, one step, and now and then a look.

What a step does is a function of the seed, of its number and of the state before it, so that a run
that goes on after a kill comes out the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._progress import progress
from sememe.train.base.curve import Curve, Plan
from sememe.train.base.torch_state import keep_state, take_state
from sememe.train.clip.loss import clip_loss
from sememe.train.clip.network import HOTTEST, image_rows, text_rows
from sememe.train.data.augment import scaled, view
from sememe.train.simclr.objective import schedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.image.preprocess import Preprocess
    from sememe.train.data.augment import Augmentation

_ENCODED = 256  # pictures or texts at once
_BETAS, _EPSILON = (0.9, 0.98), 1e-6  # of Adam, the paper's table 18


@dataclass(frozen=True, eq=False)
class Captioned:
    """Pictures, captions as ids, and which belong together.

    Attributes:
        pixels: (n, size, size, 3) uint8.
        ids, lengths: (m, tokens) int32 and (m,) int64; see `token_rows`.
        pairs: (p, 3) int64: a row of pixels, a row of ids, and their group.
    """

    pixels: NDArray[np.uint8]
    ids: NDArray[np.int32]
    lengths: NDArray[np.int64]
    pairs: NDArray[np.int64]


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


@dataclass(frozen=True)
class Learner:
    """What learns, and how.

    Attributes:
        network: A CLIPModel.
        preprocess: How pictures are made; its mean and deviation normalise them.
        augmentation: How much a picture changes from epoch to epoch.
        plan: How many steps, and when to look.
        batches: Which pairs a step sees.
        learning_rate, weight_decay, warmup, seed: As `ClipFromScratch` has them.
    """

    network: Any
    preprocess: Preprocess
    augmentation: Augmentation
    plan: Plan
    batches: Batches
    learning_rate: float
    weight_decay: float
    warmup: float
    seed: int

    def run(
        self,
        data: Captioned,
        measure: Callable[[], float] | None,
        folder: Path,
        *,
        metric: str,
        show_progress: bool = False,
    ) -> Curve:
        """Train, from the last whole state in the folder if there is one.

        measure: A figure of the network as it is, called `metric`; higher is better.

        Raises:
            FloatingPointError: The loss is no number any more; the message says what to change.
            CorruptFileError: The state in the folder is damaged.
        """
        modules, optimiser = {"network": self.network}, self._optimiser()
        kept = take_state(folder, modules, optimiser)
        resumed = done = int(kept.get("step", 0))
        losses, metrics = (_points(kept.get(name, ())) for name in ("losses", "metrics"))
        begun, total, since = time.perf_counter(), 0.0, 0

        def look() -> None:
            if measure is not None:
                metrics.append((done, measure()))

        with progress("steps", total=self.plan.steps, show=show_progress) as advance:
            if not done:
                look()
            for step in range(done, self.plan.steps):
                total, since, done = total + self._step(data, step, optimiser), since + 1, step + 1
                if done % self.plan.log == 0 or done == self.plan.steps:
                    losses.append((done, total / since))
                    total, since = 0.0, 0
                if done % self.plan.every == 0 or done == self.plan.steps:
                    look()
                    document = {"losses": losses, "metrics": metrics}
                    keep_state(folder, done, modules, optimiser, document)
                advance(done, _told(losses, metrics, metric))
        return Curve(
            losses=tuple(losses),
            metrics=tuple(metrics),
            metric=metric if metrics else "",
            steps=done,
            best_step=done,
            resumed_at=resumed,
            seconds=time.perf_counter() - begun,
        )

    def encode(self, data: Captioned) -> tuple[FloatArray, FloatArray]:
        """Return (n, dim) and (m, dim) unit rows of what the pairs name; the other rows are 0."""
        import torch

        images, texts = (
            np.zeros((len(items), self.network.projection_dim), np.float32)
            for items in (data.pixels, data.ids)
        )
        self.network.eval()
        with torch.no_grad():
            for rows in _blocks(data.pairs[:, 0]):
                pictures = self._normalised(scaled(data.pixels[rows]))
                images[rows] = image_rows(self.network, pictures).numpy()
            for rows in _blocks(data.pairs[:, 1]):
                texts[rows] = text_rows(self.network, _cut(data, rows)).numpy()
        self.network.train()
        return images, texts

    def _step(self, data: Captioned, step: int, optimiser: Any) -> float:
        """Take one step and return the loss."""
        import torch

        for group in optimiser.param_groups:
            group["lr"] = self.learning_rate * schedule(step, self.plan.steps, warmup=self.warmup)
        batch = self.batches.of(step)
        rng = np.random.default_rng([self.seed, 1, step])
        pictures = view(data.pixels[batch[:, 0]], self.augmentation, rng)
        images = image_rows(self.network, self._normalised(pictures))
        texts = text_rows(self.network, _cut(data, batch[:, 1]))
        right = torch.from_numpy(self.batches.right(batch))
        loss = clip_loss(images, texts, self.network.logit_scale.exp(), right)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is no number at step {step + 1}: training diverged. Give a lower "
                "learning rate, or a longer warm-up."
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            self.network.logit_scale.clamp_(max=HOTTEST)
        return value

    def _normalised(self, pictures: Any) -> Any:
        import torch

        mean, std = (torch.tensor(x) for x in (self.preprocess.mean, self.preprocess.std))
        return (pictures - mean[:, None, None]) / std[:, None, None]

    def _optimiser(self) -> Any:
        """Return AdamW; weights decay, and biases, gains and the temperature do not."""
        import torch

        parameters = list(self.network.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.learning_rate, betas=_BETAS, eps=_EPSILON)


def _cut(data: Captioned, rows: NDArray[np.int64]) -> Any:
    """Return the ids of some captions, as far as the longest of them goes."""
    import torch

    return torch.from_numpy(data.ids[rows, : data.lengths[rows].max()]).long()


def _blocks(column: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows that a column names, each once, in parts."""
    rows = np.unique(column)
    return [rows[start : start + _ENCODED] for start in range(0, len(rows), _ENCODED)]


def _points(found: Any) -> list[tuple[int, float]]:
    return [(int(step), float(value)) for step, value in found]


def _told(losses: list[tuple[int, float]], metrics: list[tuple[int, float]], metric: str) -> str:
    words = [f"loss {losses[-1][1]:.3f}"] if losses else []
    return ", ".join([*words, *(f"{metric} {value:.3f}" for _, value in metrics[-1:])])
