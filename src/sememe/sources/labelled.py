"""Pictures with labels: a folder that holds a folder for each class."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.sources.files import find_files
from sememe.sources.formats import format_of

_LAYOUT = "a folder with a folder of pictures for each class: cats/1.jpg, dogs/2.jpg"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures, not yet opened, and what each is of.

    Attributes:
        items: What `sememe.sources.pixels.open_image` opens, such as paths.
        labels: The label of each.
        skipped: What lay among them and is no picture, and why.
    """

    items: tuple[Any, ...]
    labels: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.items)

    @property
    def classes(self) -> tuple[str, ...]:
        """The different labels, sorted."""
        return tuple(sorted(set(self.labels)))

    def some(self, places: Sequence[int]) -> Labelled:
        """Return the pictures at these places."""
        chosen = tuple(self.items[i] for i in places)
        return Labelled(chosen, tuple(self.labels[i] for i in places), self.skipped)

    def digests(self) -> list[bytes]:
        """Return a hash of each picture's bytes: equal for copies, whatever their names."""
        return [_digest(item) for item in self.items]


def read_labelled(data: Any) -> Labelled:
    """Return the pictures of a folder with their labels, or those of (pictures, labels).

    A picture's label is the name of the topmost folder that it lies in; it may lie deeper. Files
    that are no pictures by their ending, or lie in no folder, are skipped with the reason.

    Raises:
        InvalidInputError: There is no such folder, or no picture in a folder in it; or the labels
            are not as many as the pictures.
    """
    if isinstance(data, Labelled):
        return data
    if isinstance(data, str | PathLike):
        return _of_folder(Path(data))
    if not isinstance(data, Sequence) or len(data) != 2:
        raise InvalidInputError(
            f"got {type(data).__name__}; give {_LAYOUT}, or (pictures, labels)."
        )
    items, labels = tuple(data[0]), tuple(map(str, data[1]))
    if len(items) != len(labels):
        raise InvalidInputError(
            f"got {len(items)} pictures and {len(labels)} labels. Give one label for each picture."
        )
    return Labelled(items, labels)


def _of_folder(folder: Path) -> Labelled:
    if folder.is_file():
        raise InvalidInputError(f"{folder} is a file; give {_LAYOUT}.")
    items, labels, skipped = [], [], []
    for file in find_files(folder):
        if isinstance(file, Skipped):
            skipped.append(file)
        elif "/" not in file.source:
            skipped.append(Skipped(file.source, "it lies in no class's folder"))
        elif format_of(file.source)[0] != "image":
            skipped.append(Skipped(file.source, "by its ending no picture that can be read"))
        else:
            items.append(file.path)
            labels.append(file.source.partition("/")[0])
    if not items:
        raise InvalidInputError(f"{folder} holds no pictures in folders; give {_LAYOUT}.")
    return Labelled(tuple(items), tuple(labels), tuple(skipped))


def _digest(item: Any) -> bytes:
    if isinstance(item, str | PathLike):
        try:
            with Path(item).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return str(item).encode("utf-8", "surrogatepass")  # its reason comes when it is opened
    if isinstance(item, bytes | bytearray | memoryview):
        return hashlib.sha256(item).digest()
    size = getattr(item, "shape", None) or getattr(item, "size", ())
    return hashlib.sha256(f"{size} ".encode() + item.tobytes()).digest()
