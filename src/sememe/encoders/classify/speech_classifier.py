"""Tell classes of recordings by a network of wav2vec 2.0's layout that was trained to.

The folder is transformers' own, of `Wav2Vec2ForSequenceClassification` or HuBERT's: the mean of the
last layer's states over time, and two linear layers after it. It runs without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._types import Modality
from sememe.encoders.audio.speech import SpeechEncoder
from sememe.encoders.base import refuse
from sememe.encoders.prediction import Guess, best_guesses
from sememe.models.wav2vec2.folder import read_speech_folder
from sememe.models.weights.folder import ModelFolder, ModelKind
from sememe.models.weights.reader import Reader
from sememe.space.probe import softmax

if TYPE_CHECKING:
    from sememe._types import FloatArray


class SpeechClasses:
    """Tells classes of recordings; made by `AudioClassifier.fit`, or opened from a folder.

    Attributes:
        encoder: The network below the two linear layers.
        labels: The classes.
    """

    modality: Modality = "audio"

    def __init__(
        self,
        encoder: SpeechEncoder,
        labels: Sequence[str],
        head: Sequence[tuple[FloatArray, FloatArray]],
    ) -> None:
        """Take the network, and matrix (inputs, outputs) and bias of the linear layers."""
        self.encoder = encoder
        self.labels = tuple(labels)
        self._head = tuple(head)

    def probabilities(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, classes) float32: how probable each of `labels` is, rows adding up to 1.

        Raises:
            CorruptFileError: One that cannot be read. `probabilities_readable` goes on.
            InvalidInputError: Something that can be no recording.
        """
        rows, reasons = self.probabilities_readable(items)
        refuse(items, reasons)
        return rows

    def probabilities_readable(self, items: Sequence[Any]) -> tuple[FloatArray, dict[int, str]]:
        """Return what `probabilities` does, and why items could not be read; they hold NaN."""
        rows, reasons = self.encoder.mean_states(items)
        for matrix, bias in self._head:
            rows = rows @ matrix + bias
        return softmax(rows), reasons

    def classify(self, items: Sequence[Any], *, k: int = 5) -> list[list[Guess]]:
        """Return the k most probable classes of each recording, best first."""
        return [best_guesses(self.labels, row, k) for row in self.probabilities(items)]


def is_speech_classifier(folder: Path) -> bool:
    """Say whether a folder holds such a network with its classes."""
    return ModelFolder.open(folder).holds(ModelKind.SPEECH_CLASSIFIER)


def load_speech_classes(folder: str | Path, *, threads: int | None = None) -> SpeechClasses:
    """Open a folder.

    Raises:
        CorruptFileError: A file is missing or damaged.
        InvalidInputError: The network mixes all layers' states, which is not supported.
    """
    place = Path(folder)
    found = read_speech_folder(place.resolve())
    if found.facts.get("use_weighted_layer_sum"):
        raise InvalidInputError(
            f"{place} mixes the states of all layers (use_weighted_layer_sum), which sememe does "
            "not read. Train one without."
        )
    named = found.facts.get("id2label")
    if not isinstance(named, dict) or not named:
        raise CorruptFileError(f"{place} names no classes: id2label in config.json. Train it anew")
    labels = [str(named[key]) for key in sorted(named, key=int)]
    tensors = found.tensors()
    reader = Reader(tensors, str(place), prefix="")
    width = int(found.facts.get("classifier_proj_size", 256))
    head = [
        reader.linear("projector", inputs=found.config.dim, outputs=width),
        reader.linear("classifier", inputs=width, outputs=len(labels)),
    ]
    return SpeechClasses(SpeechEncoder.load(place, threads=threads), labels, head)
