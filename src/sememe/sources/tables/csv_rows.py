"""Rows of a CSV or TSV text, with recovery from unbalanced quotes.

An opening quote that is never closed makes the csv module read everything after it as one cell.
Such a row is read again with its quotes as plain characters, and its other lines are put back.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from sememe._errors import CorruptFileError
from sememe.sources.tables.column_names import find_name, find_roles
from sememe.sources.tables.csv_values import infer_kind

DELIMITERS = ",;\t|"
MAX_FIELD = 64 << 20
MAX_LINES_IN_ROW = 10_000
Row = tuple[int, list[str]]  # (number of its first line, cells)


class Rows:
    """Iterates (number of the first line, cells); blank lines are skipped.

    Attributes:
        width: Expected number of cells, if known: a row with another number is read without its
            quotes if it then has this number.
    """

    def __init__(self, numbered: Iterable[tuple[int, str]], delimiter: str) -> None:
        self.width: int | None = None
        self._delimiter = delimiter
        self._source = iter(numbered)
        self._waiting: deque[tuple[int, str]] = deque()  # lines put back
        self._taken: list[tuple[int, str]] = []  # lines of the row being read

    def __iter__(self) -> Iterator[Row]:
        reader = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
        while True:
            self._taken.clear()
            row: list[str] | None
            try:
                row = self._next(reader)
            except StopIteration:
                return
            except (csv.Error, CorruptFileError):
                row = None
                reader = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
            number, first = self._taken[0]
            if row is None or self._is_doubtful(row):
                plain = self._read_line(first, csv.QUOTE_NONE)
                if row is None or len(plain) == self.width:
                    lenient = self._read_line(first, csv.QUOTE_MINIMAL)
                    row = lenient if len(lenient) == self.width != len(plain) else plain
                    self._waiting.extendleft(reversed(self._taken[1:]))
            if row:
                yield number, row

    def _lines(self) -> Iterator[str]:
        while True:
            line = self._waiting.popleft() if self._waiting else next(self._source, None)
            if line is None:
                return
            self._taken.append(line)
            if len(self._taken) > MAX_LINES_IN_ROW:
                raise CorruptFileError("a quote that never closes")
            yield line[1]

    def _is_doubtful(self, row: list[str]) -> bool:
        """Return whether a row has the wrong width, or two plain quotes joined rows of a TSV."""
        if self.width is None:
            return False
        if len(row) != self.width:
            return True
        if len(self._taken) == 1 or self._delimiter != "\t":
            return False
        return all(line.count("\t") == self.width - 1 for _, line in self._taken)

    def _read_line(self, line: str, quoting: int) -> list[str]:
        reader = csv.reader([line], delimiter=self._delimiter, quoting=quoting)  # type: ignore[arg-type]
        try:
            row = self._next(reader)
        except (csv.Error, StopIteration):
            return [line.rstrip("\n")]
        return [cell.rstrip("\n") for cell in row]

    @staticmethod
    def _next(reader: Iterator[list[str]]) -> list[str]:
        """Read a row with long cells; the limit is process-wide, so it is restored."""
        limit = csv.field_size_limit(MAX_FIELD)
        try:
            return next(reader)
        finally:
            csv.field_size_limit(limit)


def guess_delimiter(lines: list[str]) -> str:
    """Return the delimiter with which most lines have the same number of cells, above 1."""

    def agreement(delimiter: str) -> int:
        widths = Counter(len(row) for _, row in Rows(enumerate(lines, 1), delimiter))
        return max((rows for width, rows in widths.items() if width > 1), default=0)

    return max(DELIMITERS, key=agreement)  # ties go to the first: a comma if none splits


def has_header(rows: list[list[str]]) -> bool:
    """Return whether the first row is a header.

    It is if it has a well-known name (text, title, id, label...); it is not if a cell is empty,
    repeated, a number, long, a sentence, occurs again in its column, or is the only one of its row.
    """
    first, rest = rows[0], rows[1:]
    if any(find_roles(first)) or find_name(first, ("label", "name", "이름")):
        return True
    cells = [cell.strip() for cell in first]
    if len(cells) == 1 or not all(cells) or len(set(cells)) < len(cells):
        return False
    if any(len(cell) > 64 or cell[-1] in ".!?。…" or infer_kind(cell) != "str" for cell in cells):
        return False
    return not any(
        row[at] == first[at] for row in rest for at in range(len(first)) if at < len(row)
    )
