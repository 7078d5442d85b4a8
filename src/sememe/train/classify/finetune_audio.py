"""Fine-tuning of speech networks for `AudioClassifier`: batches, reading, opening and writing.

Scores are linear in the mean of the last layer's states over time, as in transformers'
`Wav2Vec2ForSequenceClassification`. In training a crop of each recording is drawn, and spans of its
frames are masked (SpecAugment, Park et al. 2019, arXiv:1904.08779).
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sememe.encoders.classify.speech_classifier import load_speech_classifier
from sememe.models.wav2vec2.folder import read_speech_folder
from sememe.sources.datasets.labelled_data import Labelled
from sememe.train.base.base_model import weights_digest
from sememe.train.classify.finetuning import FineTuning, name_item
from sememe.train.data.files import Named
from sememe.train.data.waveforms import read_waveforms
from sememe.train.speech.network import SpeechNetwork, draw_spans, find_base
from sememe.train.wav2vec2.network import write_network

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.encoders.classify.speech_classifier import SpeechClassifier

_LONGEST = 30.0  # seconds of a piece: a longer recording becomes several
_MASKED, _SPAN = 0.05, 10  # share of frames, and frames of a span
_EPSILON = 1e-7  # added to a variance


@dataclass(frozen=True)
class TunableAudio:
    """A network that classifies recordings; see `sememe.train.classify.objective.Tunable`.

    Attributes:
        network: Its module is Wav2Vec2ForSequenceClassification or HuBERT's.
        longest: Samples of a crop.
    """

    network: SpeechNetwork
    longest: int
    eval_batch_size: int = 8

    @property
    def module(self) -> Any:
        """The module of torch."""
        return self.network.module

    def batch(self, items: Sequence[Any], rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Return clips (samples,) of mean 0 and variance 1. rng: Of crops and masks."""
        import torch

        if rng is None:
            return {"clips": [torch.from_numpy(clip) for clip in items]}
        clips = [self._crop(clip, rng) for clip in items]
        frames = [self.network.config.frames(len(clip)) for clip in clips]
        mask = draw_spans(frames, max(frames), prob=_MASKED, length=_SPAN, rng=rng)
        return {
            "clips": [torch.from_numpy(clip) for clip in clips],  # B of (samples,)
            "time_mask": torch.from_numpy(mask),  # (B, T)
            "feature_mask": torch.zeros(len(clips), self.network.config.dim, dtype=torch.bool),
        }

    def logits(self, batch: dict[str, Any]) -> Any:
        """Return (n, classes) before the softmax."""
        import torch

        masks = (batch["time_mask"], batch["feature_mask"]) if "time_mask" in batch else None
        states, lengths = self.network.states(batch["clips"], masks=masks)  # (B, T, dim), (B,)
        frames = torch.arange(states.shape[1], device=lengths.device)
        real = (frames[None] < lengths[:, None])[:, :, None]  # (B, T, 1)
        projected = self.module.projector(states)  # (B, T, width)
        means = (projected * real).sum(1) / lengths[:, None]
        return self.module.classifier(means)

    def _crop(self, clip: FloatArray, rng: np.random.Generator) -> FloatArray:
        if len(clip) > self.longest:
            start = int(rng.integers(0, len(clip) - self.longest + 1))
            clip = clip[start : start + self.longest]
        exact = clip.astype(np.float64)
        unit: FloatArray = (exact - exact.mean()) / np.sqrt(exact.var() + _EPSILON)
        return unit.astype(np.float32)


def open_tunable(base: Path, labels: Sequence[str], *, seconds: float, seed: int) -> TunableAudio:
    """Open a base with new layers for the classes; its convolutions are frozen."""
    import torch
    from transformers import AutoModelForAudioClassification

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
    rate = read_speech_folder(base).sample_rate
    network = SpeechNetwork(module, rate)
    return TunableAudio(network, max(network.config.samples(1), round(seconds * rate)))


@dataclass(frozen=True, eq=False)
class TunedAudio:
    """A trained network as a temporary folder of transformers' files, deleted with this object."""

    folder: Path


@dataclass(frozen=True)
class AudioFineTuning(FineTuning):
    """Fine-tuning of a wav2vec 2.0 or HuBERT network; the result opens in transformers.

    Attributes:
        recipe: The options.
        seconds: Length of the crop that a step trains on.
    """

    packages: ClassVar[Sequence[str]] = (
        "torch transformers safetensors matplotlib soundfile".split()
    )
    recipe_name: ClassVar[str] = "audio-classifier"
    folder_kind: ClassVar[str] = "speech-classifier"
    card_head: ClassVar[Mapping[str, Any]] = {
        "library_name": "transformers",
        "pipeline_tag": "audio-classification",
    }
    card_use: ClassVar[Sequence[str]] = (
        "```",
        "sememe classify recording.wav -m this-folder",
        "```",
        "",
        "It runs without torch. The folder opens in transformers too.",
    )
    max_grad_norm: ClassVar[float | None] = 1.0

    seconds: float = 5.0

    def open_network(self, classes: tuple[str, ...]) -> tuple[TunableAudio, str]:
        """Return the base with a layer for the classes, and a hash of the base's weights."""
        base = find_base(self.recipe.base)
        network = open_tunable(base, classes, seconds=self.seconds, seed=self.recipe.seed)
        return network, weights_digest(base)

    def read(
        self, data: Labelled, rows: Sequence[int], network: Any, folder: Path, *, show: bool
    ) -> Labelled:
        """Decode recordings to pieces of at most 30 s, each long enough for a frame."""
        audio = read_waveforms(
            [Named(name_item(data, row), data.items[row]) for row in rows],
            sample_rate=network.network.sample_rate,
            longest=_LONGEST,
            folder=folder,
            show=show,
        )
        frames = network.network.config.frames
        pieces = [i for i in range(len(audio)) if frames(int(audio.lengths[i])) > 0]
        read = data.select([rows[audio.places[i]] for i in pieces])
        return replace(read, items=tuple(audio[i] for i in pieces), skipped=audio.skipped)

    def export(self, network: Any, classes: tuple[str, ...]) -> tuple[SpeechClassifier, TunedAudio]:
        """Write the network to a temporary folder and open it without torch."""
        folder = Path(tempfile.mkdtemp(prefix="sememe-"))
        tuned = TunedAudio(folder)
        weakref.finalize(tuned, shutil.rmtree, folder, True)
        write_network(network.module, folder, network.network.sample_rate)
        return load_speech_classifier(folder), tuned

    def write(self, folder: Path, tuned: TunedAudio) -> None:
        """Copy transformers' files."""
        shutil.copytree(tuned.folder, folder, dirs_exist_ok=True)

    def facts(self, tuned: TunedAudio) -> Mapping[str, Any]:
        """Return the base and the classes."""
        return {"base": self.recipe.base, "labels": list(self.recipe.labels)}
