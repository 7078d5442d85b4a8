"""Tables of scored pairs: sentence similarity (STS) and word similarity."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sememe._errors import InvalidInputError
from sememe.evaluate.data.lines import (
    is_title,
    join_names,
    line_error,
    list_data_files,
    parse_number,
    read_lines,
)

_FIRST = ("sentence1", "s1", "text1", "sentence_1", "word1", "word 1")
_SECOND = ("sentence2", "s2", "text2", "sentence_2", "word2", "word 2")
_SCORE = ("score", "similarity", "gold", "mean", "human (mean)", "simlex999", "kor_score")

_PLAIN = (0, 1, 2)  # first, second, score
_STSB = (5, 6, 4)  # genre, file, year, id, score, sentence1, sentence2[, attribution]


class ScoredPair(NamedTuple):
    """Two texts and their similarity as rated by humans; higher is more similar."""

    first: str
    second: str
    score: float


def read_sts(path: str | Path, *, split: str = "test") -> list[ScoredPair]:
    """Read sentence pairs from a table separated by tabs, where quotes are text, or by commas.

    Columns are identified by the header (KorSTS, GLUE), if any. Without one, three columns are
    sentence1, sentence2, score, and seven or more are STS-B's genre, file, year, id, score,
    sentence1, sentence2. A folder must hold exactly one file with `split` in its name.

    Raises:
        InvalidInputError: A row lacks a column or has no valid score (names the line).
    """
    file = _file_of_split(Path(path), split)
    lines = [(number, line) for number, line in read_lines(file) if line.strip()]
    if "\t" in (lines[0][1] if lines else "\t"):
        rows = ((number, line.split("\t")) for number, line in lines)
        return _make_pairs(file, rows, separator="tab")
    rows = ((number, next(csv.reader([line]))) for number, line in lines)
    return _make_pairs(file, rows, separator="tab or comma")


def read_word_pairs(path: str | Path) -> list[ScoredPair]:
    """Read rows of word1, word2, score, separated by tabs, commas or spaces, like the first row.

    Lines that start with # are comments; a row whose third column is a word is a header.

    Raises:
        InvalidInputError: A row lacks a column or has no valid score (names the line).
    """
    file = Path(path)
    kept = (row for row in read_lines(file) if row[1].strip() and not row[1].startswith("#"))
    return _make_pairs(file, _split_alike(kept), separator="tab, comma or space")


def _file_of_split(path: Path, split: str) -> Path:
    if not path.is_dir():
        return path
    files = list_data_files(path)
    matching = [file for file in files if split in file.name]
    if len(matching) != 1:
        raise InvalidInputError(
            f"{path} holds {join_names(files)}; allowed: exactly one file with {split!r} in its "
            "name. Give the file itself, or another split."
        )
    return matching[0]


def _split_alike(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Split every line at the separator of the first one."""
    separator: str | None = None
    for index, (number, line) in enumerate(lines):
        if index == 0:
            separator = next((mark for mark in "\t," if line.count(mark) >= 2), None)
        yield number, [cell.strip() for cell in line.split(separator)]


def _make_pairs(
    path: Path, rows: Iterator[tuple[int, list[str]]], *, separator: str
) -> list[ScoredPair]:
    pairs: list[ScoredPair] = []
    columns: tuple[int, int, int] | None = None
    for number, cells in rows:
        if columns is None:
            columns, is_header = _layout(cells)
            if is_header:
                continue
        first, second, score = columns
        if len(cells) <= max(columns):
            got, do = f"{len(cells)} columns", "Complete the row or remove it."
            allowed = f"{max(columns) + 1} or more, separated by {separator}"
            raise line_error(path, number, got=got, allowed=allowed, do=do)
        value = parse_number(cells[score])
        if value is None:
            got = f"{cells[score][:40]!r} as score (column {score + 1})"
            do = "Correct the row, or name the score column `score` in a header."
            raise line_error(path, number, got=got, allowed="a finite number", do=do)
        pairs.append(ScoredPair(cells[first], cells[second], value))
    if not pairs:
        raise InvalidInputError(f"{path} holds no pair. Give rows of text, text and score.")
    return pairs


def _layout(cells: list[str]) -> tuple[tuple[int, int, int], bool]:
    """Return the (first, second, score) columns, and whether this first row is a header."""
    by_position = _STSB if len(cells) >= 7 else _PLAIN
    if len(cells) > max(by_position) and parse_number(cells[by_position[2]]) is not None:
        return by_position, False
    header = [cell.strip().lower() for cell in cells]
    named = [
        next((header.index(name) for name in allowed if name in header), None)
        for allowed in (_FIRST, _SECOND, _SCORE)
    ]
    first, second, score = named
    if first is not None and second is not None:
        return (first, second, 2 if score is None else score), True
    # Three columns without known names, as `Wort 1, Wort 2, Wert`, are a header too. A wider row
    # without known names is read as data, and its invalid score is reported.
    return by_position, len(cells) == 3 and is_title(cells[2])
