"""wav2vec 2.0's objective: crops with masked frames, and metrics of loss and codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.train.base.torch_loop import Objective
from sememe.train.wav2vec2.loss import pretraining_loss
from sememe.train.wav2vec2.masking import draw_negatives, mask_spans
from sememe.train.wav2vec2.monitor import Figures, warn_of_failure
from sememe.train.wav2vec2.network import count_frames

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.train.base.device import Compute
    from sememe.train.wav2vec2.batches import Crops
    from sememe.train.wav2vec2.loss import Loss

    Probe = Callable[[Any], tuple[tuple[float, ...], int]]

_MEASURED = 60.0  # seconds of audio, at most, of an evaluation
_COOLED = 0.7  # share of the steps after which the Gumbel softmax is at its coldest
_MEANS = {"loss": "contrastive", "accuracy": "accuracy", "chance": "chance"}


@dataclass(frozen=True, kw_only=True)
class Wav2Vec2Objective(Objective[Figures]):
    """wav2vec 2.0's network, its training crops, and its metrics.

    Attributes:
        model: A Wav2Vec2ForPreTraining.
        crops: Training data.
        sample_rate: Of the crops.
        steps: Of the run, over which the Gumbel softmax cools.
        mask_prob, mask_length, negatives, diversity, gumbel, seed: See `Wav2Vec2Training`.
        metric: "probe accuracy" with a probe, "masked frame accuracy" without.
        probe: `LabelledAudio.probe`, None without labels.
        compute: The device and the precision.
    """

    figures_type = Figures

    model: Any
    crops: Crops
    sample_rate: int
    steps: int
    mask_prob: float
    mask_length: int
    negatives: int
    diversity: float
    gumbel: tuple[float, float]
    seed: int
    metric: str
    probe: Probe | None
    compute: Compute

    @property
    def modules(self) -> dict[str, Any]:
        """The network, its quantiser included."""
        return {"model": self.model}

    def batch(self, step: int) -> dict[str, Any]:
        """Return the crops of a step, a mask of their frames, and negatives."""
        crops = self.compute.share(self.crops.of_step(step))
        return self._mask(crops, self.compute.rng(self.seed, 1, step))

    def loss(self, batch: dict[str, Any], step: int) -> tuple[Any, Any]:
        """Return the loss with codebook diversity, and the contrastive part alone."""
        self.model.quantizer.temperature = gumbel_temperature(step, self.steps, self.gumbel)
        loss = self.pretraining_loss(batch, sampled=True)
        return loss.contrastive + self.diversity * loss.diversity, loss.contrastive

    def pretraining_loss(self, batch: dict[str, Any], *, sampled: bool) -> Loss:
        """Return the loss of a batch. sampled: Draw codes, and compute as a step does."""
        with self.compute.autocast() if sampled else nullcontext():
            outputs = self.model.wav2vec2(batch["sounds"], mask_time_indices=batch["mask"])
        return pretraining_loss(
            self.model, outputs, batch["mask"], batch["negatives"], sampled=sampled
        )

    def evaluate(self, step: int) -> Figures:
        """Measure the network on the same crops each time, with the same masks."""
        rng = np.random.default_rng([self.seed, 2])
        seconds = self.crops.size / self.sample_rate
        rows = self.crops.sample(max(1, int(_MEASURED / seconds)))  # (n, samples)
        size = self.crops.batch
        losses = [
            self.pretraining_loss(self.compute.put(self._mask(part, rng)), sampled=False)
            for part in (rows[i : i + size] for i in range(0, len(rows), size))
        ]
        probes, best = self.probe(self.model) if self.probe else ((), 0)
        codes = np.concatenate([one.codes.cpu().numpy() for one in losses])  # (frames, codebooks)
        entries = self.model.config.num_codevectors_per_group
        shares = [np.bincount(book, minlength=entries) / len(codes) for book in codes.T]
        means = {
            name: float(np.mean([float(getattr(one, own)) for one in losses]))
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

    def value(self, figures: Figures) -> float:
        """Return the accuracy of the linear probe, or of masked frames without labels."""
        return figures.accuracy if figures.probe is None else figures.probe

    def check(self, figures: Sequence[Figures]) -> None:
        """Warn once when the codes collapse or nothing is learnt."""
        warn_of_failure(figures, self.steps)

    def describe(self, figures: Figures) -> str:
        """Return the accuracy of masked frames, and the use of the codes."""
        probe = "" if figures.probe is None else f", probe {figures.probe:.3f}"
        return (
            f"masked frames {figures.accuracy:.1%}, codebooks used {figures.usage:.0%}, "
            f"perplexity {figures.perplexity:.1f}{probe}"
        )

    def _mask(self, crops: FloatArray, rng: np.random.Generator) -> dict[str, Any]:
        """Return a batch of crops (B, samples) with drawn masks and negatives."""
        import torch

        frames = count_frames(self.model.config, np.full(len(crops), crops.shape[1]))
        mask = mask_spans(frames, rng, prob=self.mask_prob, length=self.mask_length)
        return {
            "sounds": torch.from_numpy(crops),  # (B, samples)
            "mask": torch.from_numpy(mask),  # (B, T), m of them True
            "negatives": torch.from_numpy(draw_negatives(mask, rng, self.negatives)),  # (m, k)
        }


def gumbel_temperature(step: int, steps: int, gumbel: tuple[float, float]) -> float:
    """Return the temperature of the Gumbel softmax: exponential decay, constant from 0.7 on.

    >>> [round(gumbel_temperature(step, 100, (2.0, 0.5)), 3) for step in (0, 35, 70, 99)]
    [2.0, 1.0, 0.5, 0.5]
    """
    first, last = gumbel
    return float(first * (last / first) ** min(1.0, step / (_COOLED * steps)))


def _perplexity(share: Any) -> float:
    """Return exp(entropy) of shares that add up to 1."""
    some = share[share > 0]
    return float(np.exp(-(some * np.log(some)).sum()))
