"""A file of texts, one a line or one a JSON object, with the lines that they stand on."""

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
    """What a file holds.

    Attributes:
        texts: Those with content.
        lines: The line of each, from 1.
        empty: How many lines are blank.
        skipped: What could not be used, and why.
    """

    texts: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    empty: int = 0
    skipped: list[Skipped] = field(default_factory=list)


def read_text_file(path: Path) -> TextFile:
    """Read a file in memory: plain text or .jsonl, both also below .gz and .xz.

    A record's text is found as `sememe index` finds it: the field text, content, 내용...

    Raises:
        InvalidInputError: There is no such file, or it is of another kind.
        CorruptFileError: It is binary, or its packing is broken.
    """
    records = Records(path.name, has_ids=False) if _holds_records(path) else None
    found = TextFile()
    for number, line in _numbered(path, found.skipped):
        text: str | Skipped = line.removesuffix("\n")
        if not line.strip():
            found.empty += 1
            continue
        if records is not None:
            text = _text_of(line, number, records)
        if isinstance(text, Skipped):
            found.skipped.append(text)
        else:
            found.texts.append(well_formed(text))
            found.lines.append(number)
    found.skipped += [] if records is None else records.notes()
    return found


def chosen_lines(path: Path, lines: Container[int]) -> Iterator[str]:
    """Yield some lines of a file as they stand there, each with its end."""
    for number, line in _numbered(path, []):
        if number in lines:
            yield line if line.endswith("\n") else f"{line}\n"


def _holds_records(path: Path) -> bool:
    """Tell .jsonl from plain text, and refuse other formats."""
    kind, unread = format_of(path.name)
    if unread is not None or kind not in ("text", "markdown", "jsonl"):
        raise InvalidInputError(
            f"{path}: {unread or kind_of_file(kind)}; allowed: one text a line, or .jsonl with "
            '"text", both also as .gz and .xz.'
        )
    return kind == "jsonl"


def _numbered(path: Path, notes: list[Skipped]) -> Iterator[tuple[int, str]]:
    try:
        with open_lines(path, path.name) as lines:
            yield from lines
            notes.extend(lines.notes())
    except CorruptFileError as error:
        raise CorruptFileError(f"{path}: {error}. Give a file of texts, one a line.") from error
    except FileNotFoundError:
        raise InvalidInputError(f"{path}: no such file; give one with a text a line.") from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path}: {reason(error)}. Give a file of texts.") from error


def _text_of(line: str, number: int, records: Records) -> str | Skipped:
    place = f"line {number}"
    record = parse_line(line)
    if isinstance(record, ValueError):
        return Skipped("", f"{place}: not JSON ({record})")
    if not isinstance(record, dict):
        return Skipped("", f"{place}: not a JSON object but {type(record).__name__}")
    item = records.read(record, number, place)
    return item if isinstance(item, Skipped) else str(item.content)
