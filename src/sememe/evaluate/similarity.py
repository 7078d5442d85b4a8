"""Sentence and word similarity: does the cosine order pairs as people do?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import Encoder
from sememe.evaluate._cosine import check_text_encoder, encode_once, is_known
from sememe.evaluate._keyed import as_encoder
from sememe.evaluate.control import derangement
from sememe.evaluate.correlation import pearson, spearman
from sememe.evaluate.intervals import Seed, bootstrap_interval
from sememe.evaluate.results import Evaluation
from sememe.evaluate.tables import ScoredPair
from sememe.vectors.keyed import KeyedVectors
from sememe.vectors.nearest import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_METRICS = {"spearman": spearman, "pearson": pearson}


def evaluate_sts(
    encoder: Encoder,
    pairs: Sequence[ScoredPair],
    *,
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Correlate the cosine of sentence pairs with human scores (semantic textual similarity).

    Metrics: "spearman" (the field's figure) and "pearson", in [-1, 1]; papers often print them
    times 100. A pair with a blank sentence or a zero vector is left out and lowers `covered`.
    Control: the human scores of other pairs. Reference: Cer et al. 2017 (arXiv:1708.00055).
    """
    return _evaluate_pairs(
        "sts",
        encoder,
        pairs,
        batch_size=batch_size,
        show_progress=show_progress,
        resamples=resamples,
        seed=seed,
    )


def evaluate_word_similarity(
    system: Encoder | KeyedVectors,
    pairs: Sequence[ScoredPair],
    *,
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Correlate the cosine of word pairs with human scores (WordSim-353, SimLex-999, ...).

    Metrics: "spearman" and "pearson", in [-1, 1]. Word vectors, also those that an encoder holds as
    `vectors`, are looked up: the word as it is, then in lower case. A word that the system does not
    know takes its pair out and lowers `covered`: compare two models only at equal coverage. Vectors
    with subwords know every word. Control: random vectors. Reference: Finkelstein et al. 2002
    (WordSim-353).
    """
    return _evaluate_pairs(
        "word-similarity",
        as_encoder(system),
        pairs,
        batch_size=batch_size,
        show_progress=show_progress,
        resamples=resamples,
        seed=seed,
    )


def _evaluate_pairs(
    task: str,
    system: object,
    pairs: Sequence[ScoredPair],
    *,
    batch_size: int | None,
    show_progress: bool,
    resamples: int,
    seed: Seed,
) -> Evaluation:
    encoder = check_text_encoder(system, task)
    if not pairs:
        raise InvalidInputError(f"task {task!r} got no pair. Give at least two scored pairs.")
    first, second, scores = zip(*pairs, strict=True)
    vectors, rows = encode_once(
        encoder, [*first, *second], batch_size=batch_size, show_progress=show_progress
    )
    known = is_known(vectors, rows).reshape(2, -1).all(axis=0)
    a, b = rows.reshape(2, -1)[:, known]
    cosine = np.einsum("nd,nd->n", vectors[a], vectors[b])
    columns = np.column_stack([cosine, np.asarray(scores, dtype=np.float64)[known]])  # (n, 2)
    wrong = columns.copy()
    if task == "word-similarity":
        noise = unit(np.random.default_rng(seed).standard_normal(vectors.shape, dtype=np.float32))
        wrong[:, 0] = np.einsum("nd,nd->n", noise[a], noise[b])
    else:
        wrong[:, 1] = columns[derangement(len(columns), seed=seed), 1]
    return Evaluation(
        task=task,
        model=encoder.name,
        n=len(pairs),
        metrics={name: _correlation(name, columns) for name in _METRICS},
        covered=float(known.mean()),
        intervals={
            name: bootstrap_interval(
                columns,
                statistic=partial(_correlation, name),
                resamples=resamples,
                seed=seed,
            )
            for name in _METRICS
            if len(columns)
        },
        control={name: _correlation(name, wrong) for name in _METRICS},
    )


def _correlation(name: str, columns: NDArray[np.float64]) -> float:
    """Return the metric of (n, 2) cosines and scores; NaN below two pairs."""
    return _METRICS[name](columns[:, 0], columns[:, 1]) if len(columns) > 1 else float("nan")
