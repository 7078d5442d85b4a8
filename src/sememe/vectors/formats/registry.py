"""Vector files of every kind: which format a path is of, and what reads and writes it.

    sememe           the own folder: memory-mapped, holds everything
    word2vec-text    "count dim", then a line for each key
    word2vec-binary  "count dim", then float32
    glove-text       a line for each key, no header
    fasttext-vec     as word2vec-text
    fasttext-bin     with n-grams; unsupervised models of the official tool

Text separated by tabs is read like that separated by spaces. Files compressed with gzip are read as
they are, and written if the name ends in .gz.
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
from sememe.vectors.formats.folder import read_vectors, refuse_broken_off, write_vectors
from sememe.vectors.record import StrPath, VectorRecord

_READERS: dict[str, Callable[[IO[bytes], Path], VectorRecord]] = {
    "word2vec-text": word2vec_text.read,
    "word2vec-binary": word2vec_binary.read,
    "glove-text": glove_text.read,
    "fasttext-vec": word2vec_text.read,
    "fasttext-bin": fasttext_bin.read,
}
_WRITERS: dict[str, Callable[[VectorRecord, Path], Path]] = {
    "word2vec-text": word2vec_text.write,
    "word2vec-binary": word2vec_binary.write,
    "glove-text": glove_text.write,
    "fasttext-vec": partial(word2vec_text.write, vec=True),
    "fasttext-bin": fasttext_bin.write,
}
FORMATS = ("sememe", *_READERS)
_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"  # a byte order mark, as some editors put before UTF-8
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f]")
_HEAD = 65_536  # bytes looked at to tell the format


def write(vectors: VectorRecord, path: StrPath, *, format: str | None = None) -> Path:
    """Write vectors and return where to, whole or not at all.

    A folder of the own format may replace vectors, but neither an index nor a trained model.

    format: one of FORMATS. Unless told, a name without an ending is a folder of the own format,
    .vec is fasttext-vec, and .bin is fasttext-bin for vectors with subwords, else word2vec-binary.

    Raises:
        UnknownNameError: Another format.
        InvalidInputError: An ending that several formats use, a key the format cannot hold, or
            a path that is empty.
    """
    place = _named(path)
    chosen = format or _by_ending(vectors, place)
    if chosen not in FORMATS:
        raise UnknownNameError.of("format", format, FORMATS)
    if chosen != "sememe":
        return _WRITERS[chosen](vectors, place)
    if place.exists() and not place.is_dir():
        raise InvalidInputError(f"{place} is a file; the own format is a folder. Name another.")
    return write_vectors(place, vectors)


def read(path: StrPath, *, format: str | None = None) -> VectorRecord:
    """Read vectors from a folder or file; its format is recognised unless told.

    Raises:
        UnknownNameError: Another format than those of FORMATS.
        FileNotFoundError: There is nothing of that name.
        CorruptFileError: It is damaged, or of no format known here.
        InvalidInputError: The path is empty, or a folder where `format` is that of a file.
    """
    place = _named(path)
    if format is not None and format not in FORMATS:
        raise UnknownNameError.of("format", format, FORMATS)
    if not place.exists():
        refuse_broken_off(place)
        raise FileNotFoundError(f"{place}: there is no such file or folder. Give one with vectors.")
    if place.is_dir() and format not in (None, "sememe"):
        raise InvalidInputError(f"{place} is a folder, {format} is a file. Leave format= out.")
    if place.is_dir() or format == "sememe":
        return read_vectors(place)
    with _opened(place) as file:
        head = file.read(_HEAD)
        file.seek(len(_MARK) if head.startswith(_MARK) else 0)
        head = head.removeprefix(_MARK)
        return _READERS[format or recognised(head, place)](file, place)


def _named(path: StrPath) -> Path:
    """Return the path; an empty one would be the current folder."""
    if not os.fspath(path):
        raise InvalidInputError("the path is empty; give the name of a file or folder.")
    return Path(path)


def recognised(head: bytes, path: Path) -> str:
    """Return the format of a file by its first bytes.

    Raises:
        CorruptFileError: It is empty, or of no format known here.
    """
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
    """Say whether the last fields of the first line are numbers."""
    fields = data.partition(b"\n")[0].rstrip().rsplit(None, min(dim, 8))[1:]
    try:
        return [float(field) for field in fields] != []
    except ValueError:
        return False


def _is_text(data: bytes) -> bool:
    """Say whether the bytes are UTF-8 without controls, but for a letter cut off at the end."""
    text = data.decode("utf-8", "replace")
    return "\ufffd" not in text[:-3] and not _CONTROLS.search(text)


def _by_ending(vectors: VectorRecord, path: Path) -> str:
    ending = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    binary = "fasttext-bin" if vectors.table else "word2vec-binary"
    known = {"": "sememe", ".vec": "fasttext-vec", ".bin": binary}
    if ending not in known or (path.suffix == ".gz" and not ending):
        raise InvalidInputError(
            f"{path.name}: the ending does not tell the format. Name it: format= one of "
            f"{', '.join(FORMATS)}."
        )
    return known[ending]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file, unpacked if it is compressed with gzip."""
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
