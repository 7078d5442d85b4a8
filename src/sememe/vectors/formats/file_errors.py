"""Errors of vector files, with line or byte, and the checks all readers share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sememe._errors import CorruptFileError
from sememe._types import FloatArray
from sememe.vectors.keys import ListKeys, find_repeat

_SHOWN = 60  # characters of a line shown


def error_at_line(path: Path, line: int, problem: str, *, do: str) -> CorruptFileError:
    """Return the error for a line, counted from 1."""
    return CorruptFileError(f"{path}, line {line}: {problem}. {do}")


def error_at_byte(path: Path, byte: int, problem: str, *, do: str) -> CorruptFileError:
    """Return the error for a byte of a binary file, counted from 0."""
    return CorruptFileError(f"{path}, byte {byte}: {problem}. {do}")


def show_bytes(data: bytes) -> str:
    r"""Return the beginning of some bytes, quoted for an error message.

    >>> print(show_bytes(b"caf\xe9"))
    'caf\xe9'
    """
    text = data[:_SHOWN].decode("utf-8", "backslashreplace")
    return f"'{text}'" + ("..." if len(data) > _SHOWN else "")


def check_distinct(keys: Sequence[str], path: Path, *, first_line: int | None = None) -> ListKeys:
    """Return the keys of a file as ListKeys.

    first_line: The line of the first key, for text; keys of binary files are counted from 1.
    CorruptFileError if a key occurs twice.
    """
    if repeat := find_repeat(keys):
        what, base = ("vector", 1) if first_line is None else ("line", first_line)
        raise CorruptFileError(
            f"{path}, {what} {repeat[1] + base}: key {keys[repeat[1]]!r} was there before, as "
            f"{what} {repeat[0] + base}; a key comes once. Delete one of the two."
        )
    return ListKeys(keys)


def reserve_rows(matrix: FloatArray, rows: int) -> None:
    """Grow an array in place to hold `rows` rows; the size in a header may be wrong."""
    if rows > len(matrix):
        matrix.resize((max(rows, len(matrix) * 3 // 2), matrix.shape[1]), refcheck=False)
