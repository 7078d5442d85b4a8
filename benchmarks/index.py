"""`sememe index` from a file to a searchable index: documents/s, peak memory, a second run, search.

    python benchmarks/index.py [--sizes 25000,50000,100000,200000] [--data FILE.jsonl] [--threads 2]

FILE is JSON Lines with "text", or one text a line; where it holds fewer documents than asked for,
halves of different texts are joined, so that every document is another one. Without it, sentences
of 8 to 24 words are made from a seed; one word in five is new, so no table of known words helps.
`sememe index` runs as a process of its own, and its peak memory is what the kernel noted: it should
be flat over the sizes. The second run finds everything in place. Searches run in one warm process,
the encoding of the query included, in the largest index.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from _made import documents
from _shared import head, machine, milliseconds, row, run, size_mb, versions

CLI = ("-c", "from sememe.app.cli import main; main()")
WARM_UP, TIMED = 10, 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="25000,50000,100000,200000")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit-seconds", type=float, default=1800, help="for each process")
    parser.add_argument("--search", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        search(*options.search)
        return
    print(machine(options.threads))
    print(versions("sememe", "numpy", "onnxruntime", "pylance"), "\n")
    print(head("documents", "documents/s", "seconds", "peak MB", "disk MB", "again s", "again MB"))
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, options.sizes.split(",")):
            work = Path(folder) / str(size)
            print(row(f"{size:,}", *build(size, work, options)), flush=True)
        argv = [sys.executable, __file__, "--search", work / "index", work / "documents.jsonl"]
        done = run(argv, threads=options.threads, limit=options.limit_seconds)
        print(f"\nSearch among {size:,}, {TIMED} queries after {WARM_UP}, one at a time, k=10:\n")
        print(done.out if done.code == 0 else f"search: {done.why}")


def build(size: int, work: Path, options: argparse.Namespace) -> list[str]:
    """Index so many documents, twice; return the cells of the table."""
    work.mkdir()
    file = work / "documents.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for name, text in documents(size, options.data):
            lines.write(json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n")
    argv = [sys.executable, *CLI, "index", str(file), "--into", str(work / "index"), "--json"]
    runs = []
    for _ in range(2):
        done = run(argv, threads=options.threads, limit=options.limit_seconds)
        if done.code:
            return [done.why]
        runs.append(done)
    fresh, again = runs
    if (fresh.last["added"], again.last["added"], again.last["items"]) != (size, 0, size):
        return [f"wrong counts: {fresh.out} {again.out}"]
    return [
        f"{size / fresh.seconds:,.0f}",
        f"{fresh.seconds:.1f}",
        f"{fresh.peak_mb:.0f}",
        f"{size_mb(work / 'index'):.0f}",
        f"{again.seconds:.2f}",
        f"{again.peak_mb:.0f}",
    ]


def search(folder: Path, file: Path) -> None:
    """Print the latencies of each mode in this process; queries are parts of the documents."""
    import sememe

    texts = [json.loads(line)["text"] for line in file.open(encoding="utf-8")]
    queries = [" ".join(t.split()[:4]) for t in random.Random(0).sample(texts, WARM_UP + TIMED)]
    index = sememe.Index.open(folder)
    print(head("mode", "p50 ms", "p95 ms", "document found among 10"))
    for mode in ("semantic", "keyword", "hybrid"):
        times, found = [], 0
        for query in queries:
            started = time.perf_counter()
            hits = index.search(query, k=10, mode=mode)
            times.append(time.perf_counter() - started)
            found += any(hit.text.startswith(query) for hit in hits)
        p50, p95 = milliseconds(times[WARM_UP:])
        print(row(mode, f"{p50:.1f}", f"{p95:.1f}", f"{found / len(queries):.2f}"))


if __name__ == "__main__":
    main()
