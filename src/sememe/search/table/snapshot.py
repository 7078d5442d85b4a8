"""The rows of one version, in memory: addresses, documents, parts.

A row address (fragment << 32 | offset) names a row for as long as its file lives and is never given
to another row, which is what makes it safe to keep vectors by address from version to version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe.search.table.lance_table import Addresses, LanceTable


@dataclass(frozen=True)
class Snapshot:
    """The rows of one version, sorted by address.

    Attributes:
        version: The table version.
        addresses: (n,) uint64, ascending.
        documents: (n,) int32, index into `ids` of the item each row belongs to.
        parts: (n,) int32, which chunk of the item.
        ids: Arrow string array of the distinct ids, in order of appearance.
    """

    version: int
    addresses: Addresses
    documents: NDArray[np.int32]
    parts: NDArray[np.int32]
    ids: Any

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.addresses)

    def positions(self, addresses: Addresses) -> NDArray[np.int64]:
        """Return the position of each address in this snapshot, -1 where it has none."""
        if not len(self.addresses):
            return np.full(len(addresses), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.addresses, addresses), len(self.addresses) - 1)
        return np.where(self.addresses[at] == addresses, at, -1).astype(np.int64)

    def positions_of(self, ids: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (positions, which): every row of the given ids, and which of `ids` it is of."""
        if not len(ids):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        which = np.full(len(self.ids), -1, dtype=np.int64)  # of `ids`, for each document
        for place, id_ in reversed(list(enumerate(ids))):
            if (document := self._find(id_)) is not None:
                which[document] = place
        of_rows = which[self.documents]
        positions = np.flatnonzero(of_rows >= 0)
        return positions, of_rows[positions]

    def _find(self, id_: str) -> int | None:
        """Return the index of an id in `ids`, None where it is not there."""
        hashes, order = self._by_hash
        own = hash(id_)
        at = int(np.searchsorted(hashes, own))
        while at < len(hashes) and hashes[at] == own:
            document = int(order[at])
            if self.ids[document].as_py() == id_:
                return document
            at += 1
        return None

    @cached_property
    def _by_hash(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ids' hashes, ascending, and whose they are: 16 bytes an id, looked up at once."""
        hashes = np.fromiter(map(hash, self.ids.to_pylist()), np.int64, len(self.ids))
        order = np.argsort(hashes)
        return hashes[order], order


def read_snapshot(table: LanceTable) -> Snapshot:
    """Read the narrow columns of every row."""
    rows = make_snapshot(table.version, table.scan(["id", "part"]))
    if not len(rows) or bool(np.all(rows.addresses[1:] > rows.addresses[:-1])):
        return rows
    order = np.argsort(rows.addresses)
    addresses, documents, parts = rows.addresses[order], rows.documents[order], rows.parts[order]
    return Snapshot(rows.version, addresses, documents, parts, rows.ids)


def make_snapshot(version: int, scanned: Any) -> Snapshot:
    """Make a snapshot of an Arrow table with id, part and _rowaddr, in the table's order."""
    import pyarrow as pa

    ids = scanned["id"].combine_chunks()
    if isinstance(ids, pa.ChunkedArray):  # what combining no chunks at all gives
        ids = pa.array([], type=pa.string())
    encoded = ids.dictionary_encode()
    documents = encoded.indices.to_numpy().astype(np.int32, copy=False)
    addresses, parts = scanned["_rowaddr"].to_numpy(), scanned["part"].to_numpy()
    return Snapshot(version, addresses, documents, parts, encoded.dictionary)
