"""Files to train on, by name, and a digest of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._persistence import hash_file
from sememe._types import Skipped
from sememe.sources.files import find_files
from sememe.sources.formats import format_of


class Named(NamedTuple):
    """An image or audio, not yet opened; its source is the name for people."""

    source: str
    content: Any


def find_named(data: Any, kind: str, noun: str) -> tuple[list[Named], tuple[Skipped, ...]]:
    """Return the files of a format under a folder, or the items of a list, and what was skipped."""
    if isinstance(data, str | PathLike):
        files = list(find_files(Path(data)))
        skipped = tuple(file for file in files if isinstance(file, Skipped))
        others = (file for file in files if not isinstance(file, Skipped))
        return [Named(f.source, f.path) for f in others if format_of(f.source)[0] == kind], skipped
    if not isinstance(data, Sequence):
        got = type(data).__name__
        raise InvalidInputError(f"{noun}s={got}; give a folder, or a list of paths or arrays.")
    return [
        Named(str(one) if isinstance(one, str | PathLike) else f"{noun} {number}", one)
        for number, one in enumerate(data)
    ], ()


def pictures_digest(items: Sequence[Named]) -> str:
    """Return a hash of the items' names and contents, before anything is decoded."""
    total = hashlib.sha256()
    for one in items:
        total.update(f"{len(one.source)} {one.source}".encode("utf-8", "surrogatepass"))
        total.update(_digest(one.content))
    return total.hexdigest()


def _digest(content: Any) -> bytes:
    if isinstance(content, str | PathLike):
        try:
            return hash_file(Path(content)).digest()
        except OSError as error:
            return str(error.strerror).encode()
    if isinstance(content, bytes | bytearray | memoryview):
        return hashlib.sha256(content).digest()
    array = np.asarray(content)
    return hashlib.sha256(f"{array.shape} ".encode() + array.tobytes()).digest()
