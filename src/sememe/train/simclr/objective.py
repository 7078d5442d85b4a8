"""The loop of SimCLR: two views of each picture, one step, and now and then a look.

What a step does is a function of the seed, of its number and of the state before it, so that a run
that goes on after a kill comes out the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._progress import progress
from sememe.train.base.curve import Curve, Plan
from sememe.train.base.torch_state import keep_state, take_state
from sememe.train.data.augment import scaled, view
from sememe.train.simclr.loss import nt_xent
from sememe.train.simclr.monitor import Figures, Watch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.image.preprocess import Preprocess
    from sememe.train.data.augment import Augmentation
    from sememe.train.simclr.monitor import Labelled

_ENCODED = 256  # pictures at once


@dataclass(frozen=True)
class Learner:
    """What learns, and how.

    Attributes:
        network: Pictures to features.
        head: Features to the projections that the loss compares; thrown away in the end.
        preprocess: How pictures are made; its mean and deviation normalise the views.
        augmentation: How much views differ.
        plan: How many steps, and when to look.
        batch_size: Pictures a step; each gives two views.
        learning_rate, weight_decay, warmup, temperature, precision, seed: As `SimCLRTraining` has
            them.
        second: Which pictures the second views are of, by those of the first: the same.
    """

    network: Any
    head: Any
    preprocess: Preprocess
    augmentation: Augmentation
    plan: Plan
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: float
    temperature: float
    precision: str
    seed: int
    second: Callable[[NDArray[np.int64]], NDArray[np.int64]]

    def run(
        self,
        pixels: NDArray[np.uint8],
        labelled: Labelled | None,
        folder: Path,
        *,
        show_progress: bool = False,
    ) -> tuple[Curve, tuple[Figures, ...]]:
        """Train, from the last whole state in the folder if there is one.

        pixels: (n, size, size, 3) uint8. labelled: Pictures to measure with; never trained on.

        Raises:
            FloatingPointError: The loss is no number any more; the message says what to change.
            CorruptFileError: The state in the folder is damaged.
        """
        import torch

        modules = {"network": self.network, "head": self.head}
        optimiser = self._optimiser()
        kept = take_state(folder, modules, optimiser)
        done = int(kept.get("step", 0))
        losses = [(int(step), float(loss)) for step, loss in kept.get("losses", ())]
        watch = Watch(pixels, labelled, [Figures(**one) for one in kept.get("figures", ())])
        begun, total, since = time.perf_counter(), 0.0, 0
        with progress("steps", total=self.plan.steps, show=show_progress) as advance, _apart():
            if not done:
                watch.look(0, self.encode)
            for step in range(done, self.plan.steps):
                torch.manual_seed(self.seed + 1_000_003 * step)  # of dropout, where there is any
                loss = self._step(pixels, step, optimiser)
                if not math.isfinite(loss):
                    raise FloatingPointError(
                        f"the loss is no number at step {step + 1}: training diverged. Give a "
                        "lower learning rate, or a longer warm-up."
                    )
                total, since, done = total + loss, since + 1, step + 1
                if done % self.plan.log == 0 or done == self.plan.steps:
                    losses.append((done, total / since))
                    total, since = 0.0, 0
                if done % self.plan.every == 0 or done == self.plan.steps:
                    watch.look(done, self.encode)
                    figures = [asdict(one) for one in watch.figures]
                    document = {"losses": losses, "figures": figures}
                    keep_state(folder, done, modules, optimiser, document)
                advance(done, _told(losses, watch.figures))
        seconds = time.perf_counter() - begun
        resumed = int(kept.get("step", 0))
        return _curve(losses, watch, resumed=resumed, seconds=seconds), tuple(watch.figures)

    def encode(self, pixels: NDArray[np.uint8]) -> Any:
        """Return the features of pictures as they are: (n, dim) float32."""
        import torch

        training = self.network.training
        self.network.eval()
        with torch.no_grad():
            rows = [
                self.network(self._normalised(scaled(pixels[start : start + _ENCODED]))).numpy()
                for start in range(0, len(pixels), _ENCODED)
            ]
        self.network.train(training)
        return np.concatenate(rows)

    def _step(self, pixels: NDArray[np.uint8], step: int, optimiser: Any) -> float:
        """Take one step and return the loss."""
        import torch

        rate = self.learning_rate * schedule(step, self.plan.steps, warmup=self.warmup)
        for group in optimiser.param_groups:
            group["lr"] = rate
        first = self._rows(len(pixels), step)
        rng = np.random.default_rng([self.seed, 1, step])
        views = [view(pixels[rows], self.augmentation, rng) for rows in (first, self.second(first))]
        pictures = self._normalised(torch.cat(views))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16"):
            z = self.head(self.network(pictures))
        loss = nt_xent(z[: len(first)], z[len(first) :], temperature=self.temperature)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    def _rows(self, n: int, step: int) -> NDArray[np.int64]:
        """Return which pictures a step sees: each epoch all, but for the last part of a batch."""
        epoch, batch = divmod(step, n // self.batch_size)
        order = np.random.default_rng([self.seed, 0, epoch]).permutation(n)
        return order[batch * self.batch_size : (batch + 1) * self.batch_size]

    def _normalised(self, pictures: Any) -> Any:
        import torch

        mean, std = (torch.tensor(x) for x in (self.preprocess.mean, self.preprocess.std))
        found = (pictures - mean[:, None, None]) / std[:, None, None]
        return found.contiguous(memory_format=torch.channels_last)

    def _optimiser(self) -> Any:
        """Return AdamW; weights decay, and biases and what norms learn do not."""
        import torch

        parameters = [*self.network.parameters(), *self.head.parameters()]
        parameters = [p for p in parameters if p.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.learning_rate)


def schedule(step: int, steps: int, *, warmup: float) -> float:
    """Return the share of the highest step size: a line up, then half a cosine down to 0.

    >>> [round(schedule(step, 10, warmup=0.2), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


def _told(losses: list[tuple[int, float]], figures: list[Figures]) -> str:
    words = f"loss {losses[-1][1]:.3f}, " if losses else ""
    last = figures[-1]
    near = f", neighbours {last.knn:.3f}" if last.knn is not None else ""
    return f"{words}rank {last.rank:.1f}{near}"


def _curve(losses: list[tuple[int, float]], watch: Watch, *, resumed: int, seconds: float) -> Curve:
    near = tuple((one.step, one.knn) for one in watch.figures if one.knn is not None)
    return Curve(
        losses=tuple(losses),
        metrics=near,
        metric="kNN accuracy" if near else "",
        steps=watch.figures[-1].step,
        best_step=watch.figures[-1].step,
        resumed_at=resumed,
        seconds=seconds,
    )


@contextmanager
def _apart() -> Iterator[None]:
    """Leave torch's random numbers as they were."""
    import torch

    with torch.random.fork_rng(devices=[]):
        yield
