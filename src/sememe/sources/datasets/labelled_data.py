"""Labelled items, such as texts or paths of images, with optional folds and groups."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from sememe._nouns import noun
from sememe._types import Modality, Skipped
from sememe.sources.media.audio_decoding import Clip
from sememe.text.normalize import compose

_EXAMPLE = {
    "text": "sports/1.txt, cooking/2.docx", "image": "cats/1.jpg, dogs/2.jpg",
    "audio": "rain/1.wav, dogs/2.wav",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts, or images or audio that are not yet opened, with labels.

    Attributes:
        items: Texts, or what `open_image` or `sememe.read_sound` opens, such as paths.
        labels: The label of each item.
        skipped: What was left out, and why.
        modality: "text", "image" or "audio".
        folds: The fold of each item, if a table gives it, else ().
        groups: The group of each item, such as the speaker, if a table gives it, else ().
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
        """The distinct labels, sorted."""
        return tuple(sorted(set(self.labels)))

    @property
    def noun(self) -> str:
        """The noun for one item in messages."""
        return noun(self.modality)

    def select(self, indices: Sequence[int]) -> Labelled:
        """Return the items at these indices."""
        values = {name: getattr(self, name) for name in ("items", "labels", "folds", "groups")}
        kept: dict[str, Any] = {n: tuple(v[i] for i in indices) for n, v in values.items() if v}
        return replace(self, **kept)

    def digests(self) -> list[bytes]:
        """Return a hash of each item, equal for copies: of its bytes, whatever its name.

        Texts that differ in spaces alone, or in how their letters are composed, are copies.
        """
        hash_one = _hash_text if self.modality == "text" else _hash_item
        return [hash_one(item) for item in self.items]


def describe_layout(modality: Modality) -> str:
    """Describe the layout of labelled data, for messages."""
    return (
        f"a folder with a folder of {noun(modality)}s for each class: {_EXAMPLE[modality]}; or a "
        f"table of {'text' if modality == 'text' else 'path'} and label"
    )


def _hash_text(text: str) -> bytes:
    return hashlib.sha256(" ".join(compose(text).split()).encode("utf-8")).digest()


def _hash_item(item: Any) -> bytes:
    if isinstance(item, str | PathLike):
        try:
            with Path(item).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return str(item).encode("utf-8", "surrogatepass")  # opening it will report why
    if isinstance(item, bytes | bytearray | memoryview):
        return hashlib.sha256(item).digest()
    if isinstance(item, Clip):
        item = item.content, item.start, item.end
    if isinstance(item, tuple | Mapping):  # samples and their rate
        parts = item if isinstance(item, tuple) else item.values()
        return hashlib.sha256(b"".join(map(_hash_item, parts))).digest()
    if not hasattr(item, "tobytes"):  # a number
        return hashlib.sha256(repr(item).encode("utf-8", "surrogatepass")).digest()
    size = getattr(item, "shape", None) or getattr(item, "size", ())
    return hashlib.sha256(f"{size} ".encode() + item.tobytes()).digest()
