"""Fine-tuning of speech networks for `AudioClassifier`: what is read, trained and written."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sememe.encoders.classify.speech_classifier import load_speech_classifier
from sememe.sources.datasets.labelled_data import Labelled
from sememe.train.base.base_model import weights_digest
from sememe.train.classify.audio_batches import TunableSounds, tunable_sounds
from sememe.train.classify.finetuning import Examples, FineTuning, item_name
from sememe.train.data.files import Named
from sememe.train.data.waveforms import read_waveforms
from sememe.train.speech.network import base_folder
from sememe.train.wav2vec2.network import preprocessor

if TYPE_CHECKING:
    from sememe.encoders.classify.speech_classifier import SpeechClassifier
    from sememe.sources.datasets.labelled_data import Labelled

_LONGEST = 30.0  # seconds of a piece: a longer recording becomes several


@dataclass(frozen=True, eq=False)
class TunedAudio:
    """A trained network as a temporary folder of transformers' files, deleted with this object."""

    folder: Path


@dataclass(frozen=True)
class AudioFineTuning(FineTuning):
    """Fine-tuning of a wav2vec 2.0 or HuBERT network; the result opens in transformers.

    Attributes:
        recipe: The options.
        seconds: The longest stretch of a recording that a step trains on.
    """

    packages: ClassVar[tuple[str, ...]] = (
        "torch",
        "transformers",
        "safetensors",
        "matplotlib",
        "soundfile",
    )
    recipe_name: ClassVar[str] = "audio-classifier"
    kind: ClassVar[str] = "speech-classifier"
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

    def open_network(self, classes: tuple[str, ...]) -> tuple[TunableSounds, str]:
        """Return the base with a layer for the classes, and a hash of the base's weights."""
        recipe = self.recipe
        base = base_folder(recipe.base)
        network = tunable_sounds(base, classes, seconds=self.seconds, seed=recipe.seed)
        return network, weights_digest(base)

    def read(
        self, data: Labelled, rows: Sequence[int], network: Any, folder: Path, *, show: bool
    ) -> Examples:
        """Decode recordings to pieces of at most 30 s, each long enough for a frame."""
        audio = read_waveforms(
            [Named(item_name(data, row), data.items[row]) for row in rows],
            sample_rate=network.network.sample_rate,
            longest=_LONGEST,
            folder=folder,
            show=show,
        )
        frames = network.network.config.frames
        pieces = [i for i in range(len(audio)) if frames(int(audio.lengths[i])) > 0]
        piece_rows = [rows[audio.places[i]] for i in pieces]
        return Examples.of(data, [audio[i] for i in pieces], piece_rows, audio.skipped)

    def export(self, network: Any, classes: tuple[str, ...]) -> tuple[SpeechClassifier, TunedAudio]:
        """Write the network to a temporary folder and open it without torch."""
        folder = Path(tempfile.mkdtemp(prefix="sememe-"))
        tuned = TunedAudio(folder)
        weakref.finalize(tuned, shutil.rmtree, folder, True)
        network.module.save_pretrained(str(folder))
        document = json.dumps(preprocessor(network.network.sample_rate), indent=1)
        (folder / "preprocessor_config.json").write_text(document + "\n", encoding="utf-8")
        return load_speech_classifier(folder), tuned

    def write(self, folder: Path, tuned: TunedAudio) -> None:
        """Copy transformers' files."""
        shutil.copytree(tuned.folder, folder, dirs_exist_ok=True)

    def facts(self, tuned: TunedAudio) -> Mapping[str, Any]:
        """Return the base and the classes."""
        return {"base": self.recipe.base, "labels": list(self.recipe.labels)}
