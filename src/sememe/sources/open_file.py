"""Open untrusted files for reading, decompressed if necessary.

All failures are raised as an `OSError` with a readable message.
"""

from __future__ import annotations

import io
import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from sememe._errors import CorruptFileError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_TEXT_BYTES = 256 << 20  # of one decompressed text in memory; larger ones are refused
CHUNK_BYTES = 1 << 20
PACKED = {".gz": "gzip", ".xz": "xz"}


def open_bytes(path: Path) -> BinaryIO:
    """Open a regular file as a stream of decompressed bytes; never blocks on a named pipe."""
    stream = cast(BinaryIO, open(path, "rb", opener=_open_without_waiting))  # noqa: PTH123 (Path.open takes no opener)
    packing = PACKED.get(path.suffix.lower())
    if packing is None:
        return stream
    return cast(BinaryIO, io.BufferedReader(_Unpacked(stream, packing), CHUNK_BYTES))


def read_bytes(path: Path) -> bytes:
    """Read a whole file, decompressed, up to `MAX_TEXT_BYTES`."""
    with open_bytes(path) as stream:
        data = _read_bounded(stream)
    if len(data) > MAX_TEXT_BYTES:
        limit = f"{MAX_TEXT_BYTES >> 20} MB"
        raise CorruptFileError(f"larger than {limit} as one text; split it into smaller files")
    return data


def open_seekable(path: Path) -> BinaryIO:
    """Open a file for random access; compressed ones are decompressed to memory."""
    if path.suffix.lower() in PACKED:
        return io.BytesIO(read_bytes(path))
    return open_bytes(path)


def reason(error: BaseException) -> str:
    """Return in one line why a file could not be read."""
    if isinstance(error, CorruptFileError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "no longer there"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a file"
    if isinstance(error, OSError) and error.strerror:
        return f"could not be read: {error.strerror}"
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _read_bounded(stream: BinaryIO) -> bytes:
    chunks, size = [], 0
    while size <= MAX_TEXT_BYTES and (chunk := stream.read(CHUNK_BYTES)):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _open_without_waiting(path: str, flags: int) -> int:
    """Open without blocking on a pipe, and refuse what is not a regular file."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise CorruptFileError("a folder, not a file")
    raise CorruptFileError("not a regular file (a named pipe, a socket or a device)")


class _Unpacked(io.RawIOBase):
    """The decompressed bytes of a stream; damaged or truncated data raises OSError."""

    def __init__(self, packed: BinaryIO, packing: str) -> None:
        self._packed = packed
        self._packing = packing
        self._failures, self._stream = _choose_unpacker(packed, packing)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._stream.read(len(view))
        except self._failures as error:
            message = f"broken or cut-off {self._packing} data ({error})"
            raise CorruptFileError(message) from None
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            self._packed.close()
        super().close()


def _choose_unpacker(
    packed: BinaryIO, packing: str
) -> tuple[tuple[type[Exception], ...], BinaryIO]:
    opener: Callable[[BinaryIO], object]
    failures: tuple[type[Exception], ...]
    if packing == "gzip":
        import gzip

        opener, failures = gzip.open, (gzip.BadGzipFile, EOFError, zlib.error)
    else:
        import lzma

        opener, failures = lzma.open, (lzma.LZMAError, EOFError, zlib.error)
    return failures, cast(BinaryIO, opener(packed))
