"""Load a classifier by its name: a probe, a fine-tuned network, an image encoder with classes."""

from __future__ import annotations

from sememe._errors import InvalidInputError
from sememe.encoders.classify.probe_classifier import load_probe_classifier
from sememe.encoders.classify.speech_classifier import load_speech_classifier
from sememe.encoders.classify.text_classifier import TextModel
from sememe.encoders.load.by_name import load
from sememe.encoders.prediction import Classifier
from sememe.models.weights.folder import ModelFolder, ModelKind


def load_classifier(name: str, *, threads: int | None = None) -> Classifier:
    """Load a probe or a fine-tuned network from its folder, or an image encoder with classes.

    Raises:
        InvalidInputError: The model has no classes.
    """
    folder = ModelFolder.open(name)
    if folder.kind is ModelKind.TEXT_CLASSIFIER:
        return TextModel.load(name, threads=threads)
    if folder.holds(ModelKind.IMAGE_PROBE, ModelKind.AUDIO_PROBE):
        return load_probe_classifier(name, threads=threads)
    if folder.holds(ModelKind.SPEECH_CLASSIFIER):
        return load_speech_classifier(name, threads=threads)
    encoder = load(name, threads=threads)
    if isinstance(encoder, Classifier) and encoder.labels:
        return encoder
    raise InvalidInputError(
        f'{name} was trained on no classes. Give labels of your own: --labels "cat,dog,ship"'
    )
