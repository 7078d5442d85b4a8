"""Lines of text "key number number ...": the body of word2vec text, GloVe and fastText .vec.

Fields are separated by single spaces; tabs are read too, 1.5 times slower. In files without a
header keys may contain spaces, as in GloVe 840B: the numbers are counted from the end of the line.
Such keys are not written, since other readers could not parse them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._types import FloatArray
from sememe.vectors.formats import file_errors
from sememe.vectors.formats.file_errors import error_at_line, show_bytes
from sememe.vectors.keys import Keys
from sememe.vectors.record import VectorRecord

_BLOCK = 8_000_000  # bytes of text parsed at once
_ROWS = 4096  # rows written at once
_FIRST = 1024  # rows to begin with
_SPACE = re.compile("[ \t\n\v\f\r]")
_MAX_KEY = 1_000_000  # bytes of a first line, at most
_MEND = "Mend or delete the line."
_UTF8 = "Save the file as UTF-8, for example with iconv."


def read_rows(
    file: IO[bytes], path: Path, *, dim: int, count: int | None, start: bytes = b""
) -> tuple[Keys, FloatArray]:
    """Read the rest of a file into one array: keys and (n, dim) float32.

    Args:
        file: Open file, at the first row, or after `start`.
        path: For error messages.
        dim: Numbers in a row.
        count: Number of rows according to the header, line 1; None without a header.
        start: Bytes of the first row that were read already.

    Raises:
        CorruptFileError: A line of another width, a field that is not a finite number, a key that
            is not UTF-8 or occurs twice, more or fewer lines than `count`.
    """
    keys: list[str] = []
    first_line = 1 if count is None else 2
    matrix = np.empty((min(count or _FIRST, _FIRST), dim), np.float32)
    for lines in _blocks(file, start):
        at = first_line + len(keys)
        names, values = _parse_lines(lines, dim, path, at, spaces=count is None)
        end = len(keys) + len(names)
        if count is not None and end > count:
            problem = f"the header gives {count} vectors, but another vector follows"
            cure = f"Write the true number in line 1, or cut the file after line {count + 1}."
            raise error_at_line(path, first_line + count, problem, do=cure)
        file_errors.reserve_rows(matrix, end)
        matrix[len(keys) : end] = values
        keys += names
    if count is not None and len(keys) < count:
        problem = f"the header gives {count} vectors, but the file ends after {len(keys)}"
        cure = f"Fetch the file again, or write {len(keys)} in line 1."
        raise error_at_line(path, first_line + len(keys) - 1, problem, do=cure)
    if not keys:
        raise CorruptFileError(f"{path} holds no vectors. Give a file with a line for each.")
    matrix.resize((len(keys), dim), refcheck=False)
    return file_errors.check_distinct(keys, path, first_line=first_line), matrix


def write_rows(file: IO[bytes], vectors: VectorRecord, *, trailing: str = "") -> None:
    """Write one line per key; numbers have 9 digits, which round-trip float32.

    trailing: Text before each line break.
    """
    form = " %.9g" * vectors.dim + trailing + "\n"
    for start in range(0, len(vectors), _ROWS):
        rows = vectors.matrix[start : start + _ROWS].tolist()
        keys = vectors.keys[start : start + _ROWS]
        lines = [key + form % tuple(row) for key, row in zip(keys, rows, strict=True)]
        file.write("".join(lines).encode())


def check_writable(vectors: VectorRecord, format: str) -> None:
    """Refuse keys that a reader of `format` would split or lose; InvalidInputError names one."""
    for row, key in enumerate(vectors.keys):
        if not key or _SPACE.search(key):
            what = "is empty" if not key else "holds white space"
        elif not key.isascii() and any("\ud800" <= c <= "\udfff" for c in key):
            what = "holds half of a surrogate pair"
        else:
            continue
        raise InvalidInputError(
            f"key {key!r} in row {row} {what}, and {format} cannot hold it. Write in the own "
            "format (format='sememe'), or leave such keys out with subset()."
        )
    if not len(vectors):
        raise InvalidInputError(f"there are no vectors; {format} needs one at least.")


def _blocks(file: IO[bytes], rest: bytes) -> Iterator[list[bytes]]:
    """Yield lists of whole lines, from `rest` on; empty lines at the file's end are left out."""
    while data := file.read(_BLOCK):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        if lines and not data.strip():
            rest = b"\n".join([*lines, rest])  # may be the end of the file
        elif lines:
            empty = len(lines)
            while empty and not lines[empty - 1].strip():
                empty -= 1
            rest = b"\n".join([*lines[empty:], rest])
            if empty:
                yield lines[:empty]
    if rest.strip():
        yield rest.rstrip().split(b"\n")


def _parse_lines(
    lines: list[bytes], dim: int, path: Path, first_line: int, *, spaces: bool
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the keys and numbers, (n, dim), of some lines; keys may hold spaces if `spaces`."""
    parts = [line.rstrip().split(b" ", 1) for line in lines]
    for i, part in enumerate(parts):
        if len(part) != 2 or part[1].count(b" ") != dim - 1:
            parts[i] = _split_from_end(lines[i], dim, path, first_line + i, spaces=spaces)
    numbers = _parse_numbers([part[1] for part in parts])
    if len(numbers) != len(lines) * dim or not _fits_float32(numbers):
        _raise_bad_number(parts, dim, path, first_line)
    try:
        keys = b"\n".join([part[0] for part in parts]).decode().split("\n")
    except UnicodeDecodeError:
        for i, part in enumerate(parts):
            try:
                part[0].decode()
            except UnicodeDecodeError:
                problem = f"the key {show_bytes(part[0])} is not UTF-8"
                raise error_at_line(path, first_line + i, problem, do=_UTF8) from None
        raise
    return keys, numbers.reshape(len(lines), dim)


def _split_from_end(line: bytes, dim: int, path: Path, number: int, *, spaces: bool) -> list[bytes]:
    """Split a line whose key has spaces, or refuse one that does not have `dim` numbers."""
    fields = line.rstrip().rsplit(None, dim)
    got = len(line.split()) - 1
    if len(fields) == dim + 1:
        key = fields[0]  # one that ends in a number means one number too many
        if got == dim or (spaces and not len(_parse_numbers(key.split()[-1:]))):
            return [key, b" ".join(fields[1:])]
    problem = f"got {max(got, 0)} numbers after the key, the vectors here have {dim}"
    raise error_at_line(path, number, f"{problem}: {show_bytes(line)}", do=_MEND)


def _parse_numbers(texts: list[bytes]) -> NDArray[np.float64]:
    """Return the numbers in some texts, up to the first that cannot be parsed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of text that is not a number
        try:
            return np.fromstring(b" ".join(texts), np.float64, sep=" ")
        except ValueError:
            return np.empty(0)


def _fits_float32(numbers: NDArray[np.float64]) -> bool:
    """Return whether all are finite in float32; NaN compares as false."""
    return bool((np.abs(numbers) <= np.finfo(np.float32).max).all())


def _raise_bad_number(parts: list[list[bytes]], dim: int, path: Path, first_line: int) -> None:
    """Raise for the first line with a field that is not a finite float32."""
    for i, (_, text) in enumerate(parts):
        numbers = _parse_numbers([text])
        if len(numbers) == dim and _fits_float32(numbers):
            continue
        values = ((field, _parse_numbers([field])) for field in text.split())
        bad = next((field for field, x in values if len(x) != 1 or not _fits_float32(x)), text)
        problem = f"got {show_bytes(bad)}, a vector holds finite float32"
        raise error_at_line(path, first_line + i, problem, do=_MEND)


def read_first_line(file: IO[bytes], path: Path) -> bytes:
    """Read one line of at most 1,000,000 bytes; refuse an empty file."""
    line = file.readline(_MAX_KEY)
    if not line.strip():
        raise error_at_line(path, 1, "there is nothing in it", do="Give a file with vectors.")
    return line
