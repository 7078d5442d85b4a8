"""Files of texts: one per line or one per JSON object, with their line numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._types import Skipped
from sememe.sources.formats import format_of, kind_of_file
from sememe.sources.lines import open_lines
from sememe.sources.open_file import reason
from sememe.sources.tables.jsonl import parse_line
from sememe.sources.tables.records import Records
from sememe.text.normalize import well_formed

if TYPE_CHECKING:
    from collections.abc import Container


@dataclass(slots=True)
class TextFile:
    """Texts of a file.

    Attributes:
        texts: Those with content.
        lines: The line number of each, from 1.
        empty: Number of blank lines.
        skipped: What could not be used, and why.
    """

    texts: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    empty: int = 0
    skipped: list[Skipped] = field(default_factory=list)


def read_text_file(path: Path) -> TextFile:
    """Read a file into memory: plain text or .jsonl, both also as .gz and .xz.

    The text of a record is the field that `sememe index` takes: text, content, 내용...

    Raises:
        InvalidInputError: If there is no such file, or it is of another kind.
        CorruptFileError: If it is binary, or its compression is broken.
    """
    records = Records(path.name, has_ids=False) if _is_jsonl(path) else None
    file = TextFile()
    for number, line in _read_numbered(path, file.skipped):
        if not line.strip():
            file.empty += 1
            continue
        text = _read_record(line, number, records) if records else line.removesuffix("\n")
        if isinstance(text, Skipped):
            file.skipped.append(text)
        else:
            file.texts.append(well_formed(text))
            file.lines.append(number)
    file.skipped += [] if records is None else records.notes()
    return file


def read_lines_at(path: Path, numbers: Container[int]) -> Iterator[str]:
    """Yield the lines with these numbers unchanged, each with its line end."""
    for number, line in _read_numbered(path, []):
        if number in numbers:
            yield line if line.endswith("\n") else f"{line}\n"


def read_words(path: Path) -> list[str]:
    """Read a UTF-8 file of words, one per line, without blank lines."""
    from sememe.text.lines import check_corpus, read_texts

    check_corpus(path)
    return [word for line in read_texts(path) if (word := line.strip())]


def _is_jsonl(path: Path) -> bool:
    """Distinguish .jsonl from plain text, and refuse other formats."""
    kind, unread = format_of(path.name)
    if unread is not None or kind not in ("text", "markdown", "jsonl"):
        raise InvalidInputError(
            f"{path}: {unread or kind_of_file(kind)}; allowed: one text per line, or .jsonl with "
            '"text", both also as .gz and .xz.'
        )
    return kind == "jsonl"


def _read_numbered(path: Path, notes: list[Skipped]) -> Iterator[tuple[int, str]]:
    try:
        with open_lines(path, path.name) as lines:
            yield from lines
            notes.extend(lines.notes())
    except CorruptFileError as error:
        raise CorruptFileError(f"{path}: {error}. Give a file of texts, one per line.") from error
    except FileNotFoundError:
        raise InvalidInputError(f"{path}: no such file; give one with a text per line.") from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path}: {reason(error)}. Give a file of texts.") from error


def _read_record(line: str, number: int, records: Records) -> str | Skipped:
    where = f"line {number}"
    record = parse_line(line)
    if isinstance(record, ValueError):
        return Skipped("", f"{where}: not JSON ({record})")
    if not isinstance(record, dict):
        return Skipped("", f"{where}: not a JSON object but {type(record).__name__}")
    item = records.read(record, number, where)
    return item if isinstance(item, Skipped) else str(item.content)
