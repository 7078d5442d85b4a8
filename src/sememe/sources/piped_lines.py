"""Read piped input: one item per line."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, cast

from sememe._types import Item, Skipped
from sememe.sources.encoding import decode
from sememe.sources.lines import MAX_LINE, describe_replaced
from sememe.sources.magic_bytes import SIGNATURES
from sememe.sources.sanitize import Sanitizer
from sememe.sources.tables.jsonl import parse_line, read_records

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def read_lines(stream: BinaryIO, *, source: str = "stdin") -> Iterator[Item | Skipped]:
    """Read one item from each line that is not empty, as the lines arrive.

    If the first such line is a JSON object, all are read as JSON Lines. A line that is not UTF-8 is
    decoded with an encoding guessed for that line; a stream that starts with a UTF-16 byte order
    mark is UTF-16. Ids are `source#<id>` for JSON, and a hash of the content for other lines, so
    that later input adds to earlier input and a repeated line is one item.

    Args:
        stream: A binary stream, such as `sys.stdin.buffer`.
        source: Display name, also used in ids.
    """
    lines = _PipedLines(stream, source)
    numbered = iter(lines)
    first = next((pair for pair in numbered if pair[1].strip()), None)
    if lines.binary:
        yield Skipped(source, f"no text: by its first bytes {lines.binary}; give the file's path")
        return
    if first is None:
        yield Skipped(source, "empty: it holds no text")
        yield from lines.notes()
        return
    rest = chain([first], numbered)
    if isinstance(parse_line(first[1]), dict):
        yield from read_records(rest, source)
    else:
        for _, line in rest:
            if content := line.strip():
                name = hashlib.blake2b(content.encode(), digest_size=6).hexdigest()
                yield Item(f"{source}#{name}", content, "text", source, {})
    yield from lines.notes()


class _PipedLines:
    """The numbered lines of a stream that can be read only once."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._stream = stream
        self._source = source
        self._sanitizer = Sanitizer()
        self._replaced = 0
        self._first_damaged = 0
        self._left_out: list[int] = []
        self.binary = ""  # the format, if the first bytes are not text

    def __iter__(self) -> Iterator[tuple[int, str]]:
        head = self._stream.read(4)
        self.binary = next((what for mark, what in SIGNATURES if mark[:4] == head[: len(mark)]), "")
        if self.binary:
            return
        whole = io.BufferedReader(_Prefixed(head, self._stream))
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = io.TextIOWrapper(whole, "utf-16", "replace")
            for number, line in enumerate(iter(lambda: text.readline(MAX_LINE), ""), 1):
                yield number, self._sanitizer.sanitize(line)
            return
        for number, raw in enumerate(self._raw_lines(cast(BinaryIO, whole)), 1):
            yield number, self._sanitizer.sanitize(self._decode(raw, number))

    def notes(self) -> Iterator[Skipped]:
        """Yield what was replaced, removed or left out, once for the whole stream."""
        if self._replaced:
            note = describe_replaced(self._replaced, "UTF-8", str(self._first_damaged))
            yield Skipped(self._source, note)
        for note in self._sanitizer.notes():
            yield Skipped(self._source, note)
        for number in self._left_out:
            yield Skipped(self._source, f"line {number}: longer than {MAX_LINE >> 20} MB, left out")

    def _raw_lines(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield lines of bytes; one that is too long is yielded empty, to keep line numbers."""
        number = 0
        while line := stream.readline(MAX_LINE):
            number += 1
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                self._left_out.append(number)
                while line and not line.endswith(b"\n"):
                    line = stream.readline(MAX_LINE)
                line = b"\n"
            yield line

    def _decode(self, line: bytes, number: int) -> str:
        try:
            return line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            decoded = decode(line)
        if decoded.replaced and not self._replaced:
            self._first_damaged = number
        self._replaced += decoded.replaced
        return decoded.text


class _Prefixed(io.RawIOBase):
    """A stream with bytes that were read from it put back."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._read = getattr(stream, "read1", stream.read)  # what has arrived, without waiting

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data, self._head = self._head or self._read(len(view)), b""
        view[: len(data)] = data
        return len(data)
