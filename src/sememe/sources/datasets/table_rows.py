"""Rows of the tables that data sets come in: .csv, .tsv, .jsonl or .parquet, read to the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.sources.formats import format_of, kind_of_file
from sememe.sources.lines import open_lines
from sememe.sources.open_file import reason
from sememe.sources.tables.column_names import find_name, fold_name
from sememe.sources.tables.csv_rows import Rows
from sememe.sources.tables.jsonl import parse_line

_ALLOWED = "a .csv, .tsv, .jsonl or .parquet"


def read_table(table: Path, what: str) -> list[Mapping[str, Any]]:
    """Read the rows of a table as column -> value; `what` it holds, for messages.

    Raises InvalidInputError for a missing file or another format, CorruptFileError if damaged.
    """
    if not table.is_file():
        problem = "a folder, not a table" if table.is_dir() else "no such file"
        raise InvalidInputError(f"{table}: {problem}. Give {_ALLOWED} of {what}.")
    kind, _ = format_of(table.name)
    if kind not in ("csv", "jsonl", "parquet"):
        raise InvalidInputError(f"{table}: got {kind_of_file(kind)}; allowed: {_ALLOWED}.")
    try:
        if kind == "parquet":
            return _read_parquet(table)
        with open_lines(table, table.name) as lines:
            return list(_read_jsonl(lines, table) if kind == "jsonl" else _read_csv(lines, table))
    except CorruptFileError as error:
        raise CorruptFileError(f"{table}: {error}. Fetch it anew.") from error
    except (OSError, UnicodeError) as error:
        raise InvalidInputError(f"{table}: {reason(error)}.") from error


def list_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of all columns, in order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def require_column(
    rows: Sequence[Mapping[str, Any]],
    table: Path,
    what: str,
    usual: tuple[str, ...],
    given: str | None = None,
    option: str = "",
) -> str:
    """Return the column of `what`: the given one, or the first of the usual names.

    Raises InvalidInputError if there is none; suggests `option` and the first usual name.
    """
    names = list_columns(rows)
    name = find_name(names, usual if given is None else (fold_name(given),))
    if name is None:
        column = f"column for {what}" if given is None else f"column {given!r}"
        cure = f"Name one with {option} NAME, or call" if option else "Call"
        raise InvalidInputError(
            f"{table} has no {column} but {', '.join(map(repr, names)) or 'nothing'}. {cure} it "
            f"{usual[0]!r}."
        )
    return name


def _read_jsonl(lines: Iterable[tuple[int, str]], table: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in lines:
        if line.strip():
            record = parse_line(line)
            if not isinstance(record, dict):
                raise InvalidInputError(
                    f"{table}, line {number}: no JSON object. Mend or remove it."
                )
            yield record


def _read_csv(lines: Iterable[tuple[int, str]], table: Path) -> Iterator[Mapping[str, Any]]:
    numbered = list(lines)
    first = next((line for _, line in numbered if line.strip()), "")
    rows = iter(Rows(numbered, "\t" if "\t" in first else ","))
    header = next(rows, (0, []))
    for number, cells in rows:
        if len(cells) != len(header[1]):
            raise InvalidInputError(
                f"{table}, line {number} has {len(cells)} columns, the first {len(header[1])}. "
                "Complete or remove it."
            )
        yield dict(zip(header[1], cells, strict=True))


def _read_parquet(table: Path) -> list[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_table(table).to_pylist())
    except pa.ArrowException as error:
        raise CorruptFileError(f"not readable as Parquet ({error})") from error
