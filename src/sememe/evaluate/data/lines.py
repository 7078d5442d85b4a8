"""Read evaluation files line by line, with errors that name the line."""

from __future__ import annotations

import gzip
import lzma
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError

SUFFIXES = ("", ".gz", ".xz")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Yield (number from 1, line without its end) of a UTF-8 file, plain, .gz or .xz.

    Only \n ends a line: `str.splitlines` would also split at U+2028, \x85 and others, which occur
    inside sentences. A \r before it and a byte order mark are dropped.
    """
    if not path.is_file():
        raise InvalidInputError(f"{path} is not a file. Give the path of an existing file.")
    try:
        openers: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
        with openers.get(path.suffix, Path.open)(path, "rb") as stream:
            for number, raw in enumerate(stream, 1):
                yield number, _decode_line(raw, path, number)
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        message = f"{path} is not a whole {path.suffix} file ({error}). Fetch or compress it again."
        raise CorruptFileError(message) from error
    except OSError as error:
        message = f"{path} cannot be read ({error}). Check its permissions."
        raise InvalidInputError(message) from error


def _decode_line(raw: bytes, path: Path, number: int) -> str:
    encoding = "utf-8-sig" if number == 1 else "utf-8"
    try:
        return raw.removesuffix(b"\n").removesuffix(b"\r").decode(encoding)
    except UnicodeDecodeError as error:
        got = f"byte {raw[error.start]:#04x} in column {error.start + 1}"
        do = "Convert the file first: iconv -f ENCODING -t UTF-8."
        raise line_error(path, number, got=got, allowed="UTF-8 text", do=do) from error


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
