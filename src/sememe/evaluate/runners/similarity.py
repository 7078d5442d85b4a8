"""Sentence and word similarity: correlation of cosines with human ratings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._types import Encoder, FloatArray, PairScorer
from sememe.evaluate.control import derangement
from sememe.evaluate.data.scored_pairs import ScoredPair
from sememe.evaluate.keyed_encoder import Lookup, find_vectors, get_name
from sememe.evaluate.metrics.correlation import pearson, spearman
from sememe.evaluate.metrics.intervals import Seed, bootstrap_interval
from sememe.evaluate.results import Evaluation
from sememe.evaluate.unit_vectors import check_encoder_of, encode_once, is_known
from sememe.vectors.keyed import KeyedVectors
from sememe.vectors.nearest import unit

_METRICS = {"spearman": spearman, "pearson": pearson}


def evaluate_sts(
    system: Encoder | PairScorer,
    pairs: Sequence[ScoredPair],
    *,
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Correlate the cosines of sentence pairs with human ratings (semantic textual similarity).

    For a system that scores pairs, such as a cross-encoder, its scores replace the cosines.
    Metrics: "spearman" (the standard) and "pearson", in [-1, 1]; papers often report them times
    100. A pair with a blank sentence or a zero vector is left out and lowers `covered`.
    Control: the ratings of other pairs. Reference: Cer et al. 2017 (arXiv:1708.00055).
    """
    _check_pairs("sts", pairs)
    if isinstance(system, PairScorer):
        judged = _score(system, pairs, show_progress)
    else:
        judged = _compare("sts", system, pairs, batch_size, show_progress)
    return _correlate("sts", judged, pairs, resamples, seed)


def evaluate_word_similarity(
    system: Encoder | KeyedVectors,
    pairs: Sequence[ScoredPair],
    *,
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Correlate the cosines of word pairs with human ratings (WordSim-353, SimLex-999, ...).

    Metrics: "spearman" and "pearson", in [-1, 1]. In word vectors, also those of an encoder
    (`vectors`), a word is looked up unchanged, then in lower case. A pair with an unknown word is
    left out and lowers `covered`: compare two models only at equal coverage. Vectors with subwords
    know every word. Control: random vectors. Reference: Finkelstein et al. 2002 (WordSim-353).
    """
    task = "word-similarity"
    _check_pairs(task, pairs)
    vectors = find_vectors(system)
    keyed = system if vectors is None else Lookup(vectors, get_name(system))
    judged = _compare(task, keyed, pairs, batch_size, show_progress)
    return _correlate(task, judged, pairs, resamples, seed)


def _check_pairs(task: str, pairs: Sequence[ScoredPair]) -> None:
    if not pairs:
        raise InvalidInputError(f"task {task!r} got no pair. Give at least two scored pairs.")


def _correlate(
    task: str, judged: _Judged, pairs: Sequence[ScoredPair], resamples: int, seed: Seed
) -> Evaluation:
    scores = np.array([score for _, _, score in pairs], dtype=np.float64)[judged.known]
    columns = np.column_stack([judged.scores, scores])  # (n, 2)
    wrong = columns.copy()
    if task == "word-similarity":
        noise = np.random.default_rng(seed).standard_normal(judged.vectors, dtype=np.float32)
        wrong[:, 0] = _cosine(unit(noise), *judged.rows)
    else:
        wrong[:, 1] = columns[derangement(len(columns), seed=seed), 1]
    return Evaluation(
        task=task,
        model=judged.name,
        n=len(pairs),
        metrics={name: _correlation(name, columns) for name in _METRICS},
        covered=float(judged.known.mean()),
        intervals={
            name: bootstrap_interval(
                columns, statistic=partial(_correlation, name), resamples=resamples, seed=seed
            )
            for name in _METRICS
            if len(columns)
        },
        control={name: _correlation(name, wrong) for name in _METRICS},
    )


class _Judged(NamedTuple):
    """A system's scores of pairs."""

    name: str
    known: NDArray[np.bool_]  # (n,), whether a pair has a score
    scores: FloatArray  # (m,), of the known pairs
    rows: NDArray[np.intp]  # (2, m), the vector rows of both sides, if there are vectors
    vectors: tuple[int, ...] = ()  # shape of the vectors


def _compare(
    task: str, system: object, pairs: Sequence[ScoredPair], batch_size: int | None, show: bool
) -> _Judged:
    """Score pairs by the cosines of their vectors."""
    encoder = check_encoder_of(system, task, "text")
    texts = [pair.first for pair in pairs] + [pair.second for pair in pairs]
    vectors, rows = encode_once(encoder, texts, batch_size=batch_size, show_progress=show)
    known = np.logical_and(*is_known(vectors, rows).reshape(2, -1))
    rows = rows.reshape(2, -1)[:, known]
    return _Judged(encoder.name, known, _cosine(vectors, *rows), rows, vectors.shape)


def _score(system: PairScorer, pairs: Sequence[ScoredPair], show: bool) -> _Judged:
    """Score pairs by a pair scorer; a pair with a blank sentence has no score."""
    known = np.array([bool(a.strip() and b.strip()) for a, b, _ in pairs])
    asked = [(a, b) for (a, b, _), use in zip(pairs, known, strict=True) if use]
    scores = np.asarray(system.score(asked, show_progress=show), np.float32)
    if scores.shape != (len(asked),) or not np.isfinite(scores).all():
        raise InvalidInputError(
            f"{system.name} gave scores of shape {scores.shape} for {len(asked)} pairs, or NaN; "
            f"allowed: ({len(asked)},), finite. Correct it."
        )
    return _Judged(system.name, known, scores, np.empty((2, 0), np.intp))


def _cosine(vectors: FloatArray, a: NDArray[np.intp], b: NDArray[np.intp]) -> FloatArray:
    """Return (m,) inner products of unit rows a and b."""
    products: FloatArray = np.einsum("nd,nd->n", vectors[a], vectors[b])
    return products


def _correlation(name: str, columns: NDArray[np.float64]) -> float:
    """Return the correlation of (n, 2) cosines and ratings; NaN with fewer than two pairs."""
    return _METRICS[name](columns[:, 0], columns[:, 1]) if len(columns) > 1 else float("nan")
