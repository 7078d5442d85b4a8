"""What a step of speech recognition learns from, and its loss: CTC.

Graves et al. 2006, Connectionist temporal classification. A recording's letters may lie at any of
its frames in their order, a blank between: the loss is -ln of the probability of all ways to lay
them together, of which none has to be marked by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.models.ctc.greedy import GreedyDecoder, log_probabilities
from sememe.train.base.torch_loop import Objective
from sememe.train.speech.examples import make_batches
from sememe.train.speech.network import spans
from sememe.train.speech.report import SpeechFigures, figures
from sememe.train.speech.vocabulary import BLANK, UNKNOWN

if TYPE_CHECKING:
    from sememe.models.wav2vec2.config import SpeechConfig
    from sememe.train.base.device import Compute
    from sememe.train.speech.examples import Batch, Spoken, Variation
    from sememe.train.speech.network import SpeechNetwork
    from sememe.train.speech.vocabulary import SpeechVocabulary


@dataclass(frozen=True, kw_only=True)
class SpeechBatches:
    """The batches of a run, of which an epoch has more and another fewer.

    Attributes:
        data: What is learnt from.
        config: Of the network that hears it.
        variation: How recordings are varied.
        max_batch_samples: Samples of a batch, padding counted.
        epochs: Passes over the data.
        seed: Of the order and of the variation.
    """

    data: Spoken
    config: SpeechConfig
    variation: Variation
    max_batch_samples: int
    epochs: float
    seed: int

    @cached_property
    def steps(self) -> int:
        """Steps in all."""
        whole, rest = divmod(self.epochs, 1)
        ends = [0, *self._ends]
        last = ends[-1] - ends[-2] if rest else 0
        return max(1, ends[int(whole)] + math.ceil(rest * last))

    def of(self, step: int) -> Batch:
        """Return the batch of a step."""
        epoch = int(np.searchsorted(self._ends, step, side="right"))
        return self._epoch(epoch)[step - self._ends[epoch]]  # counted from the epoch's end

    @cached_property
    def _ends(self) -> list[int]:
        """The number of batches until the end of each epoch."""
        counts = [len(self._epoch(epoch)) for epoch in range(math.ceil(self.epochs))]
        return list(accumulate(counts))

    @cached_property
    def _known(self) -> dict[int, list[Batch]]:
        """The batches of the last epoch that was asked for."""
        return {}

    def _epoch(self, epoch: int) -> list[Batch]:
        if epoch not in self._known:
            self._known.clear()
            self._known[epoch] = make_batches(
                self.data,
                self.config,
                self.variation,
                max_batch_samples=self.max_batch_samples,
                seed=self.seed,
                epoch=epoch,
            )
        return self._known[epoch]


@dataclass(frozen=True, kw_only=True)
class SpeechObjective(Objective[SpeechFigures]):
    """A network that learns to write, its recordings, and those held out.

    Attributes:
        network: See `SpeechNetwork`.
        vocabulary: What it writes.
        batches: What it learns from.
        held: What it is measured with; the best weights on it are kept.
        head_share: Share of the steps in which the layer of letters alone learns.
        spans: Share of frames that are hidden, frames of a span, and the same of features.
        seed: Of all random numbers.
        compute: The device and the precision.
    """

    metric = "word error rate"
    figures_type = SpeechFigures

    network: SpeechNetwork
    vocabulary: SpeechVocabulary
    batches: SpeechBatches
    held: Spoken
    head_share: float
    spans: tuple[float, int, float, int]
    seed: int
    compute: Compute

    @property
    def modules(self) -> dict[str, Any]:
        """The network with its layer of letters."""
        return {"network": self.network.module}

    def batch(self, step: int) -> dict[str, Any]:
        """Return B clips, the letters of each, and which frames and features are hidden."""
        import torch

        data, dim = self.batches.data, self.network.config.dim
        rows = self.compute.share(self.batches.of(step))
        rng = self.compute.rng(self.seed, 2, step)
        clips = [data.made(row, rng, self.batches.variation) for row in rows]
        targets = [data.target(row) for row in rows]
        frames = [self.network.config.frames(len(clip)) for clip in clips]
        prob, length, feature_prob, feature_length = self.spans
        time = spans(frames, max(frames), prob=prob, length=length, rng=rng)
        feature = spans([dim] * len(clips), dim, prob=feature_prob, length=feature_length, rng=rng)
        return {
            "clips": [torch.from_numpy(clip) for clip in clips],  # B of (samples,)
            "time_mask": torch.from_numpy(time),  # (B, T)
            "feature_mask": torch.from_numpy(feature),  # (B, dim)
            "targets": torch.tensor([i for ids in targets for i in ids]),  # (letters of all,)
            "target_lengths": torch.tensor([len(ids) for ids in targets]),  # (B,)
        }

    def loss(self, batch: dict[str, Any], step: int) -> Any:
        """Return the loss of a batch, in nats a letter."""
        import torch

        with self.compute.autocast():
            logits, lengths = self.network.logits(
                batch["clips"],
                masks=(batch["time_mask"], batch["feature_mask"]),
                head_only=step < self.head_share * self.batches.steps,
            )  # (B, T, letters), (B,)
        scores = logits.float().log_softmax(-1).transpose(0, 1)  # (T, B, letters)
        with torch.backends.cudnn.flags(enabled=False):  # whose CTC takes targets of the CPU alone
            return torch.nn.functional.ctc_loss(
                scores, batch["targets"], lengths, batch["target_lengths"]
            )

    def evaluate(self, step: int) -> SpeechFigures:
        """Measure error rates on the recordings held out."""
        return figures(step, self.held.texts, self.transcribe(self.held), seed=self.seed)

    def value(self, figures: SpeechFigures) -> float:
        """Return the word error rate."""
        return figures.word_error_rate

    def rank(self, figures: SpeechFigures) -> tuple[float, float]:
        """Return what is better: fewer wrong words, then fewer wrong letters."""
        return -figures.word_error_rate, -figures.character_error_rate

    def describe(self, figures: SpeechFigures) -> str:
        """Return the word error rate."""
        return f"WER {figures.word_error_rate:.3f}"

    def parameters(self) -> list[Any]:
        """Return matrices first: the order in which gradient norms have been summed here."""
        return sorted(super().parameters(), key=lambda parameter: parameter.ndim <= 1)

    def transcribe(self, data: Spoken) -> list[str]:
        """Return what the network writes of recordings: the best letter of each frame."""
        found = [""] * len(data)
        for places in _similar(data.sounds.lengths.tolist(), self.batches.max_batch_samples):
            clips = [data.sounds[place] for place in places]
            logits, frames = self.network.logits(clips)  # (B, T, letters), (B,)
            rows, ends = logits.cpu().numpy(), frames.cpu().tolist()
            for place, row, n in zip(places, rows, ends, strict=True):
                best = GreedyDecoder(BLANK)
                best.feed(log_probabilities(row[:n], silent=[UNKNOWN]))
                found[place] = self.vocabulary.decode(best.finish().ids)
        return found


def _similar(lengths: Sequence[int], max_samples: int) -> Iterator[list[int]]:
    """Yield the places of recordings of like lengths, together at most `max_samples`."""
    held: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if held and (len(held) + 1) * lengths[place] > max_samples:
            yield held
            held = []
        held.append(place)
    if held:
        yield held
