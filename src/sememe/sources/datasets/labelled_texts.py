"""Labelled texts: a table, a folder per class, or texts and labels.

text,label,fold,group              a table (.csv, .tsv, .jsonl, .parquet); fold, group optional
sports/1.txt, cooking/2.docx       one folder per class; a table in it gives a text per row
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.sources.datasets.labelled import (
    FOLD_NAMES,
    GROUP_NAMES,
    LABEL_NAMES,
    check_complete,
    read_labelled,
)
from sememe.sources.datasets.labelled_data import Labelled, describe_layout
from sememe.sources.datasets.table_rows import list_columns, read_table, require_column
from sememe.sources.files import find_files
from sememe.sources.read import read_file
from sememe.sources.tables.column_names import TEXT_NAMES, find_name
from sememe.text.normalize import compose, well_formed

_WHOLE = re.compile(r"^(-?\d+)\.0+$")
TEXTS = (*TEXT_NAMES, "review", "comment", "message", "question", "리뷰", "댓글", "질문", "문의")
LABELS = (*LABEL_NAMES, "sentiment", "grade", "stars", "rating", "topic", "감정", "평점", "주제")


def read_labelled_texts(
    data: Any, *, text_column: str | None = None, label_column: str | None = None
) -> Labelled:
    """Read texts with their labels, or take (texts, labels).

    Labels are composed (NFC), and spaces around and runs of them inside are removed, so that labels
    that differ by a space are one class. Records without a text or a label are skipped with a
    reason.

    Args:
        data: A table with a column for texts and one for labels, optionally "fold" and "group"; a
            folder with a folder of documents for each class; or (texts, labels).
        text_column: Column of the texts; by default the first usual name, such as "text".
        label_column: Column of the labels; by default the first usual name, such as "label".

    Raises:
        InvalidInputError: No such table, folder or column; no labelled text in it; another number
            of labels than texts; a text that is no str.
        CorruptFileError: A table cannot be read to its end.
    """
    if isinstance(data, Labelled):
        return data
    if isinstance(data, str | PathLike):
        path = Path(data)
        if path.is_file():
            return _read_table(path, text_column, label_column)
        return _read_folder(path)
    given = read_labelled(data, modality="text")
    for i, text in enumerate(given.items):
        if not isinstance(text, str):
            raise InvalidInputError(f"text {i} is {type(text).__name__}. Give a str.")
    pairs = enumerate(zip(given.items, given.labels, strict=True))
    numbered = ((f"text {i}", *pair) for i, pair in pairs)
    return _collect(numbered, "the data")


def clean_label(label: str) -> str:
    r"""Return a label in NFC, without spaces around it and with single ones inside.

    Whole numbers lose a fraction of zeros, which spreadsheets write.

    >>> clean_label(" very  good\n"), clean_label("4.0")
    ('very good', '4')
    """
    cleaned = " ".join(compose(well_formed(label)).split())
    return _WHOLE.sub(r"\1", cleaned)


def _collect(rows: Iterable[tuple[str, str, str]], where: str, **columns: Any) -> Labelled:
    """Return the examples of (name, text, label), with what is skipped; where: For messages."""
    texts, labels, kept, skipped = [], [], [], []
    for i, (name, text, given) in enumerate(rows):
        label = clean_label(given)
        if text.strip() and label:
            texts.append(well_formed(text))
            labels.append(label)
            kept.append(i)
        else:
            skipped.append(Skipped(name, "no label" if text.strip() else "no text"))
    if not texts:
        raise InvalidInputError(f"{where} has no text with a label. Give {describe_layout('text')}")
    chosen = {name: tuple(values[i] for i in kept) for name, values in columns.items() if values}
    return Labelled(tuple(texts), tuple(labels), tuple(skipped), "text", **chosen)


def _read_table(table: Path, text_column: str | None, label_column: str | None) -> Labelled:
    rows = read_table(table, "texts and labels")
    text = require_column(rows, table, "texts", TEXTS, text_column, "--text-column")
    label = require_column(rows, table, "labels", LABELS, label_column, "--label-column")
    if text == label:
        raise InvalidInputError(f"{table}: column {text!r} is for texts and labels. Name two.")
    names = list_columns(rows)
    columns = {}
    for key, usual in (("folds", FOLD_NAMES), ("groups", GROUP_NAMES)):
        name = find_name(names, usual)
        values = tuple(_cell(row, name) for row in rows) if name else ()
        columns[key] = check_complete(values, table, key.removesuffix("s"))
    numbered = (
        (f"{table.name}, record {number}", _cell(row, text), _cell(row, label))
        for number, row in enumerate(rows, 1)
    )
    return _collect(numbered, str(table), **columns)


def _cell(row: Mapping[str, Any], name: str) -> str:
    """Return a cell as text; none and NaN are empty."""
    value = row.get(name)
    if isinstance(value, list | tuple):
        if len(value) > 1:
            raise InvalidInputError(
                f"column {name!r} holds several values in one record: {value!r}. Give one."
            )
        value = value[0] if value else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value)


def _read_folder(folder: Path) -> Labelled:
    rows: list[tuple[str, str, str]] = []
    skipped: list[Skipped] = []
    for file in find_files(folder):
        if isinstance(file, Skipped):
            skipped.append(file)
        elif "/" not in file.source:
            skipped.append(Skipped(file.source, "not in the folder of a class"))
        else:
            label = file.source.partition("/")[0]
            for item in read_file(file):
                if isinstance(item, Skipped):
                    skipped.append(Skipped(item.source or file.source, item.reason))
                elif item.modality != "text":
                    skipped.append(Skipped(file.source, f"not a text but {item.modality}"))
                else:
                    rows.append((item.id, str(item.content), label))
    read = _collect(rows, str(folder))
    return replace(read, skipped=(*skipped, *read.skipped))


def find_similar_labels(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Return groups of labels that differ only in case, the most frequent first, sorted.

    >>> find_similar_labels(["Good", "good", "bad", "good"])
    [('good', 'Good')]
    """
    counts = Counter(labels)
    groups: dict[str, list[str]] = {}
    for label in sorted(counts, key=lambda one: (-counts[one], one)):
        groups.setdefault(label.casefold(), []).append(label)
    return sorted(tuple(group) for group in groups.values() if len(group) > 1)
