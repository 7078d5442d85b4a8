"""Metadata of items against the columns of the index: what fits, what is adapted or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sememe._errors import InvalidInputError
from sememe._types import Item, Skipped
from sememe.search.table.metadata_columns import KINDS, Columns


class Facts:
    """Knows the columns of an index, and those that the items it has seen will add.

    Items that a program hands over are checked: it can mend them. Items read from people's files
    are fitted, so that one column of one table never costs a file: a column of strings takes any
    value as a string, a name that differs only in case is taken for the same, and a value that
    still does not fit is left out and told of.
    """

    def __init__(self, stored: Mapping[str, str]) -> None:
        """Begin with the columns of the index: name -> "bool", "int64", "double" or "string"."""
        self._columns = Columns(stored)
        self._left_out: Counter[tuple[str, str]] = Counter()  # (name, why) -> items

    def check(self, item: Item) -> None:
        """Refuse an item whose metadata the index cannot hold.

        Raises:
            InvalidInputError: A name or a value that fits no column.
        """
        for name, value in item.metadata.items():
            if value is not None:
                self._columns.admit(name, value, item.id)

    def fit(self, item: Item) -> Item:
        """Return the item with metadata that the index can hold."""
        fitted: dict[str, Any] = {}
        for given, value in item.metadata.items():
            name = self._name(given, item.metadata)
            held = self._columns.kinds.get(name)
            if held == "string" and not isinstance(value, str):
                value = str(value).lower() if isinstance(value, bool) else str(value)
            try:
                self._columns.admit(name, value, item.id)
            except InvalidInputError as error:
                why = f"the index holds it as {KINDS[held]}" if held else str(error)
                self._left_out[name, why] += 1
            else:
                fitted[name] = value
        return item if fitted == item.metadata else replace(item, metadata=fitted)

    def notes(self, source: str) -> Iterator[Skipped]:
        """Say once for a file what was left out of the items fitted since the last call."""
        for (name, why), items in self._left_out.items():
            many = "s" if items > 1 else ""
            yield Skipped(source, f"metadata {name!r} was left out of {items} item{many}: {why}")
        self._left_out.clear()

    def _name(self, name: str, beside: Mapping[str, object]) -> str:
        """Return the column that a name stands for: itself, or one in other letters' case."""
        if name in self._columns.kinds:
            return name
        folded = name.lower()
        twins = (kind for kind in self._columns.kinds if kind.lower() == folded)
        twin = next(twins, name)
        return name if twin in beside else twin


def fitted(
    things: Iterable[Item | Skipped], stored: Mapping[str, str], source: str
) -> Iterator[Item | Skipped]:
    """Fit the items of one stream as they come, then say what was left out of them."""
    facts = Facts(stored)
    for thing in things:
        yield facts.fit(thing) if isinstance(thing, Item) else thing
    yield from facts.notes(source)
