"""word2vec's binary format: a line "count dim", then for each key: key, space, dim float32.

The original tool ends each vector with a line break, gensim does not; both are read, and none is
written. Written files open in gensim with `load_word2vec_format(path, binary=True)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np

from sememe._atomic import write_atomically
from sememe._errors import CorruptFileError
from sememe.vectors.formats import file_errors
from sememe.vectors.formats.file_errors import error_at_byte, show_bytes
from sememe.vectors.formats.text_rows import check_writable
from sememe.vectors.formats.word2vec_text import read_header
from sememe.vectors.record import VectorRecord

_BLOCK = 1 << 24  # bytes read at once
_LONGEST = 10_000  # bytes of a key, at most
_ROWS = 4096  # rows written at once
_AGAIN = "Fetch the file again"


def read(file: IO[bytes], path: Path) -> VectorRecord:
    """Read vectors from an open file, from its first byte; errors name the byte."""
    count, dim = read_header(file, path)
    matrix = np.empty((min(count, 1024), dim), np.float32)
    keys: list[str] = []
    width = 4 * dim
    base = len(f"{count} {dim}\n")  # where `data` begins in the file
    data, at = b"", 0
    while len(keys) < count:
        data, base, at = data[at:], base + at, 0
        more = file.read(_BLOCK)
        data += more
        first = len(keys)
        starts: list[int] = []
        while len(keys) < count:
            space = data.find(b" ", at, at + _LONGEST)
            if space < 0 or space + 1 + width > len(data):
                break
            keys.append(_decode_key(data[at:space].lstrip(b"\n"), path, base + at, len(keys)))
            starts.append(space + 1)
            at = space + 1 + width
        file_errors.reserve_rows(matrix, len(keys))
        for row, start in enumerate(starts, start=first):
            matrix[row] = np.frombuffer(data, "<f4", dim, start)
        if not starts and (not more or len(data) > _LONGEST + width):
            problem = f"the header gives {count} vectors, but the file ends within vector"
            cure = f"{_AGAIN}: it is cut short, or of another format."
            raise error_at_byte(path, base + len(data), f"{problem} {len(keys) + 1}", do=cure)
    left = data[at:] + file.read(1)
    if left.strip(b"\n"):
        problem = f"the header gives {count} vectors, but more bytes follow"
        cure = "Write the true number in the header, or cut the file here."
        raise error_at_byte(path, base + at, problem, do=cure)
    matrix.resize((count, dim), refcheck=False)
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        key = keys[int(finite.argmin())]
        raise CorruptFileError(
            f"{path}: the vector of {key!r} holds NaN or infinity. {_AGAIN}, or mend its maker."
        )
    return VectorRecord(file_errors.check_distinct(keys, path), matrix)


def write(vectors: VectorRecord, path: Path) -> Path:
    """Write vectors; raises as `check_writable` does."""
    check_writable(vectors, "word2vec-binary")
    with write_atomically(path) as file:
        file.write(f"{len(vectors)} {vectors.dim}\n".encode())
        for start in range(0, len(vectors), _ROWS):
            rows = np.ascontiguousarray(vectors.matrix[start : start + _ROWS], "<f4")
            keys = vectors.keys[start : start + _ROWS]
            pairs = zip(keys, rows, strict=True)
            file.write(b"".join(key.encode() + b" " + row.tobytes() for key, row in pairs))
    return path


def _decode_key(key: bytes, path: Path, byte: int, row: int) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        problem = f"the key of vector {row + 1}, {show_bytes(key)}, is not UTF-8"
        cure = f"{_AGAIN}, or write it anew with UTF-8 keys."
        raise error_at_byte(path, byte, problem, do=cure) from None
