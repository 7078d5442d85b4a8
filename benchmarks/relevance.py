"""Fit the weights of relevance (`sememe.search.ranking.relevance`), and check the scores they give.

    python benchmarks/relevance.py --train INDEX BEIR SPLIT [--train ...] [--test INDEX BEIR SPLIT]

INDEX was made of the corpus of the BEIR folder, or of a sample of it; queries whose answers are not
in it are those that nothing answers. Training queries of SciFact, of MIRACL-ko and of paragraphs of
Python's documentation, with indexes of all, 300 and 60 documents, gave the weights in use. The
share of a collection's queries without an answer does not count: they have a fifth of the weight.
Needs scikit-learn (extra `words`).
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass

import numpy as np

import sememe
from sememe.evaluate.data.beir import read_beir
from sememe.evaluate.metrics.calibration import calibration_error
from sememe.index.querying import searcher
from sememe.search.ranking.score_fusion import MANY_WORDS, FusedRanking

DEPTH, UNANSWERED = 10, 0.2
WORDS = 4.5  # weight of c in units of that of e, the best for ranking over all sets
Set = tuple[str, str, str]


@dataclass
class Judged:
    """A query's ten best documents: e, c and relevance (n,), and which are right.

    coverage: Of the query. counted: How much of it counts where meaning is known, too.
    nothing_close: Whether the search said so.
    """

    excess: np.ndarray
    words: np.ndarray
    scores: np.ndarray
    coverage: float
    counted: float
    nothing_close: bool
    right: np.ndarray
    answerable: bool
    group: str


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--train", "--test"):
        options.add_argument(name, nargs=3, action="append", default=[], metavar="X")
    given = options.parse_args()
    if given.train:
        judged = [one for each in given.train for one in judge(*each)]
        for keys, columns in (
            ("e + 4.5 c, coverage", both),
            ("e", meaning),
            ("c, coverage", words),
        ):
            weights, constant = fit(judged, columns)
            print(f"{keys}: {', '.join(f'{w:.2f}' for w in weights)}, constant {constant:.2f}")
    for each in given.test:
        check(" ".join(each), judge(*each))


def judge(index: str, folder: str, split: str) -> list[Judged]:
    """Search an index for each query of a split, recording what the scores are made of."""
    recorded: list[tuple[FusedRanking, float, float]] = []
    fuse = searcher.fuse

    def record(*rankings, coverage, **others) -> FusedRanking:
        fused = fuse(*rankings, coverage=coverage, **others)
        share = min(len(others["required"]), MANY_WORDS) / MANY_WORDS
        held = 0.0 if "keyword" in fused.note else coverage
        recorded.append((fused, held, held * share))
        return fused

    data, opened = read_beir(folder, split=split), sememe.Index.open(index)
    stored = {id_ for batch in opened._store.iterate(["id"]) for id_ in batch["id"].to_pylist()}
    found = []
    searcher.fuse = record
    for query, judgements in data.qrels.items():
        answers = {id_ for id_, grade in judgements.items() if grade > 0} & stored
        opened.search(data.queries[query], k=DEPTH)
        fused, coverage, counted = recorded.pop()
        right = np.array([id_ in answers for id_ in fused.ids[:DEPTH]])
        best = slice(DEPTH)
        evidence = fused.excess[best], fused.words[best], fused.scores[best]
        shares, group = (coverage, counted, fused.nothing_close), f"{index} {split}"
        found.append(Judged(*evidence, *shares, right, bool(answers), group))
    searcher.fuse = fuse
    return found


def both(one: Judged) -> np.ndarray:
    return np.stack([one.excess + WORDS * one.words, np.full(len(one.right), one.counted)], 1)


def meaning(one: Judged) -> np.ndarray:
    return one.excess[:, None]


def words(one: Judged) -> np.ndarray:
    return np.stack([one.words, np.full(len(one.right), one.coverage)], 1)


def fit(judged: list[Judged], columns) -> tuple[np.ndarray, float]:
    """Fit a logistic regression in which every collection counts alike."""
    from sklearn.linear_model import LogisticRegression

    counts = Counter((one.group, one.answerable) for one in judged)
    groups = Counter(answerable for _, answerable in counts)
    shares = {True: (1 - UNANSWERED) / groups[True], False: UNANSWERED / max(1, groups[False])}
    weights = [
        np.full(len(one.right), shares[one.answerable] / counts[one.group, one.answerable])
        for one in judged
    ]
    x, y = np.concatenate([columns(one) for one in judged]), [one.right for one in judged]
    model = LogisticRegression(C=1e6, max_iter=1000)
    model.fit(x, np.concatenate(y), sample_weight=1e5 * np.concatenate(weights))
    return model.coef_[0], float(model.intercept_[0])


def check(name: str, judged: list[Judged]) -> None:
    """Print calibration error, and how often nothing close is said rightly and wrongly."""
    scores = np.concatenate([one.scores for one in judged])
    right = np.concatenate([one.right for one in judged])
    error = calibration_error(scores, right)
    low = np.array([one.nothing_close for one in judged])
    answered = np.array([bool(one.right.any()) for one in judged])
    without = np.array([not one.answerable for one in judged])
    print(
        f"{name}: ECE {error:.3f}; nothing close said of {mean(low[without])} without an answer, "
        f"of {mean(low[answered])} with one among the first ten"
    )


def mean(values: np.ndarray) -> str:
    return f"{values.mean():.3f}" if len(values) else "none"


if __name__ == "__main__":
    main()
