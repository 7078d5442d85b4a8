"""Tables of images and captions.

    image,text                                        one row per caption
    {"images": ["a.png", "b.png"], "text": "..."}     several images, or several texts, in a row

Paths are relative to the table's folder. The images and texts of one row belong together, and so do
rows with the same image.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError, list_first
from sememe.sources.datasets.table_rows import read_table, require_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGE_NAMES = (
    *("image", "images", "picture", "photo", "file_name", "filename", "path", "image_path"),
    *("이미지", "사진", "그림", "파일"),
)
TEXT_NAMES = (
    *("text", "texts", "caption", "captions", "title", "description", "sentence"),
    *("설명", "캡션", "문장", "내용", "제목"),
)


@dataclass(frozen=True, eq=False, slots=True)
class ImageTexts:
    """Images, texts, and which belong together.

    Attributes:
        images: Distinct paths.
        texts: Distinct texts.
        pairs: (n, 3) int64: image, text and group; rows that share an image are one group.
        columns: The column that the text of each pair comes from.
        notes: What was left out.
    """

    images: tuple[Path, ...]
    texts: tuple[str, ...]
    pairs: NDArray[np.int64]
    columns: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(np.unique(self.pairs[:, 2]))

    def without(self, reasons: Mapping[int, str]) -> ImageTexts:
        """Return the pairs without unreadable images; reasons: index in `images` -> reason."""
        if not reasons:
            return self
        kept = ~np.isin(self.pairs[:, 0], list(reasons))
        reasons_by_name = [f"{self.images[i].name}: {why}" for i, why in reasons.items()]
        note = f"{len(reasons)} images could not be read: {list_first(reasons_by_name, 5, '; ')}"
        columns = tuple(np.array(self.columns, object)[kept].tolist())
        return ImageTexts(self.images, self.texts, self.pairs[kept], columns, (*self.notes, note))


def read_image_texts(
    table: Path, *, image_column: str | None = None, text_columns: Sequence[str] = ()
) -> ImageTexts:
    """Read a table of images and texts.

    image_column, text_columns: The columns that hold them; by default the first with a usual name
    ("image", "text", "caption", 사진, 설명...).
    Raises InvalidInputError for a missing file or column, or if no image has a text;
    CorruptFileError if it is damaged.
    """
    rows = read_table(table, "images and texts")
    image = require_column(rows, table, "images", IMAGE_NAMES, image_column, "--image-column")
    columns: Sequence[str | None] = text_columns or [None]
    texts = [
        require_column(rows, table, "texts", TEXT_NAMES, given, "--text-column")
        for given in columns
    ]
    return _pair_rows(rows, image, texts, table)


def _pair_rows(
    rows: Sequence[Mapping[str, Any]], image: str, texts: Sequence[str], table: Path
) -> ImageTexts:
    images: dict[Path, int] = {}
    known: dict[str, int] = {}
    pairs: dict[tuple[int, int], tuple[int, str]] = {}
    groups = _Groups()
    left: Counter[str] = Counter()
    for number, row in enumerate(rows):
        paths = [table.parent / name for name in _strings(row.get(image))]
        existing = [path for path in paths if path.is_file()]
        left["images that are not there"] += len(paths) - len(existing)
        captions = [(text, name) for name in texts for text in _strings(row.get(name))]
        left["rows with texts and no image"] += bool(captions and not existing)
        left["rows with images and no text"] += bool(existing and not captions)
        for path in existing:
            image_id = images.setdefault(path, len(images))
            groups.join(number, image_id)
            for text, name in captions:
                key = image_id, known.setdefault(text, len(known))
                left["pairs that repeat another"] += key in pairs
                pairs.setdefault(key, (number, name))
    notes = tuple(f"{count} {what} left out" for what, count in left.items() if count)
    if not pairs:
        why = "; ".join(notes) or "it has no rows"
        raise InvalidInputError(
            f"{table} holds no image with a text ({why}). Paths are relative to {table.parent}; "
            f"images are read from column {image!r}, texts from {', '.join(map(repr, texts))}."
        )
    return ImageTexts(
        images=tuple(images),
        texts=tuple(known),
        pairs=np.array([(i, t, groups.of(n)) for (i, t), (n, _) in pairs.items()], np.int64),
        columns=tuple(name for _, name in pairs.values()),
        notes=notes,
    )


class _Groups:
    """Union-find over rows: rows with the same image are one group."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}
        self._first: dict[int, int] = {}  # image -> its first row

    def join(self, row: int, image: int) -> None:
        first = self._first.setdefault(image, row)
        self._parent[self.of(row)] = self.of(first)

    def of(self, row: int) -> int:
        while (above := self._parent.setdefault(row, row)) != row:
            self._parent[row] = self._parent[above]
            row = above
        return row


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    texts = (unicodedata.normalize("NFC", v).strip() for v in values if isinstance(v, str))
    return [text for text in texts if text]
