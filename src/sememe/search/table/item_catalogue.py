"""The stored items, small enough to keep in memory: 24 bytes for each.

A writer looks up which items are new, changed, half stored or unchanged, so that only those are
encoded that have to be. Ids and content hashes are kept as 64-bit BLAKE2b digests; among a
million items the chance that any two share one is about 3e-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe.search.table.lance_table import LanceTable

Digests = NDArray[np.uint64]
_Rows = tuple[Digests, Digests, NDArray[np.uint32]]  # of each row: id, content hash, parts


class State(IntEnum):
    """What the store holds of an item."""

    NEW = 0  # no row of that id
    SAME = 1  # every row of that id and content
    CHANGED = 2  # rows of that id, of other content
    PARTIAL = 3  # some rows of that id and content, not all


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The items of one version of the table, sorted by digest.

    Attributes:
        ids: (n,) uint64, digest of each id, ascending.
        contents: (n,) uint64, digest of each content hash.
        present: (n,) uint32, rows stored.
        parts: (n,) uint32, rows the whole item has.
    """

    ids: Digests
    contents: Digests
    present: NDArray[np.uint32]
    parts: NDArray[np.uint32]

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.ids)

    def states(self, ids: Sequence[str], hashes: Sequence[str]) -> NDArray[np.int8]:
        """Return the `State` of each item, (n,) int8, given its id and its content hash."""
        states = np.full(len(ids), State.NEW, dtype=np.int8)
        if not len(self.ids) or not len(ids):
            return states
        wanted, contents = digests(ids), digests(hashes)
        at = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        known = self.ids[at] == wanted
        same = known & (self.contents[at] == contents)
        whole = self.present[at] == self.parts[at]
        states[known] = State.CHANGED
        states[same & whole] = State.SAME
        states[same & ~whole] = State.PARTIAL
        return states


def digests(texts: Iterable[str]) -> Digests:
    """Return the 64-bit BLAKE2b digest of each text."""
    raw = b"".join(
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts
    )
    return np.frombuffer(raw, dtype="<u8").astype(np.uint64, copy=False)


class CatalogueReader:
    """Reads the catalogue of a table; fragments that did not change are read only once."""

    def __init__(self) -> None:
        self._read: dict[tuple[int, int], _Rows] = {}  # (fragment, its removed rows) -> its rows

    def read(self, table: LanceTable) -> Catalogue:
        """Return what the table holds at the version it is opened at."""
        rows: dict[tuple[int, int], _Rows] = {}
        for fragment in table.dataset.get_fragments():
            key = (fragment.fragment_id, fragment.num_deletions)
            rows[key] = self._read.get(key) or _read_fragment(table, fragment)
        self._read = rows
        return _group_rows(*_concatenate(rows.values()))


def _read_fragment(table: LanceTable, fragment: Any) -> _Rows:
    """Stream the three narrow columns it needs."""
    names = ["id", "hash", "parts"]
    scanner = table.dataset.scanner(columns=names, fragments=[fragment], batch_size=8192)
    columns = ([batch.column(name) for name in names] for batch in scanner.to_batches())
    return _concatenate(
        (digests(ids.to_pylist()), digests(hashes.to_pylist()), parts.to_numpy().astype(np.uint32))
        for ids, hashes, parts in columns
    )


def _concatenate(pieces: Iterable[_Rows]) -> _Rows:
    none: _Rows = (digests([]), digests([]), np.empty(0, np.uint32))
    ids, contents, parts = zip(none, *pieces, strict=True)
    return np.concatenate(ids), np.concatenate(contents), np.concatenate(parts)


def _group_rows(ids: Digests, contents: Digests, parts: NDArray[np.uint32]) -> Catalogue:
    """Group rows by item. If rows of an item differ in content, it matches no content."""
    if not len(ids):
        return Catalogue(ids, contents, parts, parts)
    order = np.argsort(ids, kind="stable")
    ids, contents, parts = ids[order], contents[order], parts[order]
    first = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    present = np.diff(np.r_[first, len(ids)]).astype(np.uint32)
    low, high = np.minimum.reduceat(contents, first), np.maximum.reduceat(contents, first)
    mixed = (low != high) | (np.minimum.reduceat(parts, first) != parts[first])
    present = np.where(mixed, 0, present).astype(np.uint32)
    content = np.where(mixed, ~low, low)  # mixed content is never SAME: present is not parts
    return Catalogue(ids[first], content, present, parts[first])
