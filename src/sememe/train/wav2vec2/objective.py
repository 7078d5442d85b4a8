"""The loop of wav2vec 2.0: hide frames of a batch, one step, and now and then a look.

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
from sememe.train.base.torch_loop import warmup_cosine
from sememe.train.base.torch_state import keep_state, take_state
from sememe.train.wav2vec2.loss import hidden_loss
from sememe.train.wav2vec2.masking import hidden_spans, negatives
from sememe.train.wav2vec2.monitor import Figures, warn_of
from sememe.train.wav2vec2.network import n_frames

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.train.wav2vec2.batches import Crops
    from sememe.train.wav2vec2.loss import Loss

    Probe = Callable[[Any], tuple[tuple[float, ...], int]]

_MEASURED = 60.0  # seconds of sound, at most, that each look measures with
_COOLED = 0.7  # share of the steps after which the Gumbel softmax is at its coldest
_MEANS = {"loss": "contrastive", "accuracy": "accuracy", "chance": "chance"}
_BETAS, _EPSILON = (0.9, 0.98), 1e-6  # of Adam, as in the paper's code


@dataclass(frozen=True)
class Learner:
    """What learns, and how.

    Attributes:
        model: A Wav2Vec2ForPreTraining.
        crops: What it learns from.
        plan: How many steps, and when to look.
        learning_rate, weight_decay, warmup, clip, mask_prob, mask_length, negatives, diversity,
            gumbel, precision, seed: As `Wav2Vec2Training` has them.
        sample_rate: Of the crops.
        probe: What tells of labelled sounds how well each layer serves; None without.
    """

    model: Any
    crops: Crops
    plan: Plan
    learning_rate: float
    weight_decay: float
    warmup: float
    clip: float
    mask_prob: float
    mask_length: int
    negatives: int
    diversity: float
    gumbel: tuple[float, float]
    precision: str
    seed: int
    sample_rate: int
    probe: Probe | None = None

    def run(
        self, folder: Path, *, show_progress: bool = False
    ) -> tuple[Curve, tuple[Figures, ...]]:
        """Train, from the last whole state in the folder if there is one.

        Raises:
            FloatingPointError: The loss is no number any more; the message says what to change.
            CorruptFileError: The state in the folder is damaged.
        """
        import torch

        modules, optimiser = {"model": self.model}, self._optimiser()
        kept = take_state(folder, modules, optimiser)
        done = resumed = int(kept.get("step", 0))
        losses = [(int(step), float(loss)) for step, loss in kept.get("losses", ())]
        figures = [_figures(one) for one in kept.get("figures", ())]
        begun, steps, since = time.perf_counter(), self.plan.steps, []
        with progress("steps", total=steps, show=show_progress) as advance, _apart():
            if not done:
                figures.append(self.look(0))
            for step in range(done, steps):
                torch.manual_seed(self.seed + 1_000_003 * step)  # of the Gumbel noise
                since.append(self._step(step, optimiser))
                done = step + 1
                if done % self.plan.log == 0 or done == steps:
                    losses.append((done, float(np.mean(since))))
                    since = []
                if done % self.plan.every == 0 or done == steps:
                    figures.append(self.look(done))
                    warn_of(figures, steps)
                    document = {"losses": losses, "figures": [asdict(one) for one in figures]}
                    keep_state(folder, done, modules, optimiser, document)
                advance(done, _told(losses, figures))
        seconds = time.perf_counter() - begun
        return _curve(losses, figures, resumed=resumed, seconds=seconds), tuple(figures)

    def look(self, step: int) -> Figures:
        """Measure the network on the same stretches each time, the same frames hidden."""
        import torch

        model, rng = self.model.eval(), np.random.default_rng([self.seed, 2])
        found: list[Loss] = []
        with torch.no_grad():
            seconds = self.crops.size / self.sample_rate
            rows = self.crops.some(max(1, int(_MEASURED / seconds)))
            for start in range(0, len(rows), self.crops.batch):
                part = rows[start : start + self.crops.batch]
                found.append(self.loss(part, rng, sampled=False))
            probes, best = self.probe(model) if self.probe else ((), 0)
        model.train()
        codes = np.concatenate([one.codes.numpy() for one in found])
        entries = model.config.num_codevectors_per_group
        shares = [np.bincount(book, minlength=entries) / len(codes) for book in codes.T]
        means = {
            name: float(np.mean([float(getattr(one, own)) for one in found]))
            for name, own in _MEANS.items()
        }
        return Figures(
            step,
            **means,
            usage=float(np.mean([share > 0 for share in shares])),
            perplexity=float(np.mean([_perplexity(share) for share in shares])),
            probes=probes,
            best=best,
        )

    def loss(self, values: FloatArray, rng: np.random.Generator, *, sampled: bool) -> Loss:
        """Hide frames of a batch (n, samples) and return what telling them costs."""
        import torch

        frames = n_frames(self.model.config, np.full(len(values), values.shape[1]))
        hidden = hidden_spans(frames, rng, prob=self.mask_prob, length=self.mask_length)
        others = torch.from_numpy(negatives(hidden, rng, self.negatives))
        mask = torch.from_numpy(hidden)
        quick = sampled and self.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16, enabled=quick):
            outputs = self.model.wav2vec2(torch.from_numpy(values), mask_time_indices=mask)
        return hidden_loss(self.model, outputs, mask, others, sampled=sampled)

    def _step(self, step: int, optimiser: Any) -> float:
        """Take one step and return the contrastive loss."""
        import torch

        rate = self.learning_rate * warmup_cosine(step, self.plan.steps, self.warmup)
        for group in optimiser.param_groups:
            group["lr"] = rate
        self.model.quantizer.temperature = cooled(step, self.plan.steps, self.gumbel)
        rng = np.random.default_rng([self.seed, 1, step])
        loss = self.loss(self.crops.of_step(step), rng, sampled=True)
        optimiser.zero_grad(set_to_none=True)
        (loss.contrastive + self.diversity * loss.diversity).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        optimiser.step()
        value = float(loss.contrastive.detach())
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is no number at step {step + 1}: training diverged. Give a lower "
                "learning rate, or a longer warm-up."
            )
        return value

    def _optimiser(self) -> Any:
        """Return AdamW; weights decay, and biases and what norms learn do not."""
        import torch

        parameters = list(self.model.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.learning_rate, betas=_BETAS, eps=_EPSILON)


def cooled(step: int, steps: int, gumbel: tuple[float, float]) -> float:
    """Return the temperature of the Gumbel softmax: it falls by the same factor each step.

    At 0.7 of the steps it has reached the second of `gumbel`, and stays there.

    >>> [round(cooled(step, 100, (2.0, 0.5)), 3) for step in (0, 35, 70, 99)]
    [2.0, 1.0, 0.5, 0.5]
    """
    first, last = gumbel
    return float(first * (last / first) ** min(1.0, step / (_COOLED * steps)))


def _perplexity(share: Any) -> float:
    """Return exp(entropy) of shares that add up to 1."""
    some = share[share > 0]
    return float(np.exp(-(some * np.log(some)).sum()))


def _figures(document: dict[str, Any]) -> Figures:
    return Figures(**{**document, "probes": tuple(document["probes"])})


def _told(losses: list[tuple[int, float]], figures: list[Figures]) -> str:
    words = f"loss {losses[-1][1]:.3f}, " if losses else ""
    last = figures[-1]
    words += f"told apart {last.accuracy:.1%}, codebooks used {last.usage:.0%}, perplexity "
    near = f", probe {last.probe:.3f}" if last.probe is not None else ""
    return f"{words}{last.perplexity:.1f}{near}"


def _curve(
    losses: list[tuple[int, float]], figures: list[Figures], *, resumed: int, seconds: float
) -> Curve:
    labelled = bool(figures[0].probes)
    return Curve(
        losses=tuple(losses),
        metrics=tuple(
            (one.step, one.probes[one.best] if labelled else one.accuracy) for one in figures
        ),
        metric="probe accuracy" if labelled else "share of frames told apart",
        steps=figures[-1].step,
        best_step=figures[-1].step,
        resumed_at=resumed,
        seconds=seconds,
    )


@contextmanager
def _apart() -> Iterator[None]:
    """Leave torch's random numbers as they were."""
    import torch

    with torch.random.fork_rng(devices=[]):
        yield
