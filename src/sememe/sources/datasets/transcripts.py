"""Audio files with transcripts: a table, or a folder of file pairs.

    path,text                          a table (.csv, .tsv, .jsonl, .parquet)
    one.wav, one.txt                   a folder: an audio file and a text file of the same name

Paths in a table are relative to its folder.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError, list_first
from sememe.sources.datasets.table_rows import read_table, require_column
from sememe.sources.formats import format_of
from sememe.sources.lines import open_lines
from sememe.sources.open_file import reason

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
    "NAME.wav and NAME.txt"
)


def read_transcripts(path: str | Path) -> list[tuple[Path, str]]:
    """Return (audio path, transcript) pairs, in the order of the table or sorted by path.

    path: A table with columns of a usual name ("path", "file", "audio", 파일...; "text",
    "transcript", "sentence", 문장...); or a folder, searched recursively, with NAME.wav (or another
    audio format) and NAME.txt, in which audio without a text is ignored. Transcripts are in NFC
    with single spaces; one may be empty, for audio without speech.

    Raises:
        InvalidInputError: No such file, no such column, no audio with a text, or a path in a table
            that does not exist.
        CorruptFileError: A file cannot be read to its end.
    """
    path = Path(path)
    if not path.exists():
        raise InvalidInputError(f"{path}: no such file or folder. Give {_LAYOUT}.")
    return _read_folder(path) if path.is_dir() else _read_table(path)


def _read_table(table: Path) -> list[tuple[Path, str]]:
    rows = read_table(table, "audio files and texts")
    paths = require_column(rows, table, "audio files", PATH_NAMES)
    texts = require_column(rows, table, "texts", TEXT_NAMES)
    pairs = [
        (_resolve_path(table, number, row, paths), _normalize(row.get(texts)))
        for number, row in enumerate(rows, 1)
    ]
    if missing := [str(path) for path, _ in pairs if not path.is_file()]:
        raise InvalidInputError(
            f"{table} names audio files that do not exist: {list_first(missing)}. Paths are "
            f"relative to {table.parent}; mend or remove these rows."
        )
    return pairs


def _resolve_path(table: Path, number: int, row: Mapping[str, Any], column: str) -> Path:
    name = row.get(column)
    if not isinstance(name, str) or not name.strip():
        raise InvalidInputError(
            f"{table}, record {number}: no path in column {column!r}. Complete or remove it."
        )
    path = table.parent / name.strip()
    return path if path.exists() else table.parent / unicodedata.normalize("NFC", name.strip())


def _read_folder(folder: Path) -> list[tuple[Path, str]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    audio = [path for path in files if format_of(path.name)[0] == "audio"]
    texts = ((path, path.with_suffix(".txt")) for path in audio)
    pairs = [(path, _read_text(text)) for path, text in texts if text.is_file()]
    if not pairs:
        raise InvalidInputError(f"{folder} holds no audio file with its text; give {_LAYOUT}.")
    return pairs


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
