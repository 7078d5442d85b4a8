"""Recordings and what is said in them: a table with a row for each, or pairs of files.

    path,text                          a table (.csv, .tsv, .jsonl, .parquet)
    one.wav, one.txt                   a folder: each recording beside a file of its name

Paths in a table are relative to its folder.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.sources.datasets.image_text import table_rows
from sememe.sources.formats import format_of
from sememe.sources.lines import open_lines
from sememe.sources.open_file import reason
from sememe.sources.tables.column_names import find_name

PATH_NAMES = (
    *("path", "file", "file_name", "filename", "audio", "audio_path", "sound", "recording", "wav"),
    *("파일", "경로", "소리", "음성"),
)
TEXT_NAMES = (
    *("text", "transcript", "transcription", "sentence", "normalized_text"),
    *("문장", "전사", "내용", "텍스트"),
)
_LAYOUT = (
    "a table (.csv, .tsv, .jsonl, .parquet) with columns path and text, or a folder that holds "
    "NAME.wav beside NAME.txt"
)


def read_transcripts(path: str | Path) -> list[tuple[Path, str]]:
    """Read recordings, not yet opened, and what is said in each, in the order of their places.

    path: A table, whose columns are found by their usual names ("path", "file", "audio", 파일...;
    "text", "transcript", "sentence", 문장...); or a folder, and the folders in it, with NAME.wav
    (or of another kind of sound) beside NAME.txt. Texts come with their white space made single
    and in the form NFC; a text may be empty, for a recording in which nothing is said. A recording
    of a folder without a text beside it is left out.

    Raises:
        InvalidInputError: There is no such file, no such column, no recording with a text, or a
            recording that a table names is not there.
        CorruptFileError: A file cannot be read to its end.
    """
    place = Path(path)
    if place.is_dir():
        return _read_folder(place)
    if not place.is_file():
        raise InvalidInputError(f"{place}: no such file or folder. Give {_LAYOUT}.")
    return _read_table(place)


def _read_table(table: Path) -> list[tuple[Path, str]]:
    rows = list(table_rows(table, "recordings and texts"))
    names = list(dict.fromkeys(name for row in rows for name in row))
    paths, texts = find_name(names, PATH_NAMES), find_name(names, TEXT_NAMES)
    if paths is None or texts is None:
        what, cure = ("recordings", "path") if paths is None else ("texts", "text")
        given = ", ".join(map(repr, names)) or "nothing"
        raise InvalidInputError(f"{table} has no column for {what} but {given}. Call it {cure!r}.")
    found = [(_resolve_path(table, number, row, paths), _normalize(row.get(texts)))
             for number, row in enumerate(rows, 1)]  # fmt: skip
    missing = [str(one) for one, _ in found if not one.is_file()]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InvalidInputError(
            f"{table} names recordings that are not there: {', '.join(missing[:3])}{more}. Paths "
            f"are relative to {table.parent}; mend or remove these rows."
        )
    return found


def _resolve_path(table: Path, number: int, row: Mapping[str, Any], column: str) -> Path:
    name = row.get(column)
    if not isinstance(name, str) or not name.strip():
        raise InvalidInputError(
            f"{table}, record {number}: no path in column {column!r}. Complete or remove it."
        )
    path = table.parent / name.strip()
    composed = table.parent / unicodedata.normalize("NFC", name.strip())
    return path if path.exists() else composed


def _read_folder(folder: Path) -> list[tuple[Path, str]]:
    found = []
    for sound in sorted(path for path in folder.rglob("*") if path.is_file()):
        text = sound.with_suffix(".txt")
        if format_of(sound.name)[0] == "audio" and text.is_file():
            found.append((sound, _read_text(text)))
    if not found:
        raise InvalidInputError(f"{folder} holds no recording beside its text; give {_LAYOUT}.")
    return found


def _read_text(path: Path) -> str:
    if not path.stat().st_size:
        return ""
    try:
        with open_lines(path, path.name) as lines:
            return _normalize(" ".join(line for _, line in lines))
    except CorruptFileError as error:
        raise CorruptFileError(f"{path}: {error}. Write it anew as plain text") from error
    except (OSError, UnicodeError) as error:
        raise InvalidInputError(f"{path}: {reason(error)}.") from error


def _normalize(text: Any) -> str:
    r"""Return a text in NFC with single spaces.

    >>> _normalize(" one\n two ")
    'one two'
    """
    return " ".join(unicodedata.normalize("NFC", "" if text is None else str(text)).split())
