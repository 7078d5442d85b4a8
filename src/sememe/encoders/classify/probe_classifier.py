"""Classifiers of images and audio that are a probe on the vectors of an encoder.

`sememe.train.classify.learner` writes their folders. The encoder is loaded by its name and must
still have the same space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._types import Encoder, FloatArray, Modality
from sememe.encoders.audio.base import check_audio_items
from sememe.encoders.classify.folder import (
    open_encoder,
    read_about,
    read_arrays,
    write_classifier,
)
from sememe.encoders.image.base import check_images
from sememe.encoders.image.test_time_augmentation import encode_augmented
from sememe.encoders.prediction import Classifier

if TYPE_CHECKING:
    from sememe.space.probe import Probe


class ProbeClassifier(Classifier):
    """A probe on an encoder's vectors; `ImageClassifier.fit` and the like make it.

    Attributes:
        encoder: Encoder of the items.
        probe: Classifier of its vectors.
        views: Views of an image whose vectors are averaged; see `test_time_augmentation`.
    """

    def __init__(
        self, encoder: Encoder, probe: Probe, labels: Sequence[str], *, views: int
    ) -> None:
        self.encoder = encoder
        self.modality = encoder.modality
        self.probe = probe
        self.labels = tuple(labels)
        self.views = views

    def probabilities_with_failures(
        self, items: Sequence[Any]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Compute probabilities, collecting failures; see `Classifier`."""
        given = check_audio_items(items) if self.modality == "audio" else check_images(items)
        vectors, failed = encode_augmented(self.encoder, given, views=self.views)
        known = np.array([index not in failed for index in range(len(given))], bool)
        rows = np.full((len(given), len(self.labels)), np.nan, np.float32)
        if known.any():
            rows[known] = self.probe.probabilities(vectors[known])
        return rows, failed

    def write(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Write both files into an existing folder. facts: Further entries of sememe.json."""
        facts = {"views": self.views, **facts}
        write_classifier(folder, self.encoder, self.labels, self.probe.arrays(), facts)


def load_probe_classifier(
    folder: str | Path,
    *,
    encoder: Encoder | None = None,
    modality: Modality | None = None,
    threads: int | None = None,
) -> ProbeClassifier:
    """Load the classifier in a folder.

    encoder: By default loaded by the name in the folder. modality: What it must classify, images or
    audio by default. threads: CPU threads of the encoder; all cores by default.

    Raises:
        InvalidInputError: The folder holds no probe, or one of another modality.
        CorruptFileError: A file is missing or damaged, or of a newer format.
        SpaceMismatchError: The encoder's name now leads to vectors of another space.
    """
    from sememe.evaluate.runners.few_shot import new_probe

    path = Path(folder)
    allowed: tuple[Modality, ...] = ("image", "audio") if modality is None else (modality,)
    about = read_about(path, allowed, ("method", "views"))
    encoder = open_encoder(path, about, encoder, threads=threads)
    kind: Any = str(about["method"])
    probe = read_arrays(path, lambda arrays: new_probe(kind).of(arrays))
    labels = list(map(str, about["labels"]))
    return ProbeClassifier(encoder, probe, labels, views=int(about["views"]))
