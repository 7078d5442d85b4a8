"""Numbered lines of a text file of any size, decoded while reading."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sememe._errors import CorruptFileError
from sememe._types import Skipped
from sememe.sources.encoding import SAMPLE_BYTES, guess_encoding, looks_binary
from sememe.sources.open_file import CHUNK_BYTES, open_bytes
from sememe.sources.sanitize import Sanitizer

MAX_LINE = 64 << 20  # characters; longer lines are left out, with a note


class LineSource:
    """Lines of a source, with counts of what was lost in reading them."""

    unit = "million characters"  # of `MAX_LINE`

    def __init__(self, source: str, encoding: str) -> None:
        self.sanitizer = Sanitizer()
        self._source = source
        self._encoding = encoding
        self._replaced = 0
        self._damaged: list[int] = []  # the first few lines with replaced characters
        self._too_long: list[int] = []

    def notes(self) -> Iterator[Skipped]:
        """Yield what was replaced, removed or left out, once for the whole source."""
        if self._replaced:
            lines = ", ".join(map(str, self._damaged))
            yield Skipped(self._source, describe_replaced(self._replaced, self._encoding, lines))
        for note in self.sanitizer.notes():
            yield Skipped(self._source, note)
        for number in self._too_long:
            limit = f"{MAX_LINE >> 20} {self.unit}"
            yield Skipped(self._source, f"line {number}: longer than {limit}, left out")

    def _count_replaced(self, count: int, number: int) -> None:
        self._replaced += count
        if count and len(self._damaged) < 3:
            self._damaged.append(number)


class Lines(LineSource):
    r"""Iterates (number from 1, line with its line end); `notes` then lists what was lost.

    Line ends become "\n". Lines longer than `MAX_LINE` are left out.
    """

    def __init__(self, stream: BinaryIO, *, source: str, encoding: str, exact: bool) -> None:
        """Read from `stream`; with `exact`, all of it is known to be valid in that encoding."""
        super().__init__(source, encoding)
        self._text = io.TextIOWrapper(stream, encoding, "replace", newline=None)
        self._exact = exact

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(iter(lambda: self._text.readline(MAX_LINE), ""), 1):
            if len(line) == MAX_LINE and not line.endswith("\n"):
                self._too_long.append(number)
                while line and not line.endswith("\n"):
                    line = self._text.readline(CHUNK_BYTES)
                continue
            if not self._exact:
                self._count_replaced(line.count("\ufffd"), number)
            yield number, self.sanitizer.sanitize(line)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()


def describe_replaced(count: int, encoding: str, lines: str) -> str:
    """Return a note on how much could not be decoded.

    >>> describe_replaced(2, "utf-8", "7")
    '2 characters were not utf-8 and were replaced by U+FFFD (first on line 7)'
    """
    what = f"{count} characters were not {encoding} and were replaced by U+FFFD"
    return f"{what} (first on line {lines})"


def open_lines(path: Path, source: str) -> Lines:
    """Open a text file of any size; a first pass over it detects the encoding.

    Raises CorruptFileError if it is binary, or its compression is damaged.
    """
    with open_bytes(path) as stream:
        encoding, exact = _survey(stream)
    return Lines(open_bytes(path), source=source, encoding=encoding, exact=exact)


def _survey(stream: BinaryIO) -> tuple[str, bool]:
    """Return the encoding, and whether the whole stream is known to be valid in it."""
    head = stream.read(SAMPLE_BYTES)
    if looks_binary(head):
        raise CorruptFileError("binary file: it holds no text")
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    previous, chunk = b"", head
    while chunk:
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError:
            return guess_encoding(head if not previous else previous[-SAMPLE_BYTES:] + chunk), False
        if not previous and "\0" in text and guess_encoding(head).startswith("utf-16"):
            return guess_encoding(head), False
        previous, chunk = chunk, stream.read(CHUNK_BYTES)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return guess_encoding(previous[-SAMPLE_BYTES:]), False
    return "utf-8-sig", True
