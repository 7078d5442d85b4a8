"""Check an index end to end: every row against its checksum, every vector against its encoder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sememe.search.catalogue import digests
from sememe.search.rows import checksum

if TYPE_CHECKING:
    from sememe.search.store import Store

_NORM = 1e-3  # how far from 1 a unit vector's length may be
_LISTED = 100  # problems listed; all are counted


@dataclass(slots=True)
class Verification:
    """What a check of an index found.

    Attributes:
        rows: Rows checked.
        items: Items checked.
        faults: How many problems there are.
        problems: The first hundred of them, each a sentence that names the row.
    """

    rows: int = 0
    items: int = 0
    faults: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.faults == 0

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as `sememe verify --json` prints them."""
        return {
            "rows": self.rows,
            "items": self.items,
            "faults": self.faults,
            "problems": self.problems,
        }

    def fault(self, problem: str) -> None:
        """Enter a problem."""
        self.faults += 1
        if len(self.problems) < _LISTED:
            self.problems.append(problem)


def verify_store(store: Store, dims: dict[str, int]) -> Verification:
    """Read every row once, in batches, and check it.

    Checked are: vector columns and widths against `dims` (what the encoders make); each row's
    checksum over its text, offsets, terms and vectors; unit length of each vector; that a row has
    a vector at all; and that each item has each of its parts once, all of one content.
    """
    found = Verification()
    if store.dims != dims:
        found.fault(f"vector columns are {store.dims}, the encoders make {dims}")
    for batch in store.iterate():
        _check_batch(batch, sorted(store.dims), found)
    _check_items(store, found)
    return found


def _check_batch(batch: Any, columns: list[str], found: Verification) -> None:
    import numpy as np

    names = ("id", "part", "text", "start", "end", "hash", "terms", "checksum")
    rows = batch.select(list(names)).to_pylist()
    matrices: dict[str, Any] = {}
    for name in columns:
        column = batch.column(name)
        valid = np.asarray(column.is_valid())
        matrix = np.zeros((len(column), column.type.list_size), np.float32)
        matrix[valid] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, matrix.shape[1])
        matrices[name] = (valid, matrix, np.linalg.norm(matrix, axis=1))
    for i, row in enumerate(rows):
        found.rows += 1
        where = f"id={row['id']!r} part {row['part']}"
        present = [name for name in columns if matrices[name][0][i]]
        if not present:
            found.fault(f"{where} has no vector")
        for name in present:
            length = float(matrices[name][2][i])
            if not abs(length - 1) <= _NORM:
                found.fault(f"{where}: {name} has length {length:.4f}, not 1")
        stored = [(name, matrices[name][1][i].tobytes()) for name in present]
        if checksum(_Row(row), stored) != row["checksum"]:
            found.fault(f"{where} does not match its checksum")
        if row["end"] - row["start"] != len(row["text"]):
            found.fault(f"{where}: offsets {row['start']} to {row['end']} do not fit its text")


class _Row:
    """A row's values as attributes."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def _check_items(store: Store, found: Verification) -> None:
    """Each item has each part once: the sum of 1 and of the part numbers say so without a list."""
    import numpy as np

    known = store.known()
    found.items = len(known)
    sums = np.zeros(len(known), np.int64)
    for batch in store.iterate(["id", "part"]):
        ids: list[Any] = batch.column("id").to_pylist()
        at = np.searchsorted(known.ids, digests(ids))
        np.add.at(sums, at, batch.column("part").to_numpy())
    parts = known.parts.astype(np.int64)
    broken = (known.present != known.parts) | (sums != parts * (parts - 1) // 2)
    suspects = set(known.ids[broken].tolist())
    if suspects:
        _name_broken(store, suspects, found)


def _name_broken(store: Store, suspects: set[int], found: Verification) -> None:
    rows: dict[str, list[tuple[int, int, str]]] = {}
    for batch in store.iterate(["id", "part", "parts", "hash"]):
        for row in batch.to_pylist():
            if int(digests([row["id"]])[0]) in suspects:
                rows.setdefault(row["id"], []).append((row["part"], row["parts"], row["hash"]))
    for id_, own in sorted(rows.items()):
        counted = Counter(part for part, _, _ in own)
        expected = max(parts for _, parts, _ in own)
        contents = len({hash_ for _, _, hash_ in own})
        lacking = [part for part in range(expected) if part not in counted]
        twice = [part for part, count in counted.items() if count > 1]
        if contents > 1:
            found.fault(f"id={id_!r} mixes {contents} contents")
        if lacking:
            found.fault(f"id={id_!r} lacks parts {lacking[:10]} of {expected}: index it again")
        if twice:
            found.fault(f"id={id_!r} holds parts {twice[:10]} more than once")
