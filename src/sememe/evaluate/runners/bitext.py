"""Bitext retrieval: accuracy of the nearest sentence in the other language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._ties import first_best
from sememe._types import Encoder, FloatArray
from sememe.evaluate.control import derangement
from sememe.evaluate.metrics.intervals import Seed, bootstrap_intervals
from sememe.evaluate.results import Evaluation
from sememe.evaluate.unit_vectors import check_encoder_of, encode_once, is_known
from sememe.vectors.nearest import iterate_blocks

Rows = NDArray[np.intp]

BitextScore = Literal["cosine", "margin"]
MARGIN_NEIGHBOURS = 4


def evaluate_bitext(
    encoder: Encoder,
    pairs: Sequence[tuple[str, str]],
    *,
    score: BitextScore = "cosine",
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Retrieve each sentence's translation among all of the other side, in both directions.

    pairs: (source, target) sentences. Metrics: "source_to_target", "target_to_source" and their
    mean "accuracy", in [0, 1]. The answer must be the right line: of a repeated sentence only the
    first line counts, as in published results. `score="margin"` divides the cosine by the mean
    cosine of both sentences' 4 nearest neighbours (1 - accuracy is then xsim).
    A pair with a blank sentence or a zero vector is left out and lowers `covered`.
    Control: the answers of other sentences. Memory: 32 MB in addition to the vectors.
    Reference: Artetxe and Schwenk 2019 (arXiv:1812.10464; the margin, arXiv:1811.01136).
    """
    check_encoder_of(encoder, "bitext", "text")
    if score not in get_args(BitextScore):
        raise UnknownNameError.of("score", score, get_args(BitextScore))
    if not pairs:
        raise InvalidInputError("task 'bitext' got no pair. Give at least two sentence pairs.")
    (sources, source_rows), (targets, target_rows) = (
        encode_once(encoder, side, batch_size=batch_size, show_progress=show_progress)
        for side in zip(*pairs, strict=True)
    )
    known = is_known(sources, source_rows) & is_known(targets, target_rows)
    source_rows, target_rows = source_rows[known], target_rows[known]
    forward = _nearest_lines(sources, source_rows, targets, target_rows, score)
    backward = _nearest_lines(targets, target_rows, sources, source_rows, score)
    lines = np.arange(len(forward))
    hits = _accuracies(forward, backward, lines)
    wrong = _accuracies(forward, backward, derangement(len(lines), seed=seed))
    enough = len(lines) > 0
    return Evaluation(
        task="bitext",
        model=encoder.name,
        n=len(pairs),
        metrics={name: float(hit.mean()) if enough else float("nan") for name, hit in hits.items()},
        covered=float(known.mean()),
        intervals=bootstrap_intervals(hits, resamples=resamples, seed=seed) if enough else {},
        control={name: float(hit.mean()) for name, hit in wrong.items() if len(lines) > 1},
    )


def _accuracies(forward: Rows, backward: Rows, truth: Rows) -> dict[str, NDArray[np.float64]]:
    """Return the hits of each metric by line, 0 or 1 (or 0.5 in the mean)."""
    there, back = (forward == truth).astype(np.float64), (backward == truth).astype(np.float64)
    return {"accuracy": (there + back) / 2, "source_to_target": there, "target_to_source": back}


def _nearest_lines(
    queries: FloatArray,
    query_rows: Rows,
    answers: FloatArray,
    answer_rows: Rows,
    score: BitextScore,
) -> Rows:
    """Return (n,): for each query line, the line of its nearest answer, the first of equal ones."""
    rows, first_line = np.unique(answer_rows, return_index=True)  # both ascending
    asked, question = np.unique(query_rows, return_inverse=True)
    nearest = _nearest(queries[asked], answers[rows], score)
    return first_line[nearest][question]


def _nearest(queries: FloatArray, answers: FloatArray, score: BitextScore) -> Rows:
    """Return (n_queries,): the row of the best answer, the lower row of those that tie."""
    best = np.empty(len(queries), dtype=np.intp)
    if score == "margin":
        of_queries, of_answers = _neighbourhood(queries, answers), _neighbourhood(answers, queries)
    for block in iterate_blocks(len(queries), len(answers)):
        scores = queries[block] @ answers.T
        if score == "margin":
            # ratio margin: cos(x, y) / ((mean cos of x's neighbours + mean cos of y's) / 2)
            around = (of_queries[block, None] + of_answers) / 2
            scores /= np.maximum(around, 1e-6)
        best[block] = first_best(scores)
    return best


def _neighbourhood(queries: FloatArray, answers: FloatArray) -> FloatArray:
    """Return (n_queries,): the mean cosine of each query's nearest answers."""
    k = min(MARGIN_NEIGHBOURS, len(answers))
    means = np.empty(len(queries), dtype=np.float32)
    for block in iterate_blocks(len(queries), len(answers)):
        scores = queries[block] @ answers.T
        means[block] = np.partition(scores, len(answers) - k, axis=1)[:, -k:].mean(axis=1)
    return means
