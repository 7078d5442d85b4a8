"""Labelled images or audio: a folder per class, a table, or labels in file names.

cats/1.jpg, dogs/2.jpg             one folder per class
path,label,fold,group              a table (.csv, .tsv, .jsonl, .parquet); fold, group optional
7_anna_03.wav                      labels in file names: label_pattern="^[^_]+"
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe._types import Modality, Skipped
from sememe.sources.datasets.filename_patterns import match_filenames
from sememe.sources.datasets.image_text import IMAGE_NAMES
from sememe.sources.datasets.labelled_data import Labelled, describe_layout
from sememe.sources.datasets.table_rows import list_columns, read_table, require_column
from sememe.sources.datasets.transcripts import PATH_NAMES
from sememe.sources.files import find_files
from sememe.sources.formats import format_of
from sememe.sources.tables.column_names import find_name

_TABLES = ("csv", "jsonl", "parquet")
LABEL_NAMES = ("label", "class", "class_name", "category", "target", "라벨", "분류", "종류")
FOLD_NAMES = ("fold", "folds", "겹")
GROUP_NAMES = ("group", "speaker", "speaker_id", "그룹", "화자")


def read_labelled(
    data: Any, *, modality: Modality = "image", label_pattern: str | None = None
) -> Labelled:
    """Read the items of a folder or table with their labels, or take (items, labels).

    In a folder the label of an item is its topmost subfolder. Files of another format, or in no
    subfolder, are skipped with a reason.

    Args:
        data: A folder; a table with columns "path" and "label", optionally "fold" and "group", with
            paths relative to it; or (items, labels).
        modality: "image" or "audio".
        label_pattern: A regular expression that matches the label in each file name, in any folder:
            its only group, or the whole match.

    Raises:
        InvalidInputError: No such folder or table, or no item of that modality in it; another
            number of labels than items; or a name that does not match the pattern.
        CorruptFileError: A table cannot be read to its end.
    """
    if isinstance(data, Labelled):
        return data
    if isinstance(data, str | PathLike):
        path = Path(data)
        if not path.is_file():
            return _read_folder(path, modality, label_pattern)
        if format_of(path.name)[0] in _TABLES and label_pattern is None:
            return _read_table(path, modality)
        raise InvalidInputError(f"{path} is a file; give {describe_layout(modality)}.")
    what = noun(modality)
    if not isinstance(data, Sequence) or len(data) != 2:
        raise InvalidInputError(
            f"got {type(data).__name__}; give {describe_layout(modality)}, or ({what}s, labels)."
        )
    items, labels = tuple(data[0]), tuple(map(str, data[1]))
    if len(items) != len(labels):
        raise InvalidInputError(
            f"got {len(items)} {what}s and {len(labels)} labels. Give one label for each {what}."
        )
    return Labelled(items, labels, modality=modality)


def _read_folder(folder: Path, modality: Modality, pattern: str | None) -> Labelled:
    items, labels, skipped = [], [], []
    for file in find_files(folder):
        if isinstance(file, Skipped):
            skipped.append(file)
        elif "/" not in file.source and pattern is None:
            skipped.append(Skipped(file.source, "not in the folder of a class"))
        elif format_of(file.source)[0] != modality:
            why = f"by its suffix no {noun(modality)} that can be read"
            skipped.append(Skipped(file.source, why))
        else:
            items.append(file.path)
            labels.append(file.source.partition("/")[0])
    if not items:
        where = "" if pattern is not None else " in folders"
        raise InvalidInputError(
            f"{folder} holds no {noun(modality)}s{where}; give {describe_layout(modality)}."
        )
    named = tuple(labels) if pattern is None else match_filenames(items, pattern, "label pattern")
    return Labelled(tuple(items), named, tuple(skipped), modality)


def _read_table(table: Path, modality: Modality) -> Labelled:
    """Read a table; rows without a path or a label are skipped with a reason."""
    rows = read_table(table, f"{noun(modality)}s and labels")
    path = require_column(rows, table, f"{noun(modality)}s", (*PATH_NAMES, *IMAGE_NAMES))
    label = require_column(rows, table, "labels", LABEL_NAMES)
    names = list_columns(rows)
    columns = path, label, find_name(names, FOLD_NAMES), find_name(names, GROUP_NAMES)
    labelled: list[tuple[str, ...]] = []
    skipped: list[Skipped] = []
    for number, row in enumerate(rows, 1):
        values = [row.get(name) if name else None for name in columns]
        cells = tuple("" if value is None else str(value).strip() for value in values)
        if cells[0] and cells[1]:
            labelled.append(cells)
        else:
            lacks = "path" if not cells[0] else "label"
            skipped.append(Skipped(cells[0] or f"{table.name}, record {number}", f"no {lacks}"))
    if not labelled:
        raise InvalidInputError(f"{table} has no row with a path and a label. Give some.")
    paths, labels, folds, groups = zip(*labelled, strict=True)
    folds = check_complete(folds, table, "fold")
    groups = check_complete(groups, table, "group")
    items = tuple(table.parent / name for name in paths)
    return Labelled(items, labels, tuple(skipped), modality, folds, groups)


def check_complete(values: tuple[str, ...], table: Path, what: str) -> tuple[str, ...]:
    """Return the values, () if no row has one, or refuse a table in which only some have one."""
    if not any(values):
        return ()
    if not all(values):
        raise InvalidInputError(
            f"{table}: {values.count('')} of {len(values)} rows have no {what}. Complete or remove "
            "them."
        )
    return values
