"""Cross-encoder beside sentence encoder: STS-B, pairs/s, the most similar pair of 10,000.

    python benchmarks/pairs.py --data STSB --cross FOLDER --sentence all-minilm-l6-v2 FOLDER ...

FOLDER of --cross is what `sememe train cross` wrote. A cross-encoder reads both sentences at once,
so that each of the 49,995,000 pairs of 10,000 sentences is a pass through the network: its time for
them is computed from its measured rate. A sentence encoder reads each sentence once; its time is
measured in a fresh process, the encoding included. Reference: Reimers & Gurevych 2019
(arXiv:1908.10084), who have 65 hours and 5 seconds on a GPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from _shared import head, machine, row, run, versions

import sememe
from sememe.evaluate.data.scored_pairs import read_sts
from sememe.evaluate.runners.similarity import evaluate_sts

_RATED = 2000  # pairs on which the rate is taken
_MANY = 10_000


def sentences(pairs: list) -> list[str]:
    """Return 10,000 different sentences of the pairs."""
    found = list(dict.fromkeys(text for pair in pairs for text in pair[:2]))[:_MANY]
    if len(found) < _MANY:
        sys.exit(f"{len(found)} different sentences; give a folder with {_MANY:,} or more")
    return found


def all_pairs(folder: Path) -> list:
    """Return the pairs of all splits."""
    return [pair for split in ("train", "dev", "test") for pair in read_sts(folder, split=split)]


def work(name: str, kind: str, options: argparse.Namespace) -> None:
    """Measure one system; print JSON."""
    test = [pair[:2] for pair in read_sts(options.data)]
    texts = sentences(all_pairs(options.data))
    if kind == "cross":
        system = sememe.CrossEncoder.load(name)
        system.score(test[:32])
        started = time.perf_counter()
        system.score(test[:_RATED])
        rate = len(test[:_RATED]) / (time.perf_counter() - started)
        seconds = _MANY * (_MANY - 1) / 2 / rate
    else:
        system = sememe.load(name)
        system.encode(texts[:64])
        started = time.perf_counter()
        best = sememe.mine_pairs(texts, system, max_pairs=1)
        seconds = time.perf_counter() - started
        rate = _MANY * (_MANY - 1) / 2 / seconds
        print(best, file=sys.stderr)
    found = evaluate_sts(system, read_sts(options.data))
    print(json.dumps({"spearman": found.metrics["spearman"], "rate": rate, "s": seconds}))


def main() -> None:
    """Measure each and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="STS-B's folder")
    parser.add_argument("--cross", nargs="*", default=[])
    parser.add_argument("--sentence", nargs="*", default=["all-minilm-l6-v2"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work, options)
        return
    print(machine(options.threads))
    print(versions("sememe", "onnxruntime"), "\n")
    print(head("system", "STS-B test, Spearman", "pairs/s", f"most similar pair of {_MANY:,}"))
    systems = [(name, "cross") for name in options.cross]
    for name, kind in [*systems, *((name, "sentence") for name in options.sentence)]:
        argv = [sys.executable, __file__, *sys.argv[1:], "--work", name, kind]
        ended = run(argv, threads=options.threads)
        if ended.code:
            sys.exit(f"{name}: {ended.why}")
        found = ended.last
        seconds = found["s"]
        took = f"{seconds / 3600:,.1f} h (computed)" if kind == "cross" else f"{seconds:.1f} s"
        figures = f"{found['spearman']:.3f}", f"{found['rate']:,.0f}", took
        print(row(f"{Path(name).name}, {kind} encoder", *figures), flush=True)


if __name__ == "__main__":
    main()
