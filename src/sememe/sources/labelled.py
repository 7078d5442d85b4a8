"""Pictures or recordings with labels: a folder with a folder for each class, a table, or names.

cats/1.jpg, dogs/2.jpg             a folder for each class
path,label,fold,group              a table (.csv, .tsv, .jsonl, .parquet); fold, group optional
7_anna_03.wav                      a label that file names hold: label_pattern="^[^_]+"
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe._types import Modality, Skipped
from sememe.sources.files import find_files
from sememe.sources.formats import format_of
from sememe.sources.name_parts import name_parts
from sememe.sources.sound import Clip

_TABLES = ("csv", "jsonl", "parquet")
_EXAMPLE = {"image": "cats/1.jpg, dogs/2.jpg", "audio": "rain/1.wav, dogs/2.wav"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures or recordings, not yet opened, and what each is of.

    Attributes:
        items: What `sememe.sources.pixels.open_image` or `sememe.sources.sound.read_sound` opens,
            such as paths.
        labels: The label of each.
        skipped: What lay among them and is none of them, and why.
        modality: What they are.
        folds: The fold that a table puts each in; () where none does.
        groups: The group of each, such as who speaks, that a table names; () where none does.
    """

    items: tuple[Any, ...]
    labels: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    modality: Modality = "image"
    folds: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.items)

    @property
    def classes(self) -> tuple[str, ...]:
        """The different labels, sorted."""
        return tuple(sorted(set(self.labels)))

    @property
    def noun(self) -> str:
        """What one item is called: "picture" or "recording"."""
        return noun(self.modality)

    def some(self, places: Sequence[int]) -> Labelled:
        """Return the items at these places."""
        return replace(
            self,
            items=tuple(self.items[i] for i in places),
            labels=tuple(self.labels[i] for i in places),
            folds=tuple(self.folds[i] for i in places) if self.folds else (),
            groups=tuple(self.groups[i] for i in places) if self.groups else (),
        )

    def digests(self) -> list[bytes]:
        """Return a hash of each item's bytes: equal for copies, whatever their names."""
        return [_digest(item) for item in self.items]


def read_labelled(
    data: Any, *, modality: Modality = "image", label_pattern: str | None = None
) -> Labelled:
    """Return the items of a folder or table with their labels, or those of (items, labels).

    In a folder an item's label is the name of the topmost folder that it lies in; it may lie
    deeper. Files that are of another kind by their ending, or lie in no folder, are skipped with
    the reason.

    Args:
        data: A folder; a table with columns "path" and "label", and "fold" and "group" if you like,
            whose paths are relative to it; or (items, labels).
        modality: "image" or "audio".
        label_pattern: A regular expression that finds the label in the name of each file, wherever
            it lies: its one group, or all of what is found.

    Raises:
        InvalidInputError: There is no such folder or table, or nothing of that kind in it; the
            labels are not as many as the items; or a name does not hold the pattern.
        CorruptFileError: A table cannot be read to its end.
    """
    if isinstance(data, Labelled):
        return data
    if isinstance(data, str | PathLike):
        place = Path(data)
        if not place.is_file():
            return _of_folder(place, modality, label_pattern)
        if format_of(place.name)[0] in _TABLES and label_pattern is None:
            from sememe.sources.labelled_table import read_labelled_table

            return read_labelled_table(place, modality)
        raise InvalidInputError(f"{place} is a file; give {layout(modality)}.")
    what = noun(modality)
    if not isinstance(data, Sequence) or len(data) != 2:
        raise InvalidInputError(
            f"got {type(data).__name__}; give {layout(modality)}, or ({what}s, labels)."
        )
    items, labels = tuple(data[0]), tuple(map(str, data[1]))
    if len(items) != len(labels):
        raise InvalidInputError(
            f"got {len(items)} {what}s and {len(labels)} labels. Give one label for each {what}."
        )
    return Labelled(items, labels, modality=modality)


def layout(modality: Modality) -> str:
    """Return how data with labels is laid out, for messages."""
    return (
        f"a folder with a folder of {noun(modality)}s for each class: {_EXAMPLE[modality]}; or a "
        "table of path and label"
    )


def _of_folder(folder: Path, modality: Modality, pattern: str | None) -> Labelled:
    items, labels, skipped = [], [], []
    for file in find_files(folder):
        if isinstance(file, Skipped):
            skipped.append(file)
        elif "/" not in file.source and pattern is None:
            skipped.append(Skipped(file.source, "it lies in no class's folder"))
        elif format_of(file.source)[0] != modality:
            why = f"by its ending no {noun(modality)} that can be read"
            skipped.append(Skipped(file.source, why))
        else:
            items.append(file.path)
            labels.append(file.source.partition("/")[0])
    if not items:
        where = "" if pattern is not None else " in folders"
        raise InvalidInputError(
            f"{folder} holds no {noun(modality)}s{where}; give {layout(modality)}."
        )
    named = tuple(labels) if pattern is None else name_parts(items, pattern, "label pattern")
    return Labelled(tuple(items), named, tuple(skipped), modality)


def _digest(item: Any) -> bytes:
    if isinstance(item, str | PathLike):
        try:
            with Path(item).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return str(item).encode("utf-8", "surrogatepass")  # its reason comes when it is opened
    if isinstance(item, bytes | bytearray | memoryview):
        return hashlib.sha256(item).digest()
    if isinstance(item, Clip):
        item = item.content, item.start, item.end
    if isinstance(item, tuple | Mapping):  # samples and their rate
        parts = item if isinstance(item, tuple) else item.values()
        return hashlib.sha256(b"".join(map(_digest, parts))).digest()
    if not hasattr(item, "tobytes"):  # a number
        return hashlib.sha256(repr(item).encode("utf-8", "surrogatepass")).digest()
    size = getattr(item, "shape", None) or getattr(item, "size", ())
    return hashlib.sha256(f"{size} ".encode() + item.tobytes()).digest()
