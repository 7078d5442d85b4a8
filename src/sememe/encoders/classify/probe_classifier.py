"""Classifiers that are a probe on the vectors of an encoder.

sememe.json    kind "image-classifier" or "audio-classifier", the encoder's name and space, labels,
               views, figures
weights.npz    arrays of the probe

`sememe.train.classify.learner` writes such folders. The encoder is loaded by its name and must
still have the same space.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError, SpaceMismatchError
from sememe._persistence import ABOUT, check_format, expect_valid, hash_file
from sememe._types import Encoder, FloatArray, Modality
from sememe.encoders.audio.base import check_audio_items
from sememe.encoders.image.base import check_images
from sememe.encoders.image.test_time_augmentation import encode_augmented
from sememe.encoders.prediction import Classifier

if TYPE_CHECKING:
    from sememe.space.probe import Probe

WEIGHTS = "weights.npz"
KINDS: dict[Modality, str] = {"image": "image-classifier", "audio": "audio-classifier"}
COMMANDS: dict[Modality, str] = {"image": "classifier", "audio": "audio-classifier"}
FORMAT = 1
_CURE = "Train it again"


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
        with (folder / WEIGHTS).open("wb") as file:
            np.savez(file, allow_pickle=False, **self.probe.arrays())
        document = {
            "format": FORMAT,
            "kind": KINDS[self.modality],
            "encoder": self.encoder.name,
            "space": self.encoder.space,
            "views": self.views,
            "labels": list(self.labels),
            "sha256": hash_file(folder / WEIGHTS).hexdigest(),
            **facts,
        }
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (folder / ABOUT).write_text(text + "\n", encoding="utf-8")


def load_probe_classifier(
    folder: str | Path,
    *,
    encoder: Encoder | None = None,
    modality: Modality | None = None,
    threads: int | None = None,
) -> ProbeClassifier:
    """Load the classifier in a folder.

    encoder: By default loaded by the name in the folder. modality: What it must classify, any by
    default. threads: CPU threads of the encoder; all cores by default.

    Raises:
        InvalidInputError: The folder holds no probe, or one of another modality.
        CorruptFileError: A file is missing or damaged, or of a newer format.
        SpaceMismatchError: The encoder's name now leads to vectors of another space.
    """
    path = Path(folder)
    document = _read_document(path, modality)
    if encoder is None:
        from sememe.encoders.load.by_name import load

        encoder = load(str(document["encoder"]), threads=threads)
    if encoder.space != document["space"]:
        raise SpaceMismatchError(
            f"{path} was trained on vectors of {document['encoder']} in the space "
            f"{document['space']}; {encoder.name} makes them in {encoder.space}. Give the encoder "
            f"it was trained on, or train it again: sememe train {COMMANDS[encoder.modality]}"
        )
    probe = _read_probe(path, str(document["method"]))
    labels = list(map(str, document["labels"]))
    return ProbeClassifier(encoder, probe, labels, views=int(document["views"]))


def _read_document(folder: Path, modality: Modality | None) -> dict[str, Any]:
    about = folder / ABOUT
    allowed = list(KINDS) if modality is None else [modality]
    kinds = [KINDS[one] for one in allowed]
    for path in (about, folder / WEIGHTS):
        if not path.is_file():
            raise CorruptFileError(f"{folder} lacks {path.name}.")
    with expect_valid(about, cure=_CURE):
        document = json.loads(about.read_text(encoding="utf-8"))
        if document["kind"] not in kinds:
            raise InvalidInputError(
                f"{folder} holds {document['kind']!r}, not {' or '.join(map(repr, kinds))}. Give a "
                f"folder that sememe train {' or '.join(COMMANDS[one] for one in allowed)} wrote."
            )
        check_format(about, document["format"], FORMAT)
        names = ("encoder", "space", "method", "labels", "views", "sha256")
        fields = {name: document[name] for name in names}
    if hash_file(folder / WEIGHTS).hexdigest() != fields["sha256"]:
        raise CorruptFileError(f"{folder / WEIGHTS} does not match its hash in {ABOUT}. {_CURE}")
    return fields


def _read_probe(folder: Path, method: str) -> Probe:
    from sememe.evaluate.runners.few_shot import new_probe

    errors = (OSError, ValueError, KeyError, zipfile.BadZipFile)
    with expect_valid(folder / WEIGHTS, cure=_CURE, errors=errors):
        with np.load(folder / WEIGHTS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return new_probe(method).of(arrays)  # type: ignore[arg-type]
