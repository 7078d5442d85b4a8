"""JSON Lines: one item per object; lines that are not JSON are skipped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from sememe._types import Item, Skipped
from sememe.sources.files import SourceFile
from sememe.sources.lines import open_lines
from sememe.sources.tables.records import Records


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read the records of a file, then yield what was lost; see `Records` for the fields."""
    with open_lines(file.path, file.source) as lines:
        yield from read_records(lines, file.source)
        yield from lines.notes()


def read_records(numbered: Iterable[tuple[int, str]], source: str) -> Iterator[Item | Skipped]:
    """Read JSON objects from numbered lines."""
    records, empty = Records(source), True
    for number, line in numbered:
        if not line.strip():
            continue
        empty = False
        where = f"line {number}"
        record = parse_line(line)
        if isinstance(record, dict):
            yield records.read(record, number, where)
        elif isinstance(record, ValueError):
            yield Skipped(source, f"{where}: not JSON ({record})")
        else:
            yield Skipped(source, f"{where}: not a JSON object but {type(record).__name__}")
    if empty:
        yield Skipped(source, "empty: it holds no records")
    yield from records.notes()


def parse_line(line: str) -> object:
    """Return the value of a line of JSON, or a ValueError that describes what is wrong."""
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        return ValueError(f"{error.msg} at column {error.colno}")
    except RecursionError:
        return ValueError("nested too deeply")
    except ValueError as error:  # an integer of more digits than Python reads
        return error
