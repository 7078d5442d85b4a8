"""Kill -9 at any moment: the store opens, and every acknowledged batch is there exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sememe.search.store import Store
from sememe.search.table.item_catalogue import State
from sememe.search.table.rows import recompute_checksums
from tests.search.conftest import COLUMN, DIM, make_row

BATCH = 40
ROOT = Path(__file__).parents[2]

# Each step replaces the batch's items and those of the batch before, and says so when it is done.
WRITER = """
import sys
from sememe.search.table import maintenance
from sememe.search.table.file_ledger import SourceRecord
from sememe.search.store import Store
from tests.search.test_crash import step
maintenance.merge_small.__kwdefaults__["more_than"] = 6
store = Store.open(sys.argv[1])
for number in range(int(sys.argv[2]), 100_000):
    store.replace(step(number))
    print(number, flush=True)
    if number % 3 == 0:
        store.record_sources([SourceRecord(f"b{number}.md", 1, 1, 1)])
        store.compact()
"""


def step(number: int) -> list:
    """Batch `number` brings items of its own, and new content for half of the batch before."""
    own = [make_row(f"b{number}-{i}", hash="first") for i in range(BATCH)]
    again = [
        make_row(f"b{number - 1}-{i}", part, 2, hash="second")
        for i in range(BATCH // 2)
        for part in range(2)
    ]
    return own + (again if number else [])


def expected(last: int) -> dict[str, tuple[str, int]]:
    """What the store holds after batches 0 to `last`: id -> (hash, rows)."""
    held: dict[str, tuple[str, int]] = {}
    for number in range(last + 1):
        for row in step(number):
            held[row.id] = (row.hash, row.parts)
    return held


def killed(path: Path, start: int, delay: float) -> int:
    """Run the writer, kill it `delay` seconds after its first word; return the last number said."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(start)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    said: list[str] = [child.stdout.readline()]
    reader = threading.Thread(target=lambda: said.extend(child.stdout))
    reader.start()
    time.sleep(delay)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    reader.join()
    child.stdout.close()
    whole = [line for line in said if line.endswith("\n")]
    assert whole, "the writer failed before its first batch"
    return int(whole[-1])


def check(store: Store, last: int) -> int:
    """Compare the store with what was acknowledged; return the last batch that is in it."""
    reached = last + 1 if f"b{last + 1}-0" in ids(store) else last
    held = expected(reached)  # a batch may be committed and not yet acknowledged: all of it, then
    found: dict[str, list[tuple[str, int]]] = {}
    for batch in store.iterate():
        assert recompute_checksums(batch) == batch.column("checksum").to_pylist()
        for row in batch.select(["id", "hash", "part"]).to_pylist():
            found.setdefault(row["id"], []).append((row["hash"], row["part"]))
    assert {i: sorted(rows) for i, rows in found.items()} == {
        i: [(hash, part) for part in range(parts)] for i, (hash, parts) in held.items()
    }
    states = store.read_catalogue().states(list(held), [hash for hash, _ in held.values()])
    assert (states == State.SAME).all() and len(store.read_catalogue()) == len(held)
    return reached


def ids(store: Store) -> set[str]:
    return {id for batch in store.iterate(["id"]) for id in batch.column("id").to_pylist()}


def run_kills(path: Path, kills: int, seed: int) -> None:
    store = Store.create(path, {COLUMN: DIM})
    rng, reached = np.random.default_rng(seed), -1
    for _ in range(kills):
        last = killed(path, reached + 1, delay=float(rng.uniform(0.0, 0.6)))
        store = Store.open(path)
        reached = check(store, last)
    store.replace(step(reached + 1))
    store.compact()
    assert check(store, reached + 1) == reached + 1
    id = f"b{reached + 1}-3"
    query = make_row(id, hash="first").vectors[COLUMN]
    assert store.search_vectors(COLUMN, query[None], 1)[0].ids == [id]
    assert store.search_terms([id], 5).ids == [id]


def test_six_kills_lose_nothing(tmp_path):
    run_kills(tmp_path / "store", kills=6, seed=0)


@pytest.mark.slow
def test_fifty_kills_lose_nothing(tmp_path):
    for seed in range(5):
        run_kills(tmp_path / f"store{seed}", kills=10, seed=seed + 1)


def test_a_reader_beside_a_writer_sees_whole_batches(tmp_path):
    """While batches are replaced and files merged, each read sees one version, all of it."""
    writer = Store.create(tmp_path / "s", {COLUMN: DIM})
    writer.append([make_row(f"d{i}", hash="0") for i in range(30)])
    done = threading.Event()

    def write() -> None:
        for number in range(1, 40):
            writer.replace([make_row(f"d{i}", hash=str(number)) for i in range(30)])
            if number % 5 == 0:
                writer.compact()
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    reader, seen = Store.open(writer.path), set()
    query = make_row("d0").vectors[COLUMN][None]
    while not done.is_set():
        reader.refresh()
        hashes = reader.run_read(
            lambda: [h for b in reader.iterate(["hash"]) for h in b.column("hash").to_pylist()]
        )
        assert len(hashes) == 30 and len(set(hashes)) == 1
        ranking = reader.run_read(lambda: reader.search_vectors(COLUMN, query, 40)[0])
        assert len(ranking.ids) == 30
        seen.add(hashes[0])
    thread.join()
    assert len(seen) > 1
