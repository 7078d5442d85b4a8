"""The formats of vector files: detection, readers and writers.

    sememe           folder of this package: memory-mapped, keeps everything
    word2vec-text    "count dim", then one line per key
    word2vec-binary  "count dim", then float32
    glove-text       one line per key, no header
    fasttext-vec     as word2vec-text
    fasttext-bin     with n-grams; unsupervised models of the official tool

Fields may be separated by tabs instead of spaces. Files compressed with gzip are read directly, and
written if the name ends in .gz.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from sememe._errors import CorruptFileError, InvalidInputError, UnknownNameError
from sememe.vectors.formats import fasttext_bin, glove_text, word2vec_binary, word2vec_text
from sememe.vectors.formats.folder import read_vectors, refuse_interrupted_save, write_vectors
from sememe.vectors.record import StrPath, VectorRecord

_Read = Callable[[IO[bytes], Path], VectorRecord]
_Write = Callable[[VectorRecord, Path], Path]
_FILES: dict[str, tuple[_Read, _Write]] = {
    "word2vec-text": (word2vec_text.read, word2vec_text.write),
    "word2vec-binary": (word2vec_binary.read, word2vec_binary.write),
    "glove-text": (glove_text.read, glove_text.write),
    "fasttext-vec": (word2vec_text.read, partial(word2vec_text.write, vec=True)),
    "fasttext-bin": (fasttext_bin.read, fasttext_bin.write),
}
FORMATS = ("sememe", *_FILES)
_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"  # a byte order mark, as some editors put before UTF-8
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f]")
_HEAD = 65_536  # bytes from which the format is detected


def write(vectors: VectorRecord, path: StrPath, *, format: str | None = None) -> Path:
    """Write vectors atomically and return the path.

    A folder of format "sememe" may replace vectors, but neither an index nor a trained model.

    format: One of FORMATS. By default the suffix decides: none is "sememe", .vec is fasttext-vec,
    and .bin is fasttext-bin for vectors with subwords, else word2vec-binary.

    Raises:
        UnknownNameError: Another format.
        InvalidInputError: A suffix that several formats use, a key the format cannot hold, or an
            empty path.
    """
    target = _check_path(path)
    chosen = format or _format_of_suffix(vectors, target)
    if chosen not in FORMATS:
        raise UnknownNameError.of("format", format, FORMATS)
    if chosen != "sememe":
        return _FILES[chosen][1](vectors, target)
    if target.exists() and not target.is_dir():
        raise InvalidInputError(f"{target} is a file; the own format is a folder. Name another.")
    return write_vectors(target, vectors)


def read(path: StrPath, *, format: str | None = None) -> VectorRecord:
    """Read vectors from a folder or file.

    format: One of FORMATS. By default the first bytes decide.

    Raises:
        UnknownNameError: Another format.
        FileNotFoundError: There is no such file or folder.
        CorruptFileError: It is damaged, or of an unknown format.
        InvalidInputError: An empty path, or a folder where `format` is that of a file.
    """
    source = _check_path(path)
    if format is not None and format not in FORMATS:
        raise UnknownNameError.of("format", format, FORMATS)
    if not source.exists():
        refuse_interrupted_save(source)
        raise FileNotFoundError(f"{source}: no such file or folder. Give one with vectors.")
    if source.is_dir() and format not in (None, "sememe"):
        raise InvalidInputError(f"{source} is a folder, {format} is a file. Leave format= out.")
    if source.is_dir() or format == "sememe":
        return read_vectors(source)
    with _open(source) as file:
        head = file.read(_HEAD)
        file.seek(len(_MARK) if head.startswith(_MARK) else 0)
        head = head.removeprefix(_MARK)
        return _FILES[format or detect_format(head, source)][0](file, source)


def _check_path(path: StrPath) -> Path:
    """Return the path, or refuse an empty one, which would be the current folder."""
    if not os.fspath(path):
        raise InvalidInputError("the path is empty; give the name of a file or folder.")
    return Path(path)


def detect_format(head: bytes, path: Path) -> str:
    """Return the format of a file from its first bytes; CorruptFileError if there is none."""
    if not head.strip():
        raise CorruptFileError(f"{path} is empty. Give a file with vectors.")
    if head.startswith(fasttext_bin.MAGIC):
        return "fasttext-bin"
    line, _, rest = head.partition(b"\n")
    fields = line.split()
    if len(fields) == 2 and len(line) < 64 and all(field.isdigit() for field in fields):
        text = _is_row(rest, int(fields[1])) or _is_text(rest)
        return "word2vec-text" if text else "word2vec-binary"
    if len(fields) > 1 and _is_row(line, len(fields) - 1):
        return "glove-text"
    raise CorruptFileError(
        f"{path} begins with {line[:40]!r}, as no format known here. Allowed are: "
        f"{', '.join(FORMATS)}. If it is one of those, name it: format=..."
    )


def _is_row(data: bytes, dim: int) -> bool:
    """Return whether the last fields of the first line are numbers."""
    fields = data.partition(b"\n")[0].rstrip().rsplit(None, min(dim, 8))[1:]
    try:
        return [float(field) for field in fields] != []
    except ValueError:
        return False


def _is_text(data: bytes) -> bool:
    """Return whether the bytes are UTF-8 without control characters, up to a last partial one."""
    text = data.decode("utf-8", "replace")
    return "\ufffd" not in text[:-3] and not _CONTROLS.search(text)


def _format_of_suffix(vectors: VectorRecord, path: Path) -> str:
    ending = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    binary = "fasttext-bin" if vectors.table else "word2vec-binary"
    known = {"": "sememe", ".vec": "fasttext-vec", ".bin": binary}
    if ending not in known or (path.suffix == ".gz" and not ending):
        raise InvalidInputError(
            f"{path.name}: the ending does not give the format. Name it: format= one of "
            f"{', '.join(FORMATS)}."
        )
    return known[ending]


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """Open a file for reading, decompressed if it is a gzip file."""
    with path.open("rb") as plain:
        packed = plain.read(2) == _GZIP
        plain.seek(0)
        if not packed:
            yield plain
            return
        try:
            with gzip.GzipFile(fileobj=plain, mode="rb") as file:
                yield file
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CorruptFileError(
                f"{path}: its compression is damaged ({error}). Fetch the file again."
            ) from error
