"""SimCLR from scratch on small pictures: training time, neighbours, a probe, and its controls.

    python benchmarks/simclr.py --pictures CIFAR/train --labelled CIFAR/test [--epochs 40]

Both folders hold a folder for each class. Labels measure and never train: the 20 nearest training
pictures of each labelled one vote, by cosine. Controls: the pixels themselves, the network before
training, and a run in which each picture's second view is another picture's, so that there is
nothing to learn but what all pictures have in common.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from _shared import head, machine, row, run, versions

from sememe.train.simclr.recipe import SimCLRTraining


class OtherPartners(SimCLRTraining):
    """The control: second views are of other pictures of the batch."""

    def _second(self, rows):
        import numpy as np

        return np.random.default_rng(rows).permutation(rows)


def work(kind: str, options: argparse.Namespace) -> None:
    """Train once; print JSON."""
    import torch

    torch.set_num_threads(options.threads)
    epochs = options.epochs if kind == "pairs" else options.control_epochs
    recipe = SimCLRTraining if kind == "pairs" else OtherPartners
    training = recipe(epochs=epochs, seed=options.seed, precision=options.precision, evaluations=4)
    started = time.perf_counter()
    training.fit(options.pictures, labelled=options.labelled)
    seconds = time.perf_counter() - started
    report = training.report_
    first, last = report.figures[0], report.figures[-1]
    found = {"seconds": seconds, "raw": report.raw, "epochs": epochs, "n": report.n_pictures}
    for name, figures in (("before", first), ("after", last)):
        found[name] = [figures.knn, figures.probe, figures.rank]
    print(json.dumps(found))


def main() -> None:
    """Train twice and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--labelled", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=SimCLRTraining.epochs)
    parser.add_argument("--control-epochs", type=float, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options)
        return
    print(machine(options.threads))
    print(versions("sememe", "torch"), "\n")
    print(head("what", "kNN accuracy, k = 20", "linear probe", "effective rank", "time"))
    for kind, name in (("pairs", "SimCLR"), ("others", "second views of other pictures")):
        argv = [sys.executable, __file__, *sys.argv[1:], "--work", kind]
        ended = run(argv, threads=options.threads)
        if ended.code:
            sys.exit(f"{name}: {ended.why}")
        found = ended.last
        if kind == "pairs":
            print(row("pixels, less their mean", f"{found['raw']:.4f}", "", "", ""))
            print(row("untrained", *_told(found["before"]), ""))
        took = f"{found['seconds'] / 60:.1f} min, {found['epochs']:g} x {found['n']:,}"
        print(row(name, *_told(found["after"]), took), flush=True)


def _told(figures: list) -> tuple[str, str, str]:
    near, probe, rank = figures
    return f"{near:.4f}", f"{probe:.4f}", f"{rank:.1f}"


if __name__ == "__main__":
    main()
