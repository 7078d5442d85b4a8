"""The objective of speech recognition: CTC.

Graves et al. 2006, Connectionist temporal classification. The loss is -ln of the total probability
of all alignments of a recording's letters to its frames, with blanks; none is given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.models.ctc.greedy import GreedyDecoder, log_probabilities
from sememe.train.base.torch_loop import Objective
from sememe.train.speech.examples import make_batches
from sememe.train.speech.network import draw_spans
from sememe.train.speech.report import SpeechFigures, measure
from sememe.train.speech.vocabulary import BLANK, UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.wav2vec2.config import SpeechConfig
    from sememe.train.base.device import Compute
    from sememe.train.speech.examples import Batch, Spoken, Variation
    from sememe.train.speech.network import SpeechNetwork
    from sememe.train.speech.vocabulary import SpeechVocabulary


@dataclass(frozen=True, kw_only=True)
class SpeechBatches:
    """The batches of a run; their number differs from epoch to epoch.

    Attributes:
        data: Training data.
        config: Of the network.
        variation: Augmentation of the recordings.
        max_batch_samples: Samples of a batch, padding included.
        epochs: Passes over the data.
        seed: Of the order and of the augmentation.
    """

    data: Spoken
    config: SpeechConfig
    variation: Variation
    max_batch_samples: int
    epochs: float
    seed: int

    @cached_property
    def steps(self) -> int:
        """Number of steps."""
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
    def _last(self) -> dict[int, list[Batch]]:
        """The batches of the last epoch that was asked for."""
        return {}

    def _epoch(self, epoch: int) -> list[Batch]:
        if epoch not in self._last:
            self._last.clear()
            self._last[epoch] = make_batches(
                self.data,
                self.config,
                self.variation,
                max_batch_samples=self.max_batch_samples,
                seed=self.seed,
                epoch=epoch,
            )
        return self._last[epoch]


@dataclass(frozen=True, kw_only=True)
class SpeechObjective(Objective[SpeechFigures]):
    """A network for speech recognition, its training data, and the held-out recordings.

    Attributes:
        network: See `SpeechNetwork`.
        vocabulary: Its outputs.
        batches: Training batches.
        held: Held-out recordings; the best weights on them are kept.
        head_share: Share of the steps in which only the output layer is trained.
        spans: Share of frames to mask, frames of a span, and the same of features.
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
        """The network with its output layer."""
        return {"network": self.network.module}

    def batch(self, step: int) -> dict[str, Any]:
        """Return B clips, the letters of each, and masks of frames and features."""
        import torch

        data, dim = self.batches.data, self.network.config.dim
        rows = self.compute.share(self.batches.of(step))
        rng = self.compute.rng(self.seed, 2, step)
        clips = [data.make_audio(row, rng, self.batches.variation) for row in rows]
        targets = [data.target(row) for row in rows]
        frames = [self.network.config.frames(len(clip)) for clip in clips]
        prob, length, feature_prob, feature_length = self.spans
        time = draw_spans(frames, max(frames), prob=prob, length=length, rng=rng)
        dims = [dim] * len(clips)
        feature = draw_spans(dims, dim, prob=feature_prob, length=feature_length, rng=rng)
        return {
            "clips": [torch.from_numpy(clip) for clip in clips],  # B of (samples,)
            "time_mask": torch.from_numpy(time),  # (B, T)
            "feature_mask": torch.from_numpy(feature),  # (B, dim)
            "targets": torch.tensor([i for ids in targets for i in ids]),  # (letters of all,)
            "target_lengths": torch.tensor([len(ids) for ids in targets]),  # (B,)
        }

    def loss(self, batch: dict[str, Any], step: int) -> Any:
        """Return the CTC loss of a batch, in nats per letter."""
        import torch

        with self.compute.autocast():
            logits, lengths = self.network.logits(
                batch["clips"],
                masks=(batch["time_mask"], batch["feature_mask"]),
                head_only=step < self.head_share * self.batches.steps,
            )  # (B, T, letters), (B,)
        scores = logits.float().log_softmax(-1).transpose(0, 1)  # (T, B, letters)
        with torch.backends.cudnn.flags(enabled=False):  # whose CTC needs targets on the CPU
            return torch.nn.functional.ctc_loss(
                scores, batch["targets"], lengths, batch["target_lengths"]
            )

    def evaluate(self, step: int) -> SpeechFigures:
        """Measure error rates on the held-out recordings."""
        return measure(step, self.held.texts, self.transcribe(self.held), seed=self.seed)

    def value(self, figures: SpeechFigures) -> float:
        """Return the word error rate."""
        return figures.word_error_rate

    def rank(self, figures: SpeechFigures) -> tuple[float, float]:
        """Rank by word error rate, then by character error rate."""
        return -figures.word_error_rate, -figures.character_error_rate

    def describe(self, figures: SpeechFigures) -> str:
        """Return the word error rate."""
        return f"WER {figures.word_error_rate:.3f}"

    def parameters(self) -> list[Any]:
        """Return matrices first: gradient norms are summed in this order."""
        return sorted(super().parameters(), key=lambda parameter: parameter.ndim <= 1)

    def transcribe(self, data: Spoken) -> list[str]:
        """Return greedy transcripts: the best letter of each frame."""
        texts = [""] * len(data)
        for batch in _split_by_length(data.sounds.lengths, self.batches.max_batch_samples):
            logits, frames = self.network.logits([data.sounds[i] for i in batch])
            rows, ends = logits.cpu().numpy(), frames.cpu().tolist()  # (B, T, letters), (B,)
            for i, row, n in zip(batch, rows, ends, strict=True):
                decoder = GreedyDecoder(BLANK)
                decoder.feed(log_probabilities(row[:n], silent=[UNKNOWN]))
                texts[i] = self.vocabulary.decode(decoder.finish().ids)
        return texts


def _split_by_length(lengths: NDArray[np.int64], max_samples: int) -> Iterator[list[int]]:
    """Yield indices of recordings of similar length, padded to at most `max_samples` in all."""
    batch: list[int] = []
    for i in np.argsort(lengths, kind="stable").tolist():
        if batch and (len(batch) + 1) * lengths[i] > max_samples:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
