"""Training word vectors beside gensim and the official fastText, one process each, in turns.

    python benchmarks/words.py --data TEXT
    python benchmarks/words.py --data TEXT --seeds 1 2 3 --quality questions-words.txt ws353.tsv

TEXT holds one paragraph a line; all systems train on the same words of it, lower-cased, from one
file. Words/s counts every word of the file in every epoch. Peak memory is the training process's;
sememe's helper process, which reads the text before training, took 130 to 170 MB for a while.

--quality takes Google's analogies (a name with "questions") and word pairs (word, word, score,
between tabs); gensim's own functions score all systems, over the most frequent 50,000 words for
analogies, mean over the seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from _shared import head, machine, missing, own_peak_mb, row, run, versions
from _trainers import TRAINERS, Job


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--systems", nargs="+", default=list(TRAINERS), choices=list(TRAINERS))
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2, help="at least, for the figures of speed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="one run each at least")
    parser.add_argument("--quality", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--limit", type=int, help="only so many paragraphs")
    parser.add_argument("--limit-seconds", type=float, default=3600.0, help="of one run")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--score", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work, options)
    elif options.score:
        score(options.score, options.quality)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Run all systems in turns and print the tables."""
    print(machine(options.threads))
    print(versions("sememe", "numba", "numpy", "gensim", "fasttext-wheel"), flush=True)
    names = []
    for name in options.systems:
        absent = missing(TRAINERS[name].module)
        print(f"{TRAINERS[name].label}: {absent}\n" if absent else "", end="")
        names += [] if absent else [name]
    with tempfile.TemporaryDirectory() as folder:
        text, words = prepare(options.data, Path(folder), options.limit)
        print(f"{words:,} words, {options.epochs} epochs\n", flush=True)
        found = turns(names, text, Path(folder), options)
    speed(found, words * options.epochs)
    if options.quality:
        quality(found, options)


def prepare(data: Path, folder: Path, limit: int | None) -> tuple[Path, int]:
    """Write the words of the text, one paragraph a line; return the file and how many words."""
    from sememe.text.words import tokenize

    path, count = folder / "text.txt", 0
    with data.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as out:
        for number, line in enumerate(lines):
            if number == limit:
                break
            words = tokenize(line)
            count += len(words)
            out.write(" ".join(words) + "\n" if words else "")
    return path, count


def turns(names: list[str], text: Path, folder: Path, options: argparse.Namespace) -> dict:
    """Return system -> what each of its runs said; the order turns round with every repeat."""
    found: dict[str, list[dict]] = {name: [] for name in names}
    for turn in range(max(options.repeats, len(options.seeds))):
        seed = options.seeds[turn % len(options.seeds)]
        for name in names if turn % 2 == 0 else reversed(names):
            out = folder / f"{name}-{turn}.bin"
            argv = [sys.executable, __file__, *sys.argv[1:], "--work", name, str(text), str(seed)]
            done = run([*argv, str(out)], threads=options.threads, limit=options.limit_seconds)
            if done.code:
                print(f"{TRAINERS[name].label}: {done.why}", flush=True)
                continue
            said = done.last
            if options.quality and turn < len(options.seeds):
                argv = [sys.executable, __file__, *sys.argv[1:], "--score", str(out)]
                said["scores"] = run(argv, threads=1).last
            out.unlink()
            found[name].append(said)
            print(f"  {name}, seed {seed}: {json.dumps(said)}", file=sys.stderr, flush=True)
    return {name: runs for name, runs in found.items() if runs}


def work(name: str, text: str, seed: str, out: str, options: argparse.Namespace) -> None:
    """Be one run: train, and say how long it took and what memory it needed."""
    job = Job(text, options.epochs, options.threads, int(seed), Path(out))
    train, fit = TRAINERS[name].train(job)
    print(json.dumps({"train": train, "fit": fit, "peak": own_peak_mb()}))


def speed(found: dict, words: int) -> None:
    """Print words/s at each system's best run, and sememe's ratio to its rival."""
    print(head("system", "training, words/s", "whole fit, words/s", "fit s", "peak MB", "runs"))
    best = {}
    for name, runs in found.items():
        train, fit = (min(said[part] for said in runs) for part in ("train", "fit"))
        best[name] = (train, fit)
        peak = max(said["peak"] for said in runs)
        rates = (f"{words / seconds:,.0f}" for seconds in (train, fit))
        print(row(TRAINERS[name].label, *rates, f"{fit:.1f}", f"{peak:,.0f}", len(runs)))
    for name in found:
        ours = TRAINERS[name].rival
        if ours in best:
            train, fit = (b / a for a, b in zip(best[ours], best[name], strict=True))
            print(f"\n{TRAINERS[ours].label} to {TRAINERS[name].label}: ", end="")
            print(f"training {train:.2f} x, whole fit {fit:.2f} x")


def quality(found: dict, options: argparse.Namespace) -> None:
    """Print what the vectors are worth: mean over the seeds."""
    scored = {n: [r["scores"] for r in runs if "scores" in r] for n, runs in found.items()}
    print("\n" + head("system", *(path.stem for path in options.quality), "seeds"))
    for name, scores in scored.items():
        means = (statistics.mean(column) for column in zip(*scores, strict=True))
        print(row(TRAINERS[name].label, *(f"{mean:.4f}" for mean in means), len(scores)))


def score(vectors: Path, files: list[Path]) -> None:
    """Be the process that scores: one figure for each file."""
    from gensim.models import KeyedVectors

    found = KeyedVectors.load_word2vec_format(str(vectors), binary=True)
    figures = []
    for path in files:
        if "questions" in path.name:
            figures.append(found.evaluate_word_analogies(str(path), restrict_vocab=50_000)[0])
        else:
            figures.append(float(found.evaluate_word_pairs(str(path))[1].statistic))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
