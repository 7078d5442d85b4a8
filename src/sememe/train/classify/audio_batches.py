"""Recordings as fine-tuning has them: a network of wav2vec 2.0's layout with classes on top.

Its score of a class is linear in the mean of the last layer's states over time, as in transformers'
`Wav2Vec2ForSequenceClassification`. To learn from, a stretch of each recording is drawn, spans of
its frames are hidden (SpecAugment, Park et al. 2019, arXiv:1904.08779) and it is made louder or
softer against its mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.models.wav2vec2.folder import read_speech_folder
from sememe.train.speech.network import SpeechNetwork, spans

if TYPE_CHECKING:
    from sememe._types import FloatArray

_HIDDEN, _SPAN = 0.05, 10  # share of frames, and frames of a span
_LEAST = 1e-7  # added to a variance


@dataclass(frozen=True)
class TunableSounds:
    """A network that names classes of recordings; see `sememe.train.classify.objective.Tunable`.

    Attributes:
        network: Its module is Wav2Vec2ForSequenceClassification or HuBERT's.
        longest: Samples of a recording that are learnt from at a time.
    """

    network: SpeechNetwork
    longest: int
    asked_at_once: int = 8

    @property
    def module(self) -> Any:
        """Of torch, which is trained."""
        return self.network.module

    def batch(self, items: Sequence[Any], rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Return clips (samples,) of mean 0 and variance 1, varied by `rng` to learn from."""
        import torch

        if rng is None:
            return {"clips": [torch.from_numpy(clip) for clip in items]}
        clips = [self._stretch(clip, rng) for clip in items]
        frames = [self.network.config.frames(len(clip)) for clip in clips]
        hidden = spans(frames, max(frames), prob=_HIDDEN, length=_SPAN, rng=rng)
        return {
            "clips": [torch.from_numpy(clip) for clip in clips],  # B of (samples,)
            "time_mask": torch.from_numpy(hidden),  # (B, T)
            "feature_mask": torch.zeros(len(clips), self.network.config.dim, dtype=torch.bool),
        }

    def logits(self, batch: dict[str, Any]) -> Any:
        """Return (n, classes) before the softmax."""
        import torch

        masks = (batch["time_mask"], batch["feature_mask"]) if "time_mask" in batch else None
        states, lengths = self.network.states(batch["clips"], masks=masks)  # (B, T, dim), (B,)
        places = torch.arange(states.shape[1], device=lengths.device)
        known = (places[None] < lengths[:, None])[:, :, None]  # (B, T, 1)
        projected = self.module.projector(states)  # (B, T, width)
        means = (projected * known).sum(1) / lengths[:, None]
        return self.module.classifier(means)

    def _stretch(self, clip: FloatArray, rng: np.random.Generator) -> FloatArray:
        if len(clip) > self.longest:
            start = int(rng.integers(0, len(clip) - self.longest + 1))
            clip = clip[start : start + self.longest]
        exact = clip.astype(np.float64)
        found: FloatArray = (exact - exact.mean()) / np.sqrt(exact.var() + _LEAST)
        return found.astype(np.float32)


def tunable_sounds(
    base: Path, labels: Sequence[str], *, seconds: float, seed: int
) -> TunableSounds:
    """Open a base, with new layers for the classes on top; its convolutions stay as they are."""
    import torch
    from transformers import AutoModelForAudioClassification

    found = read_speech_folder(base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = AutoModelForAudioClassification.from_pretrained(
            str(base),
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: i for i, label in enumerate(labels)},
            ignore_mismatched_sizes=True,
            use_weighted_layer_sum=False,
            layerdrop=0.0,
        )
    module.freeze_feature_encoder()
    network = SpeechNetwork(module, found.sample_rate)
    least = network.config.samples(1)
    return TunableSounds(network, max(least, round(seconds * found.sample_rate)))
