"""A trained model as a folder: the vectors, and beside them what going on with training needs.

the files of `sememe.vectors.formats.folder`, kind "word2vec" or "fasttext" in sememe.json
state/<array>.npy      the rows that were trained, inputs and outputs, without padding
phrases.json           the pairs joined before, where `sememe train --phrases` did so

All of it is written into a folder beside, which then takes the name: the state and the vectors are
of one model always.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.train.words.checkpoint import check_room
from sememe.train.words.corpus.vocabulary import Vocabulary
from sememe.train.words.kernels.rows import new_rows, row_width
from sememe.train.words.report import TrainingReport
from sememe.vectors.atomic import replaced, written
from sememe.vectors.formats.folder import (
    FILES,
    read_document,
    read_vectors,
    refuse_other_kinds,
    write_vectors,
)
from sememe.vectors.keyed import from_record

if TYPE_CHECKING:
    from sememe.train.words.word2vec import Word2Vec

Model = TypeVar("Model", bound="Word2Vec")
_FILES = (*FILES, "state", "phrases.json")
_SUMS = ("n_words", "n_sentences", "n_distinct")


def write_model(folder: Path, model: Word2Vec) -> Path:
    """Write a fitted model into a folder, in place of one that may be there.

    Raises:
        InvalidInputError: What `check_place` refuses.
    """
    facts = {
        "parameters": model.lasting_parameters(),
        "corpus": {name: getattr(model.vocabulary_, name) for name in _SUMS},
        "training": asdict(model.report_),
    }
    check_place(folder, model.kind)
    arrays = model._trained()
    with replaced(folder.resolve()) as fresh:
        (fresh / "state").mkdir()
        for name, rows in arrays.items():
            with written(fresh / "state" / f"{name}.npy") as file:
                np.save(file, rows[:, : model.dim], allow_pickle=False)
        write_vectors(fresh, model.vectors_.record, kind=model.kind, facts=facts)
    return folder


def check_place(folder: Path, kind: str, *, files: Collection[str] = _FILES) -> None:
    """Refuse, before any work, a folder that a model of `kind` cannot be saved as.

    files: The names of the files such a model has.

    Raises:
        InvalidInputError: It is a file or lies beneath one, cannot be replaced, or holds what is no
            saved model of the kind: to replace it would delete that.
    """
    if not is_replaceable(folder):
        return
    refuse_other_kinds(folder, kind)
    refuse_others(
        folder, (path.name for path in folder.iterdir() if not _is_one_of(files, path.name))
    )


def is_replaceable(folder: Path) -> bool:
    """Say whether there is a folder, which can be replaced by another.

    Raises:
        InvalidInputError: It is a file or lies beneath one, or cannot be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"{folder} is a file, a model is a folder. Name another.")
    check_room(folder, "model")
    if not folder.is_dir():
        return False
    place = folder.resolve()
    if Path.cwd().is_relative_to(place) or place.is_mount():
        what = "a mount point" if place.is_mount() else "the folder you work in, or above it"
        raise InvalidInputError(f"{folder} is {what}; it cannot be replaced. Name one within it.")
    check_room(place.parent, "model")
    return True


def refuse_others(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder with files that are no part of what it is said to hold.

    Raises:
        InvalidInputError: There are such names.
    """
    if others := sorted(names):
        raise InvalidInputError(
            f"{folder} holds {', '.join(others[:3])}{', ...' * (len(others) > 3)}, no part of a "
            "saved model, which the new one would replace. Name another folder, or move that away."
        )


def _is_one_of(files: Collection[str], name: str) -> bool:
    """Say whether a model has a file of that name, or a kill leaves it."""
    half = re.fullmatch(r"\.(.+)\.\d+\.tmp", name)
    return (half[1] if half else name) in files


def read_model(folder: Path, cls: type[Model]) -> Model:
    """Read a model that `write_model` wrote."""
    if folder.is_file():
        raise InvalidInputError(
            f"{folder} is a file: it may hold vectors, but not the state that training goes on "
            f"from. Give the folder that {cls.__name__}.save wrote, or train anew; for the vectors "
            f"alone type KeyedVectors.load({str(folder)!r})."
        )
    document = read_document(folder)
    if document["kind"] != cls.kind or "parameters" not in document:
        raise CorruptFileError(
            f"{folder} holds {document['kind']!r}, not a trained {cls.kind!r}. For the vectors "
            f"alone type KeyedVectors.load({str(folder)!r})."
        )
    known = {field.name for field in fields(cls) if field.init}
    try:
        model = cls(**{k: v for k, v in document["parameters"].items() if k in known})
        sums = {name: document["corpus"][name] for name in _SUMS}
        report = TrainingReport.of(document["training"])
    except (KeyError, TypeError) as error:
        raise CorruptFileError(f"{folder}: sememe.json is damaged ({error!r}).") from error
    vectors = from_record(read_vectors(folder))
    if vectors.counts is None:
        raise CorruptFileError(f"{folder} lacks counts.npy. Train and save the model again.")
    model.vectors_ = vectors
    model.vocabulary_ = Vocabulary(tuple(vectors.keys), np.array(vectors.counts), **sums)
    model.report_ = report
    model._arrays = folder / "state"
    return model


def read_arrays(
    folder: Path, dim: int, sizes: Mapping[str, int], *, fingerprint: str
) -> dict[str, Any]:
    """Return the trained rows, padded for the kernels.

    sizes: How many rows each array has, by name. fingerprint: Of the vectors that were loaded.

    Raises:
        CorruptFileError: One is missing, unreadable, or of another shape, or the folder holds
            another model by now.
    """
    if read_document(folder.parent).get("fingerprint") != fingerprint:
        raise CorruptFileError(
            f"{folder.parent} holds another model than when it was loaded. Load it again."
        )
    arrays = {}
    for name, n in sizes.items():
        path = folder / f"{name}.npy"
        try:
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
            if rows.shape != (n, dim) or rows.dtype != np.float32:
                raise ValueError(f"it is {rows.dtype} {rows.shape}, not float32 {(n, dim)}")
        except (OSError, ValueError) as error:
            raise CorruptFileError(
                f"{path} cannot be read: {error}. Without it training cannot go on; the vectors "
                "themselves may still be whole."
            ) from error
        arrays[name] = new_rows(n, dim, row_width(dim), seed=None)
        arrays[name][:, :dim] = rows
    return arrays
