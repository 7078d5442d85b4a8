"""Lines of text "key number number ...": the body of word2vec text, GloVe and fastText .vec.

Fields are separated by single spaces; tabs are read too, in half as much time again. Where there is
no header, a key with spaces can be read, as GloVe 840B needs: the numbers are counted from the end.
None is written: other readers cannot tell.
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
from sememe.vectors.formats.file_errors import at_line, distinct, grown, shown
from sememe.vectors.keys import Keys
from sememe.vectors.record import VectorRecord

_BLOCK = 8_000_000  # bytes of text parsed at once
_ROWS = 4096  # rows written at once
_FIRST = 1024  # rows to begin with
_SPACE = re.compile("[ \t\n\v\f\r]")
_MAX_KEY = 1_000_000  # characters of a line that are no numbers, at most
_UTF8 = "Save the file as UTF-8, for example with iconv"


def read_rows(
    file: IO[bytes], path: Path, *, dim: int, count: int | None, first_line: int
) -> tuple[Keys, FloatArray]:
    """Read the rest of a file into one array: keys and (n, dim) float32.

    Args:
        file: Stands at the beginning of the first row.
        path: For errors.
        dim: Numbers of a row.
        count: How many rows the header says there are; None where there is no header.
        first_line: The number of the line where `file` stands, from 1.

    Raises:
        CorruptFileError: A line of another width, a number that is none or not finite, a key that
            is not UTF-8 or comes twice, more or fewer lines than `count`.
    """
    keys: list[str] = []
    matrix = np.empty((min(count or _FIRST, _FIRST), dim), np.float32)
    for lines in _blocks(file):
        at = first_line + len(keys)
        names, values = _parsed(lines, dim, path, at, spaces=count is None)
        end = len(keys) + len(names)
        if count is not None and end > count:
            raise at_line(
                path,
                first_line + count,
                f"the header says {count} vectors, and here begins another",
                do=f"Write the true number in line 1, or cut the file after line {count + 1}.",
            )
        grown(matrix, end)
        matrix[len(keys) : end] = values
        keys += names
    if count is not None and len(keys) < count:
        raise at_line(
            path,
            first_line + len(keys) - 1,
            f"the header says {count} vectors, and the file ends after {len(keys)}",
            do=f"Fetch the file again, or write {len(keys)} in line 1.",
        )
    if not keys:
        raise CorruptFileError(f"{path} holds no vectors. Give a file with a line for each.")
    matrix.resize((len(keys), dim), refcheck=False)
    return distinct(keys, path, first_line=first_line), matrix


def write_rows(file: IO[bytes], vectors: VectorRecord, *, trailing: str = "") -> None:
    """Write a line for each key; 9 digits of each number, which give the same float32 again.

    trailing: What stands before the end of each line.
    """
    form = " %.9g" * vectors.dim + trailing + "\n"
    for start in range(0, len(vectors), _ROWS):
        rows = vectors.matrix[start : start + _ROWS].tolist()
        keys = vectors.keys[start : start + _ROWS]
        lines = [key + form % tuple(row) for key, row in zip(keys, rows, strict=True)]
        file.write("".join(lines).encode())


def check_writable(vectors: VectorRecord, format: str) -> None:
    """Refuse keys that a reader of `format` would cut or not find.

    Raises:
        InvalidInputError: A key is empty, holds white space or a lone surrogate.
    """
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


def _blocks(file: IO[bytes]) -> Iterator[list[bytes]]:
    """Yield whole lines, some at a time; the empty lines at the end are left out."""
    rest = b""
    while data := file.read(_BLOCK):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        if lines and not data.strip():
            rest = b"\n".join([*lines, rest])  # nothing but the end of the file, perhaps
        elif lines:
            empty = len(lines)
            while empty and not lines[empty - 1].strip():
                empty -= 1
            rest = b"\n".join([*lines[empty:], rest])
            if empty:
                yield lines[:empty]
    if rest.strip():
        yield rest.rstrip().split(b"\n")


def _parsed(
    lines: list[bytes], dim: int, path: Path, first_line: int, *, spaces: bool
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the keys and numbers of some lines; keys may hold spaces if `spaces`."""
    parts = [line.rstrip().split(b" ", 1) for line in lines]
    for i, part in enumerate(parts):
        if len(part) != 2 or part[1].count(b" ") != dim - 1:
            parts[i] = _from_the_end(lines[i], dim, path, first_line + i, spaces=spaces)
    numbers = _numbers([part[1] for part in parts])
    if len(numbers) != len(lines) * dim or not _fits(numbers):
        _find_bad_number(parts, dim, path, first_line)
    try:
        keys = b"\n".join([part[0] for part in parts]).decode().split("\n")
    except UnicodeDecodeError:
        for i, part in enumerate(parts):
            try:
                part[0].decode()
            except UnicodeDecodeError:
                problem = f"the key {shown(part[0])} is not UTF-8"
                raise at_line(path, first_line + i, problem, do=f"{_UTF8}.") from None
        raise
    return keys, numbers.reshape(len(lines), dim)


def _from_the_end(line: bytes, dim: int, path: Path, number: int, *, spaces: bool) -> list[bytes]:
    """Cut a line whose key has spaces, or refuse one that has not `dim` numbers."""
    fields = line.rstrip().rsplit(None, dim)
    got = len(line.split()) - 1
    if len(fields) == dim + 1 and (got == dim or (spaces and not _too_many(fields[0]))):
        return [fields[0], b" ".join(fields[1:])]
    raise at_line(
        path,
        number,
        f"got {max(got, 0)} numbers after the key, the vectors here have {dim}: {shown(line)}",
        do="Mend or delete the line.",
    )


def _too_many(key: bytes) -> bool:
    """Say whether what would be the key ends in a number, so that there is one too many."""
    return len(_numbers([key.split()[-1]])) > 0


def _numbers(texts: list[bytes]) -> NDArray[np.float64]:
    """Return the numbers of some texts, as many as could be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a text that is no number
        try:
            return np.fromstring(b" ".join(texts), np.float64, sep=" ")
        except ValueError:
            return np.empty(0)


def _fits(numbers: NDArray[np.float64]) -> bool:
    """Say whether all are finite float32; NaN compares as false."""
    return bool((np.abs(numbers) <= np.finfo(np.float32).max).all())


def _find_bad_number(parts: list[list[bytes]], dim: int, path: Path, first_line: int) -> None:
    """Say which line holds what is no number, or none that a vector may hold."""
    for i, (_, text) in enumerate(parts):
        numbers = _numbers([text])
        if len(numbers) == dim and _fits(numbers):
            continue
        fields = text.split()
        bad = next((f for f in fields if len(n := _numbers([f])) != 1 or not _fits(n)), text)
        raise at_line(
            path,
            first_line + i,
            f"got {shown(bad)}, a vector holds finite float32",
            do="Mend or delete the line.",
        )


def first_line_of(file: IO[bytes], path: Path) -> bytes:
    """Read one line, which must be there and not too long to be one."""
    line = file.readline(_MAX_KEY)
    if not line.strip():
        raise at_line(path, 1, "there is nothing in it", do="Give a file with vectors.")
    return line


def put_back(line: bytes, file: IO[bytes]) -> IO[bytes]:
    """Return a file that begins with `line` again."""
    return _Prefixed(line, file)  # type: ignore[return-value]


class _Prefixed:
    def __init__(self, data: bytes, file: IO[bytes]) -> None:
        self._data = data
        self._file = file

    def read(self, size: int) -> bytes:
        data, self._data = self._data, b""
        return data + self._file.read(size)
