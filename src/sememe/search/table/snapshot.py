"""The rows of one version, in memory: addresses, documents, parts.

A row address (fragment << 32 | offset) names a row for as long as its file lives and is never given
to another row, which is what makes it safe to keep vectors by address from version to version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe.search.table.lance_table import Addresses, LanceTable


@dataclass(frozen=True, slots=True)
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
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(list(ids), type=pa.string())
        at = pc.index_in(self.ids, value_set=wanted)
        codes = np.asarray(pc.fill_null(at, -1)).astype(np.int64)
        which = codes[self.documents] if len(self.documents) else codes
        positions = np.flatnonzero(which >= 0)
        return positions, which[positions]


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
