"""Metadata of items, checked against the columns of the index or fitted to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sememe._errors import InvalidInputError
from sememe._types import Item, Skipped
from sememe.search.table.metadata_columns import KINDS, Columns


class MetadataSchema:
    """The metadata columns of an index, and those that the items read so far add.

    Items that a program gives are checked: it can correct them. Items read from files are fitted,
    so that one column of a table never loses a file: a column of strings takes any value as a
    string, a name that differs only in case is taken for the same, and a value that still does not
    fit is left out and reported.
    """

    def __init__(self, stored: Mapping[str, str]) -> None:
        """Start from the columns of the index: name -> "bool", "int64", "double" or "string"."""
        self._columns = Columns(stored)
        self._left_out: Counter[tuple[str, str]] = Counter()  # (name, why) -> items

    def check(self, item: Item) -> None:
        """Refuse an item whose metadata the index cannot hold.

        Raises:
            InvalidInputError: If a name or a value fits no column.
        """
        self._columns.add_all(item.metadata, item.id)

    def fit(self, item: Item) -> Item:
        """Return the item with metadata that the index can hold."""
        fitted: dict[str, Any] = {}
        for given, value in item.metadata.items():
            name = self._match_column(given, item.metadata)
            held = self._columns.kinds.get(name)
            if held == "string" and not isinstance(value, str):
                value = str(value).lower() if isinstance(value, bool) else str(value)
            try:
                self._columns.add(name, value, item.id)
            except InvalidInputError as error:
                why = f"the index holds it as {KINDS[held]}" if held else str(error)
                self._left_out[name, why] += 1
            else:
                fitted[name] = value
        return item if fitted == item.metadata else replace(item, metadata=fitted)

    def fit_all(self, things: Iterable[Item | Skipped], source: str) -> Iterator[Item | Skipped]:
        """Fit the items of one file as they come, then report what was left out of them."""
        for thing in things:
            yield self.fit(thing) if isinstance(thing, Item) else thing
        yield from self.report_left_out(source)

    def report_left_out(self, source: str) -> Iterator[Skipped]:
        """Report for a file what was left out of the items fitted since the last call."""
        for (name, why), items in self._left_out.items():
            many = "s" if items > 1 else ""
            yield Skipped(source, f"metadata {name!r} was left out of {items} item{many}: {why}")
        self._left_out.clear()

    def _match_column(self, name: str, metadata: Mapping[str, object]) -> str:
        """Return the column of a name: its own, or one that differs only in upper and lower case.

        A column that the metadata names, too, is not taken from it.
        """
        if name in self._columns.kinds:
            return name
        twin = next((n for n in self._columns.kinds if n.lower() == name.lower()), name)
        return name if twin in metadata else twin
