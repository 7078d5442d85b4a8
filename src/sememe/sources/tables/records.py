"""Turn a record (a row, a JSON object) into an item: text, id and metadata."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal

from sememe._types import Item, Skipped
from sememe.sources.sanitize import Sanitizer
from sememe.sources.tables.column_names import ColumnNames, find_roles
from sememe.sources.tables.id_set import IdSet

NO_IDS = "its column 'id' repeats values: rows are numbered instead, and the column is metadata"
Scalar = str | int | float | bool


class Records:
    """Converts the records of one file to items.

    *Text*: the field named text, content, body, document, 내용, 본문... (`TEXT_NAMES`), preceded by
    a line with the field named title or 제목. Without a text field, all strings, numbers, dates and
    times of the record as lines "name: value", if one of them is a string.
    *Id*: `source#<id>` with the field `id` or `_id`, else `source#<row number>`. If an earlier
    record of the file has the same id, "@" and the row number are appended.
    *Metadata*: every other field that is a string, number, boolean, date or time (the last two in
    ISO format), under the name that `ColumnNames` gives it; also the title, and what became text
    without a text field. Lists, objects, missing values and NaN are left out.
    """

    def __init__(self, source: str, *, has_ids: bool = True) -> None:
        """Begin a file; without `has_ids` its field `id` is metadata."""
        self.sanitizer = Sanitizer()
        self._source = source
        self._has_ids = has_ids
        self._names = ColumnNames()
        self._given = IdSet()
        self._repeated = 0  # records whose id an earlier one has
        self._numbers = IdSet()
        self._roles: dict[tuple[str, ...], tuple[str | None, ...]] = {}

    def read(self, record: Mapping[str, object], number: int, where: str) -> Item | Skipped:
        """Return the item of one record, or why there is none.

        number: Number of the record in its file, from 1; its id by default. where: The same as
        displayed: "row 3 (line 5)".
        """
        text_name, title_name, id_name = self._roles_of(tuple(record))
        if text_name is not None:
            names = (title_name, text_name)
            parts = [_as_text(record[name]) for name in names if name is not None]
        else:
            parts = self._list_fields({k: v for k, v in record.items() if k != id_name})
        content = self.sanitizer.sanitize("\n".join(part for part in parts if part.strip()))
        if not content.strip():
            return Skipped(self._source, f"{where}: no text")
        key = self._key(None if id_name is None else record.get(id_name), number)
        metadata = {
            self._names[name]: scalar
            for name, value in record.items()
            if name not in (text_name, id_name) and (scalar := self._scalar(value)) is not None
        }
        return Item(f"{self._source}#{key}", content, "text", self._source, metadata)

    def _list_fields(self, fields: Mapping[str, object]) -> list[str]:
        """Return "name: value" of each field that says something; [] if none is a string."""
        values = {
            name: str(scalar).strip()
            for name, value in fields.items()
            if not isinstance(value, bool) and (scalar := self._scalar(value)) is not None
        }
        if not any(isinstance(fields[name], str) for name, value in values.items() if value):
            return []
        return [f"{name}: {value}" for name, value in values.items() if value]

    def notes(self) -> Iterator[Skipped]:
        """Yield what was changed in its strings, once for the whole file."""
        for note in self.sanitizer.notes():
            yield Skipped(self._source, note)
        if self._repeated:
            note = f"{self._repeated} records repeat an id; they are named ID@ROW, none is left out"
            yield Skipped(self._source, note)

    def _roles_of(self, names: tuple[str, ...]) -> tuple[str | None, ...]:
        """Return the names of text, title and id fields; cached, since most records are alike."""
        if names not in self._roles:
            if len(self._roles) >= 1000:
                self._roles.clear()
            self._roles[names] = find_roles(names)
        text_name, title_name, id_name = self._roles[names]
        return text_name, title_name, id_name if self._has_ids else None

    def _key(self, given: object, number: int) -> str:
        """Return the id within the file; if it is taken, append "@" and the record's number.

        It may be taken by the id of an earlier record, or by a number used as one.
        """
        if isinstance(given, bool) or not isinstance(given, str | int) or given == "":
            key = str(number)
            self._numbers.add(key)
            return f"{key}@{number}" if key in self._given else key
        key = self.sanitizer.sanitize(str(given))
        new = self._given.add(key)
        self._repeated += not new
        return key if new and key not in self._numbers else f"{key}@{number}"

    def _scalar(self, value: object) -> Scalar | None:
        if isinstance(value, str):
            return self.sanitizer.sanitize(value)
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if -(2**63) <= value < 2**63 else str(value)
        if isinstance(value, float | Decimal):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        return None


def _as_text(value: object) -> str:
    """Return a text field: strings unchanged, lists of strings as lines, numbers as digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(part for part in value if isinstance(part, str))
    return str(value) if isinstance(value, int | float) else ""
