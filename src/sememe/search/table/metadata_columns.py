"""Metadata columns: typed by the first value, widened from int to float, else refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError
from sememe.search.table.rows import FIXED_COLUMNS, VECTOR_PREFIX, WIDENING_PREFIX, Row

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = {"bool": "bool", "int64": "int", "double": "float", "string": "str"}
_KINDS = {bool: "bool", int: "int64", float: "double", str: "string"}  # a bool is an int


@dataclass(frozen=True, slots=True)
class Evolution:
    """Changes of the table's columns that a batch of rows needs.

    Attributes:
        new: Columns to add: name -> "bool", "int64", "double" or "string".
        widen: Columns stored as int64 that must become double.
    """

    new: dict[str, str]
    widen: list[str]


def metadata_types(schema: pa.Schema) -> dict[str, str]:
    """Return the metadata columns of a table: name -> "bool", "int64", "double" or "string"."""
    return {
        f.name: str(f.type)
        for f in schema
        if f.name not in FIXED_COLUMNS and not f.name.startswith((VECTOR_PREFIX, WIDENING_PREFIX))
    }


class Columns:
    """The metadata columns of a table, as they become while values arrive.

    Attributes:
        kinds: name -> "bool", "int64", "double" or "string".
    """

    def __init__(self, stored: Mapping[str, str]) -> None:
        self.kinds = dict(stored)

    def add_all(self, metadata: Mapping[str, object], id: str) -> None:
        """Add the values of item `id` that are not None; raises as `add`."""
        for name, value in metadata.items():
            if value is not None:
                self.add(name, value, id)

    def add(self, name: str, value: object, id: str) -> None:
        """Add a value of item `id`: it may need a new column, or a wider one.

        Raises:
            InvalidInputError: If the name cannot be a column, or the value does not fit it.
        """
        got, had = _kind(name, value, id), self.kinds.get(name)
        if had is None:
            check_name(name, self.kinds)
        self.kinds[name] = got if had in (None, got) else _join(name, had, got, id)


def plan_evolution(rows: Sequence[Row], stored: Mapping[str, str]) -> Evolution:
    """Compare the metadata of `rows` with the types `stored`; return what has to change.

    Raises:
        InvalidInputError: If a name cannot be a column, or a value has another type than stored.
    """
    columns = Columns(stored)
    for row in rows:
        columns.add_all(row.metadata, row.id)
    new = {name: kind for name, kind in columns.kinds.items() if name not in stored}
    widen = [name for name, kind in stored.items() if kind != columns.kinds[name]]
    return Evolution(new, widen)


def check_name(name: str, taken: Iterable[str]) -> None:
    """Refuse a metadata name that cannot be a column of its own.

    Raises:
        InvalidInputError: If the name is reserved, holds a dot or a backtick, begins with an
            underscore, or differs from another column only in upper and lower case.
    """
    if not isinstance(name, str) or not name.strip() or set(name) & set(".`\n\r\0"):
        why = "must be a name without dots, backticks or line breaks"
    elif not name.isascii() and any("\ud800" <= char <= "\udfff" for char in name):
        why = "holds a lone surrogate, which no file can hold"
    elif name.startswith(("_", VECTOR_PREFIX, WIDENING_PREFIX)):
        why = f"must not begin with '_', {VECTOR_PREFIX!r} or {WIDENING_PREFIX!r}"
    elif name.lower() in FIXED_COLUMNS:
        why = f"must not be one of the index's own columns ({', '.join(FIXED_COLUMNS)})"
    elif twin := next((t for t in taken if t.lower() == name.lower() and t != name), None):
        why = f"differs from {twin!r} only in upper and lower case"
    else:
        return
    raise InvalidInputError(f"Metadata name {name!r} {why}. Rename it, for example 'my_name'.")


def _kind(name: str, value: object, id: str) -> str:
    for type_, kind in _KINDS.items():
        if isinstance(value, type_):
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise InvalidInputError(
                    f"id={id!r}: metadata {name!r}={value} does not fit 64 bits. Pass it as str."
                )
            return kind
    raise InvalidInputError(
        f"id={id!r}: metadata {name!r} is {type(value).__name__}; "
        "allowed are str, int, float, bool and None."
    )


def _join(name: str, had: str, got: str, id: str) -> str:
    if {had, got} == {"int64", "double"}:
        return "double"
    raise InvalidInputError(
        f"id={id!r}: metadata {name!r} got {KINDS[got]}, but the index holds it as {KINDS[had]}. "
        f"Convert the value to {KINDS[had]}, or give the metadata another name."
    )
