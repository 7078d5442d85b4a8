"""Read evaluation files line by line, with errors that name the line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from sememe._errors import InvalidInputError
from sememe.text.lines import read_texts

SUFFIXES = ("", ".gz", ".xz")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line) of a UTF-8 file, plain, .gz or .xz; see `read_texts`."""
    if not path.is_file():
        raise InvalidInputError(f"{path} is not a file. Give the path of an existing file.")
    yield from enumerate(read_texts(path), 1)


def line_error(path: Path, number: int, *, got: str, allowed: str, do: str) -> InvalidInputError:
    """Return the error for a malformed line."""
    return InvalidInputError(f"{path}, line {number}: got {got}; allowed: {allowed}. {do}")


def parse_number(cell: str) -> float | None:
    """Return the finite decimal number in a cell, or None."""
    if "_" in cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_title(cell: str) -> bool:
    """Return whether a score cell is a word, so that its row is a header and not malformed."""
    word = cell.strip().lower()
    if word in {"nan", "inf", "infinity", "null", "none", "na"} or any(map(str.isdigit, word)):
        return False
    return word.isprintable() and any(map(str.isalpha, word))


def list_data_files(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted, except hidden ones, notes and licences."""
    notes = (".", "_", "README", "LICENSE", "LICENCE")
    files = (path for path in folder.iterdir() if path.is_file())
    return sorted(path for path in files if not path.name.upper().startswith(notes))


def join_names(paths: list[Path]) -> str:
    """Join file names for a message."""
    return ", ".join(path.name for path in paths) or "no file"
