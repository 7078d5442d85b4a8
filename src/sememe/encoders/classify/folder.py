"""The folder of a classifier on an encoder's vectors.

sememe.json    kind ("image-classifier", "audio-classifier", "text-classifier"), the encoder's name
               and space, labels, figures
weights.npz    arrays of what was learnt, hashed in sememe.json
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError, SpaceMismatchError
from sememe._persistence import ABOUT, check_format, expect_valid, hash_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import Encoder, Modality

WEIGHTS = "weights.npz"
FORMAT = 1
KINDS: dict[Modality, str] = {
    "text": "text-classifier", "image": "image-classifier", "audio": "audio-classifier",
}  # fmt: skip
COMMANDS: dict[Modality, str] = {
    "text": "text-classifier", "image": "classifier", "audio": "audio-classifier",
}  # fmt: skip
_CURE = "Train it again"
Made = TypeVar("Made")


def write_classifier(
    folder: Path,
    encoder: Encoder,
    labels: Sequence[str],
    arrays: Mapping[str, NDArray[Any]],
    facts: Mapping[str, Any],
) -> None:
    """Write both files into an existing folder. facts: Further entries of sememe.json."""
    with (folder / WEIGHTS).open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    document = {
        "format": FORMAT,
        "kind": KINDS[encoder.modality],
        "encoder": encoder.name,
        "space": encoder.space,
        "labels": list(labels),
        "sha256": hash_file(folder / WEIGHTS).hexdigest(),
        **facts,
    }
    text = json.dumps(document, ensure_ascii=False, indent=1)
    (folder / ABOUT).write_text(text + "\n", encoding="utf-8")


def read_about(folder: Path, allowed: Sequence[Modality], names: Sequence[str]) -> dict[str, Any]:
    """Return the encoder's name and space, the labels and further fields of sememe.json.

    allowed: What the classifier may be of. names: Of the further fields.

    Raises:
        InvalidInputError: The folder holds something else.
        CorruptFileError: A file is missing or damaged, or of a newer format.
    """
    about = folder / ABOUT
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
        fields = {name: document[name] for name in ("encoder", "space", "labels", "sha256", *names)}
    if hash_file(folder / WEIGHTS).hexdigest() != fields["sha256"]:
        raise CorruptFileError(f"{folder / WEIGHTS} does not match its hash in {ABOUT}. {_CURE}")
    return fields


def read_arrays(folder: Path, make: Callable[[dict[str, NDArray[Any]]], Made]) -> Made:
    """Return what is made of the arrays; CorruptFileError if they are damaged or others."""
    errors = (OSError, ValueError, KeyError, zipfile.BadZipFile)
    with expect_valid(folder / WEIGHTS, cure=_CURE, errors=errors):
        with np.load(folder / WEIGHTS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return make(arrays)


def open_encoder(
    folder: Path, about: Mapping[str, Any], encoder: Encoder | None, *, threads: int | None
) -> Encoder:
    """Return the encoder, loaded by its name unless given.

    Raises:
        SpaceMismatchError: Its vectors are of another space than those learnt from.
    """
    if encoder is None:
        from sememe.encoders.load.by_name import load

        encoder = load(str(about["encoder"]), threads=threads)
    if encoder.space != about["space"]:
        raise SpaceMismatchError(
            f"{folder} was trained on vectors of {about['encoder']} in the space "
            f"{about['space']}; {encoder.name} makes them in {encoder.space}. Give the encoder "
            f"it was trained on, or train it again: sememe train {COMMANDS[encoder.modality]}"
        )
    return encoder
