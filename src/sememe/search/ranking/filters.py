"""`where` filters: SQL over the columns, checked before anything is searched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sememe._errors import FilterError
from sememe.search.table.lance_table import Addresses

_QUOTED = re.compile(r"'(?:[^']|'')*'|`[^`]*`")
_DOUBLE_QUOTED = re.compile(r'"([^"]*)"')
_TEXT = re.compile(r"'(?:[^']|'')*'")
_NOT_SCALAR = ("fixed_size", "list", "binary")  # types of columns that no filter reads
_OF_A_CHUNK = re.compile(r"\b(text|parts?|start|end|hash|terms|checksum)\b", re.IGNORECASE)


def check_where(dataset: Any, where: str) -> None:
    """Refuse a filter that the engine would misread.

    Raises:
        FilterError: If it is not a str, is empty, has several statements, or a column in double
            quotes (which the engine reads as a string).
    """
    if not isinstance(where, str) or not where.strip():
        raise _make_error(dataset, where, "it is empty")
    bare = _QUOTED.sub("", where)
    if ";" in bare:
        raise _make_error(dataset, where, "one expression is allowed, without ';'")
    for name in _DOUBLE_QUOTED.findall(bare):
        if name in dataset.schema.names:
            raise _make_error(dataset, where, f"write a column as `{name}`, text as 'text'")


def filter_modality(modality: str) -> str:
    """Return the filter that passes items of one modality.

    >>> filter_modality("image")
    "modality = 'image'"
    """
    return f"modality = '{modality}'"


def exclude_modalities(modalities: Iterable[str]) -> str:
    """Return the filter that passes items of no modality of some.

    >>> exclude_modalities(["image", "audio"])
    "modality <> 'image' AND modality <> 'audio'"
    """
    return " AND ".join(f"modality <> '{modality}'" for modality in modalities)


def names_chunk_columns(where: str) -> bool:
    """Return whether a filter may pass one chunk of an item and not another.

    Decided by the words in it, so the `END` of a CASE counts too.

    >>> names_chunk_columns("text LIKE '%x%'"), names_chunk_columns("source = 'text' OR texts = 1")
    (True, False)
    """
    return _OF_A_CHUNK.search(_TEXT.sub("''", where)) is not None


def find_rows(dataset: Any, where: str) -> Addresses:
    """Return the addresses of the rows that pass the filter.

    Raises:
        FilterError: If the filter is not SQL over the table's columns.
    """
    check_where(dataset, where)
    try:
        scanner = dataset.scanner(columns=[], filter=where, with_row_address=True)
        scanner.explain_plan()
    except (ValueError, OSError, RuntimeError) as error:
        raise _make_error(dataset, where, _shorten(error)) from None
    try:
        addresses: Addresses = scanner.to_table()["_rowaddr"].to_numpy()
    except (ValueError, OSError, RuntimeError) as error:
        gone = "not found" in str(error).lower() and ".lance" in str(error)
        if gone or isinstance(error, FileNotFoundError):
            raise  # a file of an old version that is gone: not the filter's fault
        raise _make_error(dataset, where, _shorten(error)) from None
    return addresses


def _shorten(error: Exception) -> str:
    message = str(error).split(", /")[0].split(" Valid fields are")[0]
    for noise in ("Invalid user input: ", "Schema error: ", "LanceError(IO): "):
        message = message.replace(noise, "")
    return message.strip().rstrip(".")[:200]


def _make_error(dataset: Any, where: object, reason: str) -> FilterError:
    types = {field.name: str(field.type) for field in dataset.schema}
    scalars = {n: kind for n, kind in types.items() if not kind.startswith(_NOT_SCALAR)}
    columns = ", ".join(f"{name} ({kind})" for name, kind in scalars.items())
    return FilterError(
        f"where={where!r} cannot be run: {reason}. Columns: {columns}. "
        "Example: where=\"source LIKE '%.md' AND part = 0\"."
    )
