"""Fit the heads of a text classifier, and weigh them against each other.

Vectors: multinomial logistic regression on the encoder's unit vectors. The names of the classes are
examples too, as far from their mean as the texts are from theirs, and each counts as ten: with few
examples the names lead, with many the examples do.

Of grades in order the bounds between them are learnt, each by a regression of its own.

N-grams: logistic regression of each class against the rest, or of each bound, on hashed n-grams,
weighted by inverse document frequency and the root of their naive Bayes log-count ratio (Wang and
Manning 2012, "Baselines and Bigrams", multiply by the ratio itself, which did a little worse).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._lazy import require
from sememe.encoders.classify.text_heads import NgramHead, Pool, VectorHead
from sememe.space.probe import softmax
from sememe.text.hashed_ngrams import hash_ngrams
from sememe.vectors.nearest import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

    Ints = NDArray[np.int64]
    Shares = NDArray[np.float64] | None

_NAME = 10.0  # examples that a name counts as
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)  # inverse penalties, as scikit-learn has them
USUAL = 3.0  # with too few examples to choose
_NGRAM_STRENGTH = 4.0
_ITERATIONS = 300
_COST = 4e8  # n-grams of all examples times classes, above which they are left out
_FEWEST = 40  # examples for n-grams
_NEVER = 2.0  # below the least logit, for a class without an example
_POWERS = tuple(np.exp(np.linspace(-0.7, 0.7, 57)).tolist())  # 0.5 to 2, 1 among them
_HELD = 4.0  # examples that hold the power near 1
_NEED = "a text classifier"


@dataclass(frozen=True, eq=False)
class Examples:
    """Texts with their vectors and classes.

    Attributes:
        texts: (n,) texts.
        vectors: (n, dim) unit rows.
        y: (n,) numbers of their classes.
        names: (classes, dim) unit rows of the classes' names; None if these mean nothing.
        classes: How many there are.
        ordered: Whether they are grades in order.
    """

    texts: Sequence[str]
    vectors: FloatArray
    y: Ints
    names: FloatArray | None
    classes: int
    ordered: bool = False

    @cached_property
    def ngrams(self) -> tuple[Any, NDArray[np.int32]] | None:
        """(n, m) which n-grams each text has, as a sparse matrix, and (m,) their buckets."""
        if len(self.texts) < _FEWEST:
            return None
        offsets, ids = hash_ngrams(self.texts)
        if not len(ids) or len(ids) * self.classes > _COST:
            return None
        sparse = require("scipy.sparse", _NEED)
        known, column = np.unique(ids, return_inverse=True)
        shape = len(self.texts), len(known)
        return sparse.csr_matrix((np.ones(len(ids), np.float32), column, offsets), shape), known


def fit_vectors(data: Examples, rows: Ints, *, strength: float, named: bool) -> VectorHead:
    """Fit the head on vectors to some of the examples; classes without any are the least likely."""
    vectors, y = data.vectors[rows], data.y[rows]
    mean = vectors.mean(axis=0)
    x, shares = vectors - mean, np.ones(len(y))
    if named and data.names is not None:
        away = float(np.linalg.norm(x, axis=1).mean())
        x = np.vstack([x, away * unit(data.names - data.names.mean(axis=0))])
        y = np.concatenate([y, np.arange(data.classes)])
        shares = np.concatenate([shares, np.full(data.classes, _NAME)])
    fit = _fit_bounds if data.ordered else _fit_classes
    weight, bias = fit(x, y, data.classes, strength, shares)
    return VectorHead(weight, bias - weight @ mean)


def fit_ngrams(data: Examples, rows: Ints) -> NgramHead | None:
    """Fit the head on n-grams to some of the examples; None where there are to be none."""
    if data.ngrams is None:
        return None
    matrix, ids = data.ngrams
    x, y = matrix[rows], data.y[rows]
    scale = _weigh_ngrams(x, y, data.classes)
    used = np.flatnonzero(scale)
    x = _scale(x[:, used], scale[used])
    fit = _fit_bounds if data.ordered else _fit_one_against_rest
    weight, bias = fit(x, y, data.classes, _NGRAM_STRENGTH)
    return NgramHead(ids[used], scale[used], weight, bias)


def pool_heads(logits: Sequence[FloatArray], y: Ints, *, ordered: bool) -> Pool:
    """Choose weights and a bias of the heads' logits that make the true classes most likely.

    logits: One or two of (n, classes or bounds), of examples the heads had not seen. The weights
    are held near 1 and 0 as by four examples, the bias near 0; the power of grades near 1.
    """
    optimize = require("scipy.optimize", _NEED)
    parts = np.stack(logits).astype(np.float64)  # (heads, n, classes)
    heads, n, classes = parts.shape
    if not ordered:
        parts -= parts.mean(axis=2, keepdims=True)
    truth = y[:, None] > np.arange(classes) if ordered else y[:, None] == np.arange(classes)
    usual = np.array([1.0, *[0.0] * (heads - 1 + classes)])
    held = np.array([_HELD / 2] * heads + [max(2.0, 0.01 * n)] * classes)

    def lose(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        rows = np.tensordot(values[:heads], parts, 1) + values[heads:]
        likely = 1 / (1 + np.exp(-rows)) if ordered else softmax(rows).astype(np.float64)
        chosen = np.where(truth, likely, 1 - likely if ordered else 1)
        error = likely - truth
        slope = np.concatenate([(parts * error).sum(axis=(1, 2)), error.sum(axis=0)])
        away = values - usual
        loss = -np.log(np.maximum(chosen, 1e-12)).sum() + (held * away**2).sum()
        return loss, slope + 2 * held * away

    bounds = [(0.05, 20.0), *[(0.0, 20.0)] * (heads - 1), *[(None, None)] * classes]
    found = optimize.minimize(lose, usual, jac=True, bounds=bounds, method="L-BFGS-B").x
    weights, bias = tuple(found[:heads].tolist()), found[heads:].astype(np.float32)
    pool = Pool(weights, bias, ordered=ordered)
    return replace(pool, power=_choose_power(pool.probabilities(logits), y)) if ordered else pool


def _choose_power(probabilities: FloatArray, y: Ints) -> float:
    """Return the power of the probabilities that makes the true classes most likely."""

    def lose(power: float) -> float:
        rows = np.maximum(probabilities, 1e-12) ** power
        away = _HELD * math.log(power) ** 2 / len(y)
        return mean_log_loss(rows / rows.sum(axis=1, keepdims=True), y) + away

    return float(min(_POWERS, key=lose))


def mean_log_loss(probabilities: FloatArray, y: Ints) -> float:
    """Return the mean negative log-likelihood of the true classes, in nats."""
    likely = probabilities[np.arange(len(y)), y]
    return float(-np.log(np.maximum(likely, 1e-12)).mean())


def _fit_classes(
    x: FloatArray, y: Ints, classes: int, strength: float, shares: Shares = None
) -> tuple[FloatArray, FloatArray]:
    """Return weight (classes, dim) and bias (classes,) of multinomial regression."""
    model = _fit_regression(x, y, strength, shares)
    coefficients, intercept = model.coef_, model.intercept_
    if len(coefficients) == 1:
        coefficients = np.vstack([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    weight = np.zeros((classes, x.shape[1]), np.float32)
    bias = np.full(classes, intercept.min() - _NEVER, np.float32)
    weight[model.classes_], bias[model.classes_] = coefficients, intercept
    return weight, bias


def _fit_one_against_rest(
    x: Any, y: Ints, classes: int, strength: float
) -> tuple[FloatArray, FloatArray]:
    """Return weight (classes, m) and bias (classes,), each of one class against the others."""
    if classes == 2:
        (weight,), (bias,) = _fit_bounds(x, y, classes, strength)
        both = np.array([[-0.5], [0.5]], np.float32)
        return both * weight, both[:, 0] * bias
    return _fit_each(x, [y == one for one in range(classes)], strength)


def _fit_bounds(
    x: Any, y: Ints, classes: int, strength: float, shares: Shares = None
) -> tuple[FloatArray, FloatArray]:
    """Return weight (classes - 1, m) and bias (classes - 1,), each of being above a grade."""
    return _fit_each(x, [y > one for one in range(classes - 1)], strength, shares)


def _fit_each(
    x: Any, truths: Sequence[NDArray[np.bool_]], strength: float, shares: Shares = None
) -> tuple[FloatArray, FloatArray]:
    """Return weight and bias of a regression for each truth; one that does not vary has none."""
    weight = np.zeros((len(truths), x.shape[1]), np.float32)
    bias = np.zeros(len(truths), np.float32)
    for i, truth in enumerate(truths):
        if truth.all() or not truth.any():
            bias[i] = np.log((truth.sum() + 0.5) / (len(truth) - truth.sum() + 0.5))
        else:
            model = _fit_regression(x, truth, strength, shares)
            weight[i], bias[i] = model.coef_[0], model.intercept_[0]
    return weight, bias


def _fit_regression(x: Any, y: NDArray[Any], strength: float, shares: Shares = None) -> Any:
    """Return a fitted logistic regression. shares: (n,) what each example counts as."""
    linear_model = require("sklearn.linear_model", _NEED)
    solver = "lbfgs" if isinstance(x, np.ndarray) else "liblinear"
    model = linear_model.LogisticRegression(
        C=strength, solver=solver, max_iter=_ITERATIONS, tol=1e-3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of unfinished convergence
        return model.fit(x, y, sample_weight=shares)


def _weigh_ngrams(x: Any, y: Ints, classes: int) -> FloatArray:
    """Return (m,) inverse document frequency times the root of the mean log-count ratio."""
    n, present = x.shape[0], np.asarray(x.sum(axis=0)).ravel()
    ratio = np.zeros(len(present))
    for one in range(classes):
        inside = np.asarray(x[y == one].sum(axis=0)).ravel() + 1
        outside = present - inside + 2
        ratio += np.abs(np.log(inside / inside.sum()) - np.log(outside / outside.sum()))
    scale = (np.log((1 + n) / (1 + present)) + 1) * np.sqrt(ratio / classes)
    return np.where(present > 0, scale, 0).astype(np.float32)


def _scale(x: Any, scale: FloatArray) -> Any:
    """Return the rows with their n-grams weighted, at unit length."""
    sparse = require("scipy.sparse", _NEED)
    x = x @ sparse.diags(scale)
    length = np.sqrt(np.asarray(x.multiply(x).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.maximum(length, 1e-9)) @ x).tocsr()
