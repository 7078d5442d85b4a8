"""A trained model as a folder: the vectors, and the state to continue training.

the files of `sememe.vectors.formats.folder`, kind "word2vec" or "fasttext" in sememe.json
state/<array>.npy      the rows that were trained, inputs and outputs, without padding
phrases.json           the pairs joined before, where `sememe train --phrases` did so

The folder is replaced as a whole, so that state and vectors are always of the same model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sememe._atomic import replace_folder, write_atomically
from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import ABOUT, expect_valid
from sememe.train.words.corpus.vocabulary import Vocabulary
from sememe.train.words.kernels.rows import new_rows, row_width
from sememe.train.words.report import TrainingReport
from sememe.vectors.formats.folder import (
    FILES,
    read_document,
    read_vectors,
    write_array,
    write_vectors,
)
from sememe.vectors.keyed import KeyedVectors, from_record

MODEL_FILES = (*FILES, "state", "phrases.json")
_SUMS = ("n_words", "n_sentences", "n_distinct")


def write_model(folder: Path, model: Any, arrays: Mapping[str, Any]) -> Path:
    """Write a Word2Vec or FastText; of its trained `arrays` (n, width) the first `dim` columns."""
    facts = {
        "parameters": model.lasting_parameters(),
        "corpus": {name: getattr(model.vocabulary_, name) for name in _SUMS},
        "training": asdict(model.report_),
    }
    with replace_folder(folder.resolve()) as fresh:
        (fresh / "state").mkdir()
        for name, rows in arrays.items():
            with write_atomically(fresh / "state" / f"{name}.npy") as file:
                write_array(file, rows[:, : model.vectors_.dim])
        write_vectors(fresh, model.vectors_.record, kind=model.kind, facts=facts)
    return folder


def read_model(
    folder: Path, kind: str, name: str
) -> tuple[dict[str, Any], Vocabulary, TrainingReport, KeyedVectors]:
    """Read a model of `kind`, whose class is called `name`: its parameters and results."""
    if folder.is_file():
        raise InvalidInputError(
            f"{folder} is a file: it may hold vectors, but not the state that training goes on "
            f"from. Give the folder that {name}.save wrote, or train anew; for the vectors "
            f"alone type KeyedVectors.load({str(folder)!r})."
        )
    document = read_document(folder)
    if document["kind"] != kind or "parameters" not in document:
        raise CorruptFileError(
            f"{folder} holds {document['kind']!r}, not a trained {kind!r}. For the vectors "
            f"alone type KeyedVectors.load({str(folder)!r})."
        )
    with expect_valid(folder / ABOUT, cure="Train and save the model again"):
        parameters = dict(document["parameters"])
        sums = {name: document["corpus"][name] for name in _SUMS}
        report = TrainingReport.of(document["training"])
    vectors = from_record(read_vectors(folder))
    if vectors.counts is None:
        raise CorruptFileError(f"{folder} lacks counts.npy. Train and save the model again.")
    vocabulary = Vocabulary(tuple(vectors.keys), np.array(vectors.counts), **sums)
    return parameters, vocabulary, report, vectors


def read_arrays(
    folder: Path, dim: int, sizes: Mapping[str, int], *, fingerprint: str
) -> dict[str, Any]:
    """Return the trained rows, padded for the kernels.

    sizes: Number of rows of each array, by name. fingerprint: That of the loaded vectors.

    Raises:
        CorruptFileError: An array is missing, unreadable, or of another shape, or the folder now
            holds another model.
    """
    if read_document(folder.parent).get("fingerprint") != fingerprint:
        raise CorruptFileError(
            f"{folder.parent} holds another model than when it was loaded. Load it again."
        )
    arrays = {name: new_rows(n, dim, row_width(dim), seed=None) for name, n in sizes.items()}
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
        arrays[name][:, :dim] = rows
    return arrays
