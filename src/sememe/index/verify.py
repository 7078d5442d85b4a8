"""Check an index end to end: rows against their checksums, files against rows, indices too."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sememe._errors import CorruptFileError
from sememe.search.store import Store
from sememe.search.table.corruption import comes_from_reading
from sememe.search.table.item_catalogue import Digests, digests
from sememe.search.table.rows import recompute_checksums

_NORM = 1e-3  # how far from 1 a unit vector's length may be
_LISTED = 100  # problems listed; all are counted
_PROBES = 32  # rows looked up in the keyword index
_AGAIN = "Run: sememe index again"


@dataclass(slots=True)
class Verification:
    """Result of a check of an index.

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
        """Return the result as `sememe verify --json` prints it."""
        return asdict(self)

    def add(self, *problems: str) -> None:
        """Count problems, and list them unless there are too many."""
        self.faults += len(problems)
        self.problems += problems[: _LISTED - len(self.problems)]


def verify_store(store: Store, dims: dict[str, int]) -> Verification:
    """Read every row once, in batches, and check it.

    Checked are: vector columns and widths against `dims` (of the encoders); each row's checksum;
    unit length of each vector; that a row has a vector at all; that each item has each of its parts
    once, all of one content; that of each file read as many items are stored as were read; and that
    the indices of terms and vectors cover the rows and find them.

    Raises:
        CorruptFileError: If a writer deleted the version meanwhile; refresh and verify again.
    """
    result = Verification()
    if store.dims != dims:
        result.add(f"vector columns are {store.dims}, the encoders make {dims}")
    probes: dict[str, str] = {}
    checks: dict[str, Callable[[], None]] = {
        "the rows": lambda: _check_rows(store, result, probes),
        "the items": lambda: _check_items(store, result),
        "the list of files read": lambda: _check_sources(store, result),
        "the keyword index": lambda: _check_terms(store, probes, result),
        "the vector index": lambda: _check_vector_index(store, result),
    }
    for name, check in checks.items():
        try:
            check()
        except BaseException as error:
            if isinstance(error, CorruptFileError) and not store.is_newest:
                raise
            if not (isinstance(error, CorruptFileError) or comes_from_reading(error)):
                raise
            result.add(f"{name}: {' '.join(str(error).split()) or type(error).__name__}")
    return result


def _check_rows(store: Store, result: Verification, probes: dict[str, str]) -> None:
    """Check each row, and collect an item and a term of it from some batches in `probes`."""
    columns = sorted(store.dims)
    for batch in store.iterate():
        result.rows += batch.num_rows
        result.add(*_find_problems(batch, columns))
        if len(probes) < _PROBES:
            probes.update(_draw_probe(batch))


def _find_problems(batch: Any, columns: list[str]) -> list[str]:
    """Return what is wrong in a batch; if it cannot be read as a whole, row by row."""
    try:
        return _check_batch(batch, columns)
    except BaseException as error:
        if not comes_from_reading(error):
            raise
        if batch.num_rows == 1:
            id_ = batch.column("id").cast("large_binary")[0].as_py()
            return [f"id={(id_ or b'').decode(errors='replace')!r} cannot be read: {error}"]
    single = (batch.slice(i, 1) for i in range(batch.num_rows))
    return [problem for row in single for problem in _find_problems(row, columns)]


def _check_batch(batch: Any, columns: list[str]) -> list[str]:
    problems: list[str] = []
    names = ["id", "part", "modality", "start", "end", "text", "checksum"]
    rows = batch.select(names).to_pylist()
    lengths = {name: _measure_lengths(batch.column(name)) for name in columns}
    for i, (row, sum_) in enumerate(zip(rows, recompute_checksums(batch), strict=True)):
        where = f"id={row['id']!r} part {row['part']}"
        own = {name: of_rows[i] for name, of_rows in lengths.items() if of_rows[i] is not None}
        if not own:
            problems.append(f"{where} has no vector")
        for name, length in own.items():
            if not abs(length - 1) <= _NORM:
                problems.append(f"{where}: {name} has length {length:.4f}, not 1")
        if sum_ != row["checksum"]:
            problems.append(f"{where} does not match its checksum")
        if not _offsets_fit(row):
            problems.append(f"{where}: offsets {row['start']} to {row['end']} do not fit its text")
    return problems


def _measure_lengths(column: Any) -> list[Any]:
    """Return the length of each vector; None where there is none."""
    matrix = column.flatten().to_numpy().reshape(-1, column.type.list_size)
    with np.errstate(all="ignore"):  # of damaged numbers
        lengths = iter(np.linalg.norm(matrix, axis=1).tolist())  # flatten drops the nulls
    return [next(lengths) if valid else None for valid in column.is_valid().to_pylist()]


def _offsets_fit(row: dict[str, Any]) -> bool:
    """Return whether start and end fit the text, or are a stretch of audio."""
    start, end, text = row["start"], row["end"], row["text"]
    if None in (start, end, text):
        return False
    return bool(end > start if row["modality"] == "audio" else end - start == len(text))


def _draw_probe(batch: Any) -> dict[str, str]:
    """Return the id and the last term of the batch's first row that carries terms."""
    for row in batch.select(["id", "terms"]).to_pylist():
        if row["id"] and (row["terms"] or "").split():
            return {row["id"]: row["terms"].split()[-1]}
    return {}


def _check_terms(store: Store, probes: dict[str, str], result: Verification) -> None:
    """Check that the keyword index covers every row, and finds some by a term of theirs."""
    if (coverage := store.keyword_coverage()) < 1.0:
        result.add(f"the keyword index covers {coverage:.1%} of the rows. {_AGAIN}")
    for id_, term in probes.items():
        quoted = id_.replace("'", "''")
        if store.search_terms([term], 1, where=f"id = '{quoted}'").ids != [id_]:
            result.add(f"the keyword index does not find id={id_!r} by its {term!r}. {_AGAIN}")


def _check_vector_index(store: Store, result: Verification) -> None:
    result.add(*(f"{fault}. {_AGAIN}" for fault in store.vector_index_faults()))


def _check_sources(store: Store, result: Verification) -> None:
    """Check that of each file read to its end as many items are stored as were read."""
    records = {s: r for s, r in store.sources().items() if r.size >= 0 and r.items > 0}
    index = {source: i for i, source in enumerate(records)}
    owners, items = [np.empty(0, np.int64)], [digests([])]
    for batch in store.iterate(["id", "source"]):
        sources: Any = batch.column("source").to_pylist()
        owner = np.array([index.get(source, -1) for source in sources], np.int64)
        ours = owner >= 0
        owners.append(owner[ours])
        items.append(_digest_ids(batch)[ours])
    pairs = np.stack([np.concatenate(owners).astype(np.uint64), np.concatenate(items)], axis=1)
    distinct = np.unique(pairs, axis=0)[:, 0].astype(np.int64)
    stored = np.bincount(distinct, minlength=len(records))
    if not store.is_newest:
        return  # a writer is at work: the list and the rows are of different moments
    for (source, record), count in zip(records.items(), stored.tolist(), strict=True):
        if count != record.items:
            read = f"{record.items} items were read"
            result.add(f"source {source}: {read}, {count} are stored. {_AGAIN}")


def _digest_ids(batch: Any) -> Digests:
    return digests(batch.column("id").to_pylist())


def _check_items(store: Store, result: Verification) -> None:
    """Check that each item has each part once, by the count and the sum of its part numbers."""
    known = store.read_catalogue()
    result.items = len(known)
    sums = np.zeros(len(known), np.int64)
    for batch in store.iterate(["id", "part"]):
        at = np.searchsorted(known.ids, _digest_ids(batch))
        np.add.at(sums, at, batch.column("part").to_numpy())
    parts = known.parts.astype(np.int64)
    broken = (known.present != known.parts) | (sums != parts * (parts - 1) // 2)
    if suspects := set(known.ids[broken].tolist()):
        _name_broken(store, suspects, result)


def _name_broken(store: Store, suspects: set[int], result: Verification) -> None:
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for batch in store.iterate(["id", "part", "parts", "hash"]):
        for digest, row in zip(_digest_ids(batch).tolist(), batch.to_pylist(), strict=True):
            if digest in suspects:
                rows[row["id"]].append(row)
    for id_, own in sorted(rows.items()):
        counted = Counter(row["part"] for row in own)
        expected = max(row["parts"] for row in own)
        contents = len({row["hash"] for row in own})
        lacking = [part for part in range(expected) if part not in counted]
        twice = [part for part, count in counted.items() if count > 1]
        if contents > 1:
            result.add(f"id={id_!r} mixes {contents} contents")
        if lacking:
            result.add(f"id={id_!r} lacks parts {lacking[:10]} of {expected}: index it again")
        if twice:
            result.add(f"id={id_!r} holds parts {twice[:10]} more than once")
