"""Metrics on held-out examples, one for each kind of them.

scored     spearman    between cosine (or the cross-encoder's score) and the scores
pairs      accuracy    anchors whose own positive is nearest among all positives
triplets   accuracy    triplets whose positive is nearer than the negative
labels     accuracy    texts whose nearest other text has their label
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.evaluate.metrics.correlation import spearman

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.train.sentence.examples import Examples

Encode = Callable[[list[str]], "FloatArray"]
Predict = Callable[[list[tuple[str, str]]], Any]
_BLOCK = 1024  # rows compared with all others at once


def score_examples(
    examples: Examples, *, encode: Encode | None = None, predict: Predict | None = None
) -> Mapping[str, float]:
    """Return the metric of the examples' kind, {name: value}.

    encode: Texts to (n, dim) unit rows. predict: Pairs to (n,) scores; preferred where given.

    Raises:
        InvalidInputError: Bare texts, or labels for a cross-encoder, which measure nothing.
    """
    columns = examples.columns
    if examples.kind == "scored":
        scores = _score_pairs(columns["sentence1"], columns["sentence2"], encode, predict)
        return {"spearman": spearman(scores, np.asarray(columns["score"], np.float64))}
    if examples.kind == "triplets":
        near = _score_pairs(columns["anchor"], columns["positive"], encode, predict)
        far = _score_pairs(columns["anchor"], columns["negative"], encode, predict)
        return {"accuracy": float((near > far).mean())}
    if encode is None or predict is not None or examples.kind == "texts":
        raise InvalidInputError(
            f"examples of the kind {examples.kind!r} cannot measure this model. Give scored pairs "
            "or triplets to --evaluate."
        )
    if examples.kind == "pairs":
        anchors, positives = encode(columns["anchor"]), encode(columns["positive"])
        return {"accuracy": _score_retrieval(anchors, positives, examples)}
    return {"accuracy": _score_neighbours(encode(columns["text"]), columns["label"])}


def name_metric(examples: Examples | None) -> str:
    """Return the name of the metric of such examples."""
    return "spearman" if examples is not None and examples.kind == "scored" else "accuracy"


def score_model(model: Any, examples: Examples) -> Mapping[str, float]:
    """Return the metric of a model of sentence-transformers, an encoder or a cross-encoder."""

    def encode(texts: list[str]) -> FloatArray:
        rows: FloatArray = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return rows

    return score_examples(examples, encode=encode, predict=getattr(model, "predict", None))


def _score_pairs(
    first: list[str], second: list[str], encode: Encode | None, predict: Predict | None
) -> Any:
    if predict is not None:
        return np.asarray(predict(list(zip(first, second, strict=True))), np.float64)
    if encode is None:
        raise TypeError("score_examples takes encode or predict")
    return np.einsum("nd,nd->n", encode(first), encode(second)).astype(np.float64)


def _score_retrieval(anchors: FloatArray, positives: FloatArray, examples: Examples) -> float:
    """Return the share of anchors whose nearest texts are their positives; ties are errors."""
    names, texts = examples.columns["anchor"], examples.columns["positive"]
    own = examples.positives()
    right = 0
    for start in range(0, len(anchors), _BLOCK):
        cosine = anchors[start : start + _BLOCK] @ positives.T
        for row, scores in enumerate(cosine, start):
            best = np.flatnonzero(scores == scores.max())
            right += all(texts[i] in own[names[row]] for i in best.tolist())
    return right / len(anchors)


def _score_neighbours(rows: FloatArray, labels: list[str]) -> float:
    names = np.unique(np.asarray(labels), return_inverse=True)[1]
    right = 0
    for start in range(0, len(rows), _BLOCK):
        cosine = rows[start : start + _BLOCK] @ rows.T
        own = np.arange(start, start + len(cosine))
        cosine[np.arange(len(cosine)), own] = -np.inf
        right += int((names[cosine.argmax(axis=1)] == names[own]).sum())
    return right / len(rows)
