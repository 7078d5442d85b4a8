"""Read piped input: one item per line."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from sememe._types import Item, Skipped
from sememe.sources.encoding import decode
from sememe.sources.lines import MAX_LINE, LineSource
from sememe.sources.magic_bytes import SIGNATURES
from sememe.sources.open_file import RawStream
from sememe.sources.tables.jsonl import parse_line, read_records


def read_lines(stream: BinaryIO, *, source: str = "stdin") -> Iterator[Item | Skipped]:
    """Read one item from each line that is not empty, as the lines arrive.

    If the first such line is a JSON object, all are read as JSON Lines. A line that is not UTF-8 is
    decoded with an encoding guessed for that line; a stream that starts with a UTF-16 byte order
    mark is UTF-16. Ids are `source#<id>` for JSON, and a hash of the content for other lines, so
    that later input adds to earlier input and a repeated line is one item.

    stream: Binary, such as `sys.stdin.buffer`. source: Display name, also used in ids.
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


class _PipedLines(LineSource):
    """The numbered lines of a stream that can be read only once."""

    unit = "MB"

    def __init__(self, stream: BinaryIO, source: str) -> None:
        super().__init__(source, "UTF-8")
        self._stream = stream
        self.binary = ""  # the format, if the first bytes are not text

    def __iter__(self) -> Iterator[tuple[int, str]]:
        head = self._stream.read(4)
        self.binary = next((what for mark, what in SIGNATURES if mark[:4] == head[: len(mark)]), "")
        if self.binary:
            return
        whole = io.BufferedReader(_Prefixed(head, self._stream))
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = io.TextIOWrapper(whole, "utf-16", "replace")
            lines = enumerate(iter(lambda: text.readline(MAX_LINE), ""), 1)
            yield from ((number, self.sanitizer.sanitize(line)) for number, line in lines)
            return
        for number, raw in enumerate(iter(lambda: whole.readline(MAX_LINE), b""), 1):
            if len(raw) == MAX_LINE and not raw.endswith(b"\n"):
                self._too_long.append(number)
                while raw and not raw.endswith(b"\n"):
                    raw = whole.readline(MAX_LINE)
                continue
            yield number, self.sanitizer.sanitize(self._decode(raw, number))

    def _decode(self, line: bytes, number: int) -> str:
        try:
            return line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            decoded = decode(line)
        self._count_replaced(decoded.replaced, number)
        return decoded.text


class _Prefixed(RawStream):
    """A stream with bytes that were read from it put back."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._read = getattr(stream, "read1", stream.read)  # what has arrived, without waiting

    def read_some(self, size: int) -> bytes:
        data, self._head = self._head or self._read(size), b""
        return data
