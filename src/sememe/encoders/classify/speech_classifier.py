"""Classify audio by a fine-tuned speech network of wav2vec 2.0's layout, without torch.

The folder is that of transformers' `Wav2Vec2ForSequenceClassification` or HuBERT's: two linear
layers on the mean over time of the last layer's states.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._types import FloatArray, Modality
from sememe.encoders.audio.speech import SpeechEncoder
from sememe.encoders.prediction import Classifier
from sememe.models.wav2vec2.folder import read_speech_folder
from sememe.models.weights.reader import Reader
from sememe.space.probe import softmax

Linear = tuple[FloatArray, FloatArray]


class SpeechClassifier(Classifier):
    """A speech network with a classification head; `AudioClassifier.fit` makes it.

    Attributes:
        encoder: The network below the head.
    """

    modality: Modality = "audio"

    def __init__(
        self, encoder: SpeechEncoder, labels: Sequence[str], head: Sequence[Linear]
    ) -> None:
        """Take the network, and matrix (inputs, outputs) and bias of each linear layer."""
        self.encoder = encoder
        self.labels = tuple(labels)
        self._head = tuple(head)

    def probabilities_with_failures(
        self, items: Sequence[Any]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Compute probabilities, collecting failures; see `Classifier`."""
        rows, failed = self.encoder.mean_states(items)
        for matrix, bias in self._head:  # (n, dim) -> (n, projection) -> (n, classes)
            rows = rows @ matrix + bias
        return softmax(rows), failed


def load_speech_classifier(folder: str | Path, *, threads: int | None = None) -> SpeechClassifier:
    """Load the classifier in a folder.

    Raises:
        CorruptFileError: A file is missing or damaged.
        InvalidInputError: The network mixes the states of all layers, which is not supported.
    """
    path = Path(folder)
    network = read_speech_folder(path.resolve())
    if network.facts.get("use_weighted_layer_sum"):
        raise InvalidInputError(
            f"{path} mixes the states of all layers (use_weighted_layer_sum), which sememe does "
            "not read. Train one without."
        )
    names = network.facts.get("id2label")
    if not isinstance(names, dict) or not names:
        raise CorruptFileError(f"{path} names no classes: id2label in config.json. Train it again")
    labels = [str(names[key]) for key in sorted(names, key=int)]
    reader = Reader(network.tensors(), str(path), prefix="")
    width = int(network.facts.get("classifier_proj_size", 256))
    head = [
        reader.linear("projector", inputs=network.config.dim, outputs=width),
        reader.linear("classifier", inputs=width, outputs=len(labels)),
    ]
    return SpeechClassifier(SpeechEncoder.load(path, threads=threads), labels, head)
