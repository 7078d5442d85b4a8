"""Files to train on, by name, and a digest of what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.sources.files import find_files
from sememe.sources.formats import format_of

if TYPE_CHECKING:
    pass


class Named(NamedTuple):
    """A picture that was found, not yet opened; its source is the name for people."""

    source: str
    content: Any


def find_named(data: Any, kind: str, noun: str) -> tuple[list[Named], tuple[Skipped, ...]]:
    """Return the files of a format under a folder, or the items of a list; see `find_pictures`."""
    if isinstance(data, str | PathLike):
        found, skipped = [], []
        for file in find_files(Path(data)):
            if isinstance(file, Skipped):
                skipped.append(file)
            elif format_of(file.source)[0] == kind:
                found.append(Named(file.source, file.path))
        return found, tuple(skipped)
    if not isinstance(data, Sequence):
        got = type(data).__name__
        raise InvalidInputError(f"{noun}s={got}; give a folder, or a list of paths or arrays.")
    return [
        Named(str(one) if isinstance(one, str | PathLike) else f"{noun} {place}", one)
        for place, one in enumerate(data)
    ], ()


def pictures_digest(found: Sequence[Named]) -> str:
    """Return a hash of the pictures' names and of what is in them, before anything is decoded."""
    total = hashlib.sha256()
    for one in found:
        total.update(f"{len(one.source)} {one.source}".encode("utf-8", "surrogatepass"))
        total.update(_digest(one.content))
    return total.hexdigest()


def _digest(content: Any) -> bytes:
    if isinstance(content, str | PathLike):
        try:
            with Path(content).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            return str(error.strerror).encode()
    if isinstance(content, bytes | bytearray | memoryview):
        return hashlib.sha256(content).digest()
    array = np.asarray(content)
    return hashlib.sha256(f"{array.shape} ".encode() + array.tobytes()).digest()
