"""Types of CSV columns, inferred over the whole column."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["missing", "bool", "int", "float", "str"]
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
INT = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")  # fits 64 bits; 007 is a code, not a number
FLOAT = re.compile(r"[+-]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?")


def infer_kind(cell: str) -> Kind:
    """Return the narrowest type of a cell.

    >>> [infer_kind(cell) for cell in ["3", "-0.5", "1e-3", "True", "007", "N/A", "서울"]]
    ['int', 'float', 'float', 'bool', 'str', 'missing', 'str']
    """
    cell = cell.strip()
    if cell.casefold() in MISSING:
        return "missing"
    if INT.fullmatch(cell):
        return "int"
    if FLOAT.fullmatch(cell) and any(char.isdigit() for char in cell):
        return "float"
    return "bool" if cell.casefold() in {"true", "false"} else "str"


def widen(kind: Kind, other: Kind) -> Kind:
    """Return the narrowest type that holds both.

    >>> widen("int", "float"), widen("missing", "bool"), widen("bool", "int")
    ('float', 'bool', 'str')
    """
    if kind == other or other == "missing":
        return kind
    if kind == "missing":
        return other
    return "float" if {kind, other} == {"int", "float"} else "str"


def parse(cell: str, kind: Kind) -> str | int | float | bool | None:
    """Parse a cell as its column's type; None if it is missing.

    In a column of strings only the empty cell is missing: there "NA" may be Namibia.
    """
    if kind == "str":
        return cell or None
    cell = cell.strip()
    if cell.casefold() in MISSING:
        return None
    if kind == "bool":
        return cell.casefold() == "true"
    return int(cell) if kind == "int" else float(cell)
