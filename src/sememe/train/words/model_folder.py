"""A trained model as a folder: the vectors, and beside them what going on with training needs.

the files of `sememe.vectors.formats.folder`, kind "word2vec" or "fasttext" in sememe.json
state/<array>.npy      the rows that were trained, inputs and outputs, without padding
phrases.json           the pairs joined before, where `sememe train --phrases` did so

All of it is written into a folder beside, which then takes the name: the state and the vectors are
of one model always.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.train.base.output_folder import check_place
from sememe.train.words.corpus.vocabulary import Vocabulary
from sememe.train.words.kernels.rows import new_rows, row_width
from sememe.train.words.report import TrainingReport
from sememe.vectors.atomic import replaced, written
from sememe.vectors.formats.folder import FILES, read_document, read_vectors, write_vectors
from sememe.vectors.keyed import from_record

if TYPE_CHECKING:
    from sememe.train.words.word2vec import Word2Vec

Model = TypeVar("Model", bound="Word2Vec")
MODEL_FILES = (*FILES, "state", "phrases.json")
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
    check_place(folder, model.kind, files=MODEL_FILES)
    arrays = model._trained()
    with replaced(folder.resolve()) as fresh:
        (fresh / "state").mkdir()
        for name, rows in arrays.items():
            with written(fresh / "state" / f"{name}.npy") as file:
                np.save(file, rows[:, : model.dim], allow_pickle=False)
        write_vectors(fresh, model.vectors_.record, kind=model.kind, facts=facts)
    return folder


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
