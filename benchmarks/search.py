"""Search in 512 dimensions beside LanceDB, usearch, FAISS and Chroma: time, recall, memory, disk.

    python benchmarks/search.py [--rows 100000] [--data FILE.npy] [--systems sememe,faiss,...]

Unit vectors made from a seed so that they resemble sentence embeddings, or the rows of FILE.npy
(256 of which, drawn at random, become the queries). For each system one process builds, from the
first batch to searchable on disk, and a fresh one opens what lies there and answers 200 queries one
at a time, k=10, after 20 to warm up. Recall is against exact search in numpy. Memory is the peak
of each process, batches of 10,000 rows included. `open` is opening and the first answer, with files
in the page cache. 1,000,000 rows take about an hour and 20 GB of disk with all systems.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from _engines import ENGINES, Batches, K
from _made import BLOCK, DIM, Vectors
from _shared import (
    fresh_folder,
    head,
    machine,
    milliseconds,
    missing,
    own_peak_mb,
    row,
    run,
    size_mb,
    versions,
)

QUERIES, WARM_UP, TIMED = 256, 20, 200
COLUMNS = ("system", "build s", "p50 ms", "p95 ms", "recall@10", "open s")
COLUMNS += ("build MB", "search MB", "disk MB")
WORDS = [a + b for a in "ka no ri mu se ta".split() for b in "lo pi ben dor".split()]


def main() -> None:
    """Run a part, which is what the processes this one starts do, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--data", type=Path, help="float32 vectors (n, 512), .npy")
    parser.add_argument("--systems", default=",".join(ENGINES), help="which, separated by commas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit-seconds", type=float, default=1800, help="for each process")
    parser.add_argument("--work", type=Path, help="where to build, if not in the temporary folder")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(part(options)))
        return
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        compare(options, Path(work))


def compare(options: argparse.Namespace, work: Path) -> None:
    """Make the vectors, then print one line of the table for each system as it is done."""

    def measured(*names: str) -> dict:
        argv = [sys.executable, __file__, *sys.argv[1:], "--work", str(work), "--part", *names]
        done = run(argv, threads=options.threads, limit=options.limit_seconds)
        return done.last if done.code == 0 else {"failed": done.why}

    print(machine(options.threads))
    packages = ("sememe", "numpy", "pylance", "lancedb", "usearch", "faiss-cpu", "chromadb")
    print(versions(*packages), flush=True)
    made = measured("vectors")
    if "failed" in made:
        sys.exit(f"vectors: {made['failed']}")
    print(f"{made['rows']:,} rows x {DIM}, {TIMED} queries, k={K}\n")
    names = (
        "build s",
        "p50 ms",
        "p95 ms",
        "recall@10",
        "open s",
        "build MB",
        "search MB",
        "disk MB",
    )
    print(head("system", *names), flush=True)
    notes = []
    for name in options.systems.split(","):
        engine = ENGINES[name]
        if absent := missing(engine.module):
            notes.append(absent)
            continue
        if made["rows"] <= engine.above:
            continue
        built = {"seconds": "as above", "peak": "", "disk": "", "note": ""}
        if not engine.folder or not (work / engine.folder).exists():
            built = measured("build", name)
        found = built if "failed" in built else measured("search", name)
        if "failed" in found:
            notes.append(f"{engine.label}: {found['failed']}")
            continue
        label = engine.label + (f" ({built['note']})" if built["note"] else "")
        cells = (built["seconds"], found["p50"], found["p95"], found["recall"], found["open"])
        print(row(label, *cells, built["peak"], found["peak"], built["disk"]), flush=True)
    print("\n" + "\n".join(dict.fromkeys(notes)))


def part(options: argparse.Namespace) -> dict:
    """Do one part in this process and return its figures."""
    kind, *names = options.part
    if kind == "vectors":
        return write_vectors(options)
    (name,) = names
    folder = options.work / (ENGINES[name].folder or name)
    if kind == "build":
        return build(name, fresh_folder(folder), options)
    return search(name, folder, options)


def write_vectors(options: argparse.Namespace) -> dict:
    """Write vectors, queries and their exact answers; return how many rows there are."""
    queries, blocks = _source(options)
    best = np.full((len(queries), K), -np.inf, np.float32)
    truth = np.zeros((len(queries), K), np.int64)
    rows = 0
    with (options.work / "vectors.f32").open("wb") as file:
        for block in blocks:
            scores = np.hstack([best, queries @ block.T])
            numbers = np.arange(rows, rows + len(block))
            known = np.hstack([truth, np.broadcast_to(numbers, (len(queries), len(block)))])
            top = np.argpartition(-scores, K - 1, axis=1)[:, :K]
            best = np.take_along_axis(scores, top, axis=1)
            truth = np.take_along_axis(known, top, axis=1)
            file.write(block.tobytes())
            rows += len(block)
    np.savez(options.work / "queries.npz", queries=queries, truth=truth)
    return {"rows": rows}


def _source(options: argparse.Namespace) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """Return the queries (256, 512) and the rows in blocks."""
    if options.data is None:
        made = Vectors()
        bounds = pairwise([*range(0, options.rows, BLOCK), options.rows])
        blocks = (made.block(i, stop - start) for i, (start, stop) in enumerate(bounds))
        return made.block(10**9, QUERIES), blocks
    stored = np.load(options.data, mmap_mode="r", allow_pickle=False)
    order = np.random.default_rng(0).permutation(len(stored))[: options.rows + QUERIES]
    queries, rest = order[:QUERIES], np.sort(order[QUERIES:])
    parts = (rest[i : i + BLOCK] for i in range(0, len(rest), BLOCK))
    return _unit(stored[queries]), (_unit(stored[some]) for some in parts)


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _batches(work: Path) -> Batches:
    """Read the vectors batch by batch, with a short text for each row."""
    words = random.Random(0)
    first = 0
    with (work / "vectors.f32").open("rb") as file:
        while len(values := np.fromfile(file, np.float32, BLOCK * DIM)):
            vectors = values.reshape(-1, DIM)
            yield first, vectors, [" ".join(words.choices(WORDS, k=8)) for _ in vectors]
            first += len(vectors)


def build(name: str, folder: Path, options: argparse.Namespace) -> dict:
    """Build one system's folder; return seconds, peak memory, disk, and a note."""
    started = time.perf_counter()
    note = ENGINES[name].build(folder, _batches(options.work), options.threads)
    seconds = time.perf_counter() - started
    return {
        "seconds": f"{seconds:.1f}",
        "peak": f"{own_peak_mb():.0f}",
        "disk": f"{size_mb(folder):.0f}",
        "note": note,
    }


def search(name: str, folder: Path, options: argparse.Namespace) -> dict:
    """Open a folder and answer the queries; return latencies, recall and peak memory."""
    with np.load(options.work / "queries.npz", allow_pickle=False) as stored:
        queries, truth = stored["queries"], stored["truth"]
    started = time.perf_counter()
    answer = ENGINES[name].open(folder, options.threads)
    answer(queries[0])
    opened = time.perf_counter() - started
    for query in queries[1 : 1 + WARM_UP]:
        answer(query)
    times, found = [], 0
    for query, true in zip(queries[-TIMED:], truth[-TIMED:], strict=True):
        started = time.perf_counter()
        ids = answer(query)
        times.append(time.perf_counter() - started)
        found += len(set(ids) & set(true.tolist()))
    p50, p95 = milliseconds(times)
    return {
        "p50": f"{p50:.2f}",
        "p95": f"{p95:.2f}",
        "recall": f"{found / (K * TIMED):.3f}",
        "open": f"{opened:.2f}",
        "peak": f"{own_peak_mb():.0f}",
    }


if __name__ == "__main__":
    main()
