"""CSV and TSV: one item per row. Files are read twice, first to infer the types of columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from sememe._errors import CorruptFileError
from sememe._types import Item, Skipped
from sememe.sources.files import SourceFile
from sememe.sources.lines import Lines, open_lines
from sememe.sources.tables.column_names import find_roles
from sememe.sources.tables.csv_rows import Row, Rows, guess_delimiter, has_header
from sememe.sources.tables.csv_values import Kind, infer_kind, parse, widen
from sememe.sources.tables.id_set import IdSet
from sememe.sources.tables.records import NO_IDS, Records

SAMPLE_LINES = 200


@dataclass(slots=True)
class Layout:
    """Layout of a table.

    Attributes:
        delimiter: Cell separator.
        first_line: First line of the table: 2 after a line "sep=;", as spreadsheets write it.
        header: Whether the first row names the columns.
        names: Column names; column_1, column_2... without a header.
        kinds: Types of the columns.
        has_ids: Whether the column `id`, if there is one, identifies the rows.
    """

    delimiter: str
    first_line: int
    header: bool
    names: list[str]
    kinds: list[Kind] = field(default_factory=list)
    has_ids: bool = True


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read the rows of a file, then yield what was lost; see `Records` for the columns.

    The delimiter and the header are detected. A column has one type: int, float or bool if all its
    cells have it, else str. A row with more or fewer cells than the others is left out, unless the
    additional cells are empty.
    """
    with open_lines(file.path, file.source) as lines:
        layout = _find_layout(lines, is_tsv=".tsv" in file.path.name.lower())
    if layout is None:
        yield Skipped(file.source, "empty: it holds no rows")
        return
    with open_lines(file.path, file.source) as lines:
        _survey(lines, layout)
    if "str" not in layout.kinds and set(layout.kinds) != {"missing"}:
        yield Skipped(file.source, "no column holds text")
        return
    with open_lines(file.path, file.source) as lines:
        yield from _items(lines, layout, file.source)


def _items(lines: Lines, layout: Layout, source: str) -> Iterator[Item | Skipped]:
    records, width = Records(source, has_ids=layout.has_ids), len(layout.names)
    number = 0
    for number, (line, row) in enumerate(_data_rows(lines, layout), 1):
        where = f"row {number} (line {line})"
        if len(row) != width:
            others = "the header has" if layout.header else "other rows have"
            yield Skipped(source, f"{where}: {len(row)} cells where {others} {width}")
            continue
        try:
            values = [parse(cell, kind) for cell, kind in zip(row, layout.kinds, strict=True)]
        except ValueError:
            raise CorruptFileError("it changed while it was read") from None
        yield records.read(dict(zip(layout.names, values, strict=True)), number, where)
    if number == 0:
        yield Skipped(source, "empty: it holds no rows")
    if not layout.has_ids:
        yield Skipped(source, NO_IDS)
    yield from lines.notes()
    yield from records.notes()


def _data_rows(lines: Lines, layout: Layout) -> Iterator[Row]:
    """Yield the rows below the header, without empty cells beyond the width."""
    numbered = (pair for pair in lines if pair[0] >= layout.first_line)
    rows, width = Rows(numbered, layout.delimiter), len(layout.names)
    rows.width = width
    for at, (line, row) in enumerate(rows):
        if at == 0 and layout.header:
            continue
        if len(row) > width and not any(row[width:]):
            row = row[:width]
        if any(cell.strip() for cell in row):
            yield line, row


def _find_layout(lines: Lines, *, is_tsv: bool) -> Layout | None:
    sample = [line for _, line in islice(lines, SAMPLE_LINES)]
    first_line, delimiter = 1, "\t" if is_tsv else ""
    if sample and sample[0].lower().startswith("sep=") and len(sample[0].rstrip()) == 5:
        first_line, delimiter = 2, sample[0][4]
    sample = sample[first_line - 1 :]
    delimiter = delimiter or guess_delimiter(sample)
    rows = [row for _, row in Rows(enumerate(sample), delimiter) if any(map(str.strip, row))]
    if not rows:
        return None
    if has_header(rows):
        return Layout(delimiter, first_line, header=True, names=_name_columns(rows[0]))
    width = Counter(map(len, rows)).most_common(1)[0][0]
    names = [f"column_{at}" for at in range(1, width + 1)]
    return Layout(delimiter, first_line, header=False, names=names)


def _name_columns(header: list[str]) -> list[str]:
    """Give every column a distinct name: "a, a, (empty)" becomes "a, a_2, column_3"."""
    while len(header) > 1 and not header[-1].strip():
        header = header[:-1]
    names: list[str] = []
    for at, cell in enumerate(header, 1):
        name = cell.strip() or f"column_{at}"
        names.append(f"{name}_{at}" if name in names else name)
    return names


def _survey(lines: Lines, layout: Layout) -> None:
    """Read all rows to infer the types of the columns and whether the ids are distinct."""
    text_name, _, id_name = find_roles(layout.names)
    kinds: list[Kind] = ["str" if name == text_name else "missing" for name in layout.names]
    id_column = None if id_name is None else layout.names.index(id_name)
    ids = IdSet()
    for _, row in _data_rows(lines, layout):
        if len(row) != len(kinds):
            continue
        for column, cell in enumerate(row):
            if kinds[column] != "str":
                kinds[column] = widen(kinds[column], infer_kind(cell))
        if id_column is not None:
            ids.add(row[id_column])
    layout.kinds, layout.has_ids = kinds, ids.has_distinct_ids()
