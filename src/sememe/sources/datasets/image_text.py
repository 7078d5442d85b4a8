"""Tables of pictures and what they show: which column is which, and what cannot be used.

    image,text                          a row for each caption
    {"images": ["a.png", "b.png"], "text": "..."}     several pictures, or several texts, in a row

Paths are relative to the table's folder. Pictures and texts of one row belong together, and rows
that name the same picture do too.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.sources.formats import format_of, kind_of_file
from sememe.sources.lines import open_lines
from sememe.sources.open_file import reason
from sememe.sources.tables.csv_rows import Rows
from sememe.sources.tables.jsonl import parse_line

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
_ALLOWED = "a .csv, .tsv, .jsonl or .parquet"


@dataclass(frozen=True, eq=False, slots=True)
class ImageTexts:
    """Pictures, texts, and which belong together.

    Attributes:
        images: Paths, each once.
        texts: Each once.
        pairs: (n, 3) int64: an image, a text, and the group they are of: rows that share a picture
            are one group.
        columns: Of each pair, the column its text came from.
        notes: What was left out.
    """

    images: tuple[Path, ...]
    texts: tuple[str, ...]
    pairs: NDArray[np.int64]
    columns: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return len(np.unique(self.pairs[:, 2]))

    def without(self, reasons: Mapping[int, str]) -> ImageTexts:
        """Return what is left when pictures cannot be read: place in `images` -> reason."""
        if not reasons:
            return self
        kept = ~np.isin(self.pairs[:, 0], list(reasons))
        told = [f"{self.images[i].name}: {why}" for i, why in list(reasons.items())[:5]]
        more = f" and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        note = f"{len(reasons)} images could not be read: {'; '.join(told)}{more}"
        columns = tuple(np.array(self.columns, object)[kept].tolist())
        return ImageTexts(self.images, self.texts, self.pairs[kept], columns, (*self.notes, note))


def read_image_texts(
    table: Path, *, image_column: str | None = None, text_columns: Sequence[str] = ()
) -> ImageTexts:
    """Read a table of images and texts.

    image_column, text_columns: which columns hold them; found by their usual names unless told
    ("image", "text", "caption", 사진, 설명...).

    Raises:
        InvalidInputError: No such file, no such columns, or nothing in it that can be used.
        CorruptFileError: It cannot be read to its end.
    """
    rows = list(table_rows(table, "images and texts"))
    names = list(dict.fromkeys(name for row in rows for name in row))
    image = _column(names, image_column, IMAGE_NAMES, "images", "--image-column", table)
    wanted: Sequence[str | None] = text_columns or [None]
    texts = [_column(names, one, TEXT_NAMES, "texts", "--text-column", table) for one in wanted]
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
        there = [path for path in paths if path.is_file()]
        left["images that are not there"] += len(paths) - len(there)
        said = [(text, name) for name in texts for text in _strings(row.get(name))]
        left["rows with texts and no image"] += bool(said and not there)
        left["rows with images and no text"] += bool(there and not said)
        for path in there:
            place = images.setdefault(path, len(images))
            groups.join(number, place)
            for text, name in said:
                key = place, known.setdefault(text, len(known))
                left["pairs that repeat another"] += key in pairs
                pairs.setdefault(key, (number, name))
    notes = tuple(f"{count} {what} left out" for what, count in left.items() if count)
    if not pairs:
        found = "; ".join(notes) or "it has no rows"
        raise InvalidInputError(
            f"{table} holds no image with a text ({found}). Paths are relative to {table.parent}; "
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
    """Rows that name the same picture are one group."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}
        self._first: dict[int, int] = {}  # image -> the first row that names it

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
    found = (unicodedata.normalize("NFC", v).strip() for v in values if isinstance(v, str))
    return [one for one in found if one]


def _column(
    names: list[str],
    told: str | None,
    usual: Sequence[str],
    what: str,
    option: str,
    table: Path,
) -> str:
    folded = {unicodedata.normalize("NFC", name).strip().casefold(): name for name in names}
    wanted = usual if told is None else [unicodedata.normalize("NFC", told).strip().casefold()]
    found = next((folded[name] for name in wanted if name in folded), None)
    if found is None:
        given = f"no column {told!r}" if told is not None else f"no column for {what}"
        raise InvalidInputError(
            f"{table} has {given} but {', '.join(map(repr, names)) or 'nothing'}. Name one with "
            f"{option} NAME, or call it {usual[0]!r}."
        )
    return found


def table_rows(table: Path, what: str) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a table as column -> value; `what` they are of, for messages.

    Raises:
        InvalidInputError: No such file, or of another kind.
        CorruptFileError: It cannot be read to its end.
    """
    if not table.is_file():
        raise InvalidInputError(f"{table}: no such file. Give {_ALLOWED} of {what}.")
    kind, _ = format_of(table.name)
    if kind not in ("csv", "jsonl", "parquet"):
        raise InvalidInputError(f"{table}: got {kind_of_file(kind)}; allowed: {_ALLOWED}.")
    try:
        if kind == "parquet":
            yield from _parquet(table)
            return
        with open_lines(table, table.name) as lines:
            yield from _jsonl(lines, table) if kind == "jsonl" else _csv(lines, table)
    except CorruptFileError as error:
        raise CorruptFileError(f"{table}: {error}. Fetch it anew.") from error
    except (OSError, UnicodeError) as error:
        raise InvalidInputError(f"{table}: {reason(error)}.") from error


def _jsonl(lines: Any, table: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in lines:
        if line.strip():
            record = parse_line(line)
            if not isinstance(record, dict):
                raise InvalidInputError(
                    f"{table}, line {number}: no JSON object. Mend or remove it."
                )
            yield record


def _csv(lines: Iterable[tuple[int, str]], table: Path) -> Iterator[Mapping[str, Any]]:
    numbered = list(lines)
    first = next((line for _, line in numbered if line.strip()), "")
    rows = iter(Rows(numbered, "\t" if "\t" in first else ","))
    header = next(islice(rows, 1), None)
    if header is None:
        return
    for number, cells in rows:
        if len(cells) != len(header[1]):
            raise InvalidInputError(
                f"{table}, line {number} has {len(cells)} columns, the first {len(header[1])}. "
                "Complete or remove it."
            )
        yield dict(zip(header[1], cells, strict=True))


def _parquet(table: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        yield from pq.read_table(table).to_pylist()
    except pa.ArrowException as error:
        raise CorruptFileError(f"not readable as Parquet ({error})") from error
