"""A classifier of your own: an encoder, and what tells classes from its vectors.

sememe.json    kind "image-classifier" or "audio-classifier", the encoder's name and space, labels,
               views, figures
weights.npz    what the probe learnt: arrays alone

`sememe.train.classify.learner` makes such folders. The encoder is loaded by its name and must still
be the same, or what was learnt of its vectors means nothing.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError, SpaceMismatchError
from sememe._persistence import check_format
from sememe._types import Modality
from sememe.encoders.audio.base import checked_sounds
from sememe.encoders.base import refuse
from sememe.encoders.image.encoder import checked_pictures
from sememe.encoders.image.test_time_augmentation import encode_views
from sememe.encoders.prediction import Guess, best_guesses
from sememe.models.weights.folder import ModelFolder, ModelKind

if TYPE_CHECKING:
    from sememe._types import Encoder, FloatArray
    from sememe.space.probe import Probe

ABOUT, WEIGHTS = "sememe.json", "weights.npz"
KINDS: dict[Modality, str] = {"image": "image-classifier", "audio": "audio-classifier"}
COMMANDS: dict[Modality, str] = {"image": "classifier", "audio": "audio-classifier"}
FORMAT = 1


class Judge(Protocol):
    """Tells classes that it was taught: a probe on an encoder, or a network of its own."""

    @property
    def modality(self) -> Modality:
        """What it tells the classes of."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes."""
        ...

    def probabilities_readable(self, items: Sequence[Any]) -> tuple[FloatArray, dict[int, str]]:
        """Return (n, classes) float32, and why items could not be read; their rows hold NaN."""
        ...


class ClassProbe:
    """Tells classes; made by `ImageClassifier.fit` and the like, or opened from its folder.

    Attributes:
        encoder: Makes the vectors.
        probe: Tells classes from them.
        labels: The classes.
        views: How many views of a picture its vector is the mean of.
    """

    def __init__(
        self, encoder: Encoder, probe: Probe, labels: Sequence[str], *, views: int
    ) -> None:
        self.encoder = encoder
        self.probe = probe
        self.labels = tuple(labels)
        self.views = views

    @property
    def modality(self) -> Modality:
        """What it tells the classes of."""
        return self.encoder.modality

    def probabilities(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, classes) float32: how probable each of `labels` is, rows adding up to 1.

        Raises:
            CorruptFileError: An item that cannot be read. `probabilities_readable` goes on.
            InvalidInputError: Something that can be no picture, or no recording.
        """
        rows, reasons = self.probabilities_readable(items)
        refuse(items, reasons)
        return rows

    def probabilities_readable(self, items: Sequence[Any]) -> tuple[FloatArray, dict[int, str]]:
        """Return what `probabilities` does, and why items could not be read; they hold NaN."""
        given = checked_sounds(items) if self.modality == "audio" else checked_pictures(items)
        vectors, reasons = encode_views(self.encoder, given, views=self.views)
        known = np.array([place not in reasons for place in range(len(given))], bool)
        rows = np.full((len(given), len(self.labels)), np.nan, np.float32)
        if known.any():
            rows[known] = self.probe.probabilities(vectors[known])
        return rows, reasons

    def classify(self, items: Sequence[Any], *, k: int = 5) -> list[list[Guess]]:
        """Return the k most probable classes of each item, best first."""
        return [best_guesses(self.labels, row, k) for row in self.probabilities(items)]

    def write(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Write its two files into a folder that is there. facts: More for sememe.json."""
        with (folder / WEIGHTS).open("wb") as file:
            np.savez(file, allow_pickle=False, **self.probe.arrays())
        document = {
            "format": FORMAT,
            "kind": KINDS[self.modality],
            "encoder": self.encoder.name,
            "space": self.encoder.space,
            "views": self.views,
            "labels": list(self.labels),
            "sha256": _digest(folder / WEIGHTS),
            **facts,
        }
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (folder / ABOUT).write_text(text + "\n", encoding="utf-8")


def is_class_probe(path: Path) -> bool:
    """Say whether a folder holds such a classifier."""
    return ModelFolder.open(path).holds(ModelKind.IMAGE_PROBE, ModelKind.AUDIO_PROBE)


def load_class_probe(
    folder: str | Path,
    *,
    encoder: Encoder | None = None,
    modality: Modality | None = None,
    threads: int | None = None,
) -> ClassProbe:
    """Open a folder. encoder: Loaded by the name that the folder gives, unless it is given here.

    modality: What it must tell the classes of; anything unless told.

    Raises:
        InvalidInputError: It is no such folder, or tells the classes of something else.
        CorruptFileError: A file is missing or damaged, or of a newer format.
        SpaceMismatchError: The encoder of that name makes other vectors now.
        UnknownNameError, MissingExtraError: As `sememe.load`, for the encoder.
    """
    place = Path(folder)
    document = _document(place, modality)
    if encoder is None:
        from sememe.encoders.load.by_name import load

        encoder = load(str(document["encoder"]), threads=threads)
    if encoder.space != document["space"]:
        raise SpaceMismatchError(
            f"{place} was taught on vectors of {document['encoder']} in the space "
            f"{document['space']}; {encoder.name} makes them in {encoder.space}. Give the encoder "
            "it was taught on, or teach it anew: sememe train "
            f"{COMMANDS[encoder.modality]}"
        )
    return ClassProbe(
        encoder,
        _probe(place, str(document["method"])),
        [str(label) for label in document["labels"]],
        views=int(document["views"]),
    )


def _document(folder: Path, modality: Modality | None) -> dict[str, Any]:
    about = folder / ABOUT
    allowed = list(KINDS) if modality is None else [modality]
    kinds, commands = [KINDS[one] for one in allowed], [COMMANDS[one] for one in allowed]
    try:
        document = json.loads(about.read_text(encoding="utf-8"))
        if document["kind"] not in kinds:
            raise InvalidInputError(
                f"{folder} holds {document['kind']!r}, not {' or '.join(map(repr, kinds))}. Give a "
                f"folder that sememe train {' or '.join(commands)} wrote."
            )
        check_format(about, document["format"], FORMAT)
        names = ("encoder", "space", "method", "labels", "views", "sha256")
        found = {name: document[name] for name in names}
        got = _digest(folder / WEIGHTS)
    except FileNotFoundError as error:
        raise CorruptFileError(f"{folder} lacks {Path(error.filename).name}.") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise CorruptFileError(f"{about} is damaged: {error!r}. Train it anew") from error
    if got != found["sha256"]:
        raise CorruptFileError(f"{folder / WEIGHTS} is not the file that {ABOUT} means.")
    return found


def _probe(folder: Path, method: str) -> Probe:
    from sememe.evaluate.runners.few_shot import new_probe

    try:
        with np.load(folder / WEIGHTS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return new_probe(method).of(arrays)  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CorruptFileError(f"{folder / WEIGHTS} is damaged: {error!r}") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
