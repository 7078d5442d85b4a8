"""Open untrusted files for reading, decompressed if necessary.

All failures are raised as an `OSError` with a readable message.
"""

from __future__ import annotations

import io
import os
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from sememe._errors import CorruptFileError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_TEXT_BYTES = 256 << 20  # of one decompressed text in memory; larger ones are refused
CHUNK_BYTES = 1 << 20
PACKED = {".gz": "gzip", ".xz": "xz"}
_REASONS = {
    FileNotFoundError: "no longer there",
    PermissionError: "permission denied",
    IsADirectoryError: "a folder, not a file",
}


def open_bytes(path: Path) -> BinaryIO:
    """Open a regular file as a stream of decompressed bytes; never blocks on a named pipe."""
    try:
        stream = cast(BinaryIO, open(path, "rb", opener=_open_without_waiting))  # noqa: PTH123 (Path.open takes no opener)
    except ValueError as error:  # NUL in its name
        raise CorruptFileError(f"no name of a file ({error})") from error
    packing = PACKED.get(path.suffix.lower())
    if packing is None:
        return stream
    return cast(BinaryIO, io.BufferedReader(_Unpacked(stream, packing), CHUNK_BYTES))


def read_bytes(path: Path) -> bytes:
    """Read a whole file, decompressed, up to `MAX_TEXT_BYTES`."""
    chunks, size = [], 0
    with open_bytes(path) as stream:
        while size <= MAX_TEXT_BYTES and (chunk := stream.read(CHUNK_BYTES)):
            chunks.append(chunk)
            size += len(chunk)
    if size > MAX_TEXT_BYTES:
        limit = f"{MAX_TEXT_BYTES >> 20} MB"
        raise CorruptFileError(f"larger than {limit} as one text; split it into smaller files")
    return b"".join(chunks)


def open_seekable(path: Path) -> BinaryIO:
    """Open a file for random access; compressed ones are decompressed to memory."""
    if path.suffix.lower() in PACKED:
        return io.BytesIO(read_bytes(path))
    return open_bytes(path)


def reason(error: BaseException) -> str:
    """Return in one line why a file could not be read."""
    if isinstance(error, CorruptFileError):
        return str(error)
    for kind, text in _REASONS.items():
        if isinstance(error, kind):
            return text
    if isinstance(error, OSError) and error.strerror:
        return f"could not be read: {error.strerror}"
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


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


class RawStream(io.RawIOBase):
    """A readable stream defined by `read_some`."""

    def read_some(self, size: int) -> bytes:
        """Return at most `size` bytes, b"" only at the end."""
        raise NotImplementedError

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer as far as `read_some` does; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read_some(len(view))
        view[: len(data)] = data
        return len(data)


class _Unpacked(RawStream):
    """The decompressed bytes of a stream; damaged or truncated data raises OSError."""

    def __init__(self, packed: BinaryIO, packing: str) -> None:
        self._packed = packed
        self._packing = packing
        self._stream, self._failure = _open_unpacked(packed, packing)

    def read_some(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (self._failure, EOFError, zlib.error) as error:
            message = f"broken or cut-off {self._packing} data ({error})"
            raise CorruptFileError(message) from None

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            self._packed.close()
        super().close()


def _open_unpacked(packed: BinaryIO, packing: str) -> tuple[BinaryIO, type[Exception]]:
    """Return the decompressing stream and the exception of its damaged data."""
    if packing == "gzip":
        import gzip

        return cast(BinaryIO, gzip.open(packed)), gzip.BadGzipFile
    import lzma

    return cast(BinaryIO, lzma.open(packed)), lzma.LZMAError
