"""Analogies: accuracy of b - a + c -> d, by section, with semantic and syntactic totals."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import Encoder
from sememe.evaluate.analogy_search import Rows, find_answers, random_rows, unit_rows
from sememe.evaluate.data.analogy_questions import AnalogyQuestion, infer_kind
from sememe.evaluate.keyed_encoder import find_vectors, get_name
from sememe.evaluate.metrics.intervals import Seed, bootstrap_interval
from sememe.evaluate.results import Evaluation
from sememe.evaluate.unit_vectors import check_encoder_of, encode_unit
from sememe.vectors.arithmetic import Method
from sememe.vectors.keyed import KeyedVectors

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Parts = dict[str, Flags]
Questions = Sequence[AnalogyQuestion]

CONTROLS = 2000  # questions of the control, evenly spaced over all
_TOTALS = ("total", "semantic", "syntactic")


def evaluate_analogies(
    system: KeyedVectors | Encoder,
    questions: Sequence[AnalogyQuestion],
    *,
    among: int | None = None,
    method: Method = "3CosAdd",
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Answer "a is to b as c is to ?" and measure how often the best key is d.

    Metrics: accuracy in [0, 1] in "total", "semantic", "syntactic" (each averaged over questions,
    not sections) and for each section. Words are compared in NFC, ignoring case; of keys that
    differ only in case, the first has the vector, and any is the answer. a, b and c are excluded
    from the answers, so that a question whose d is one of them is wrong, as in word2vec's
    compute-accuracy and in gensim. A question with an unknown word is left out and lowers `covered`
    (overall) and `coverage` (of each metric): compare two models at equal coverage.

    Intervals treat questions as independent; those of a section share words, so that the intervals
    are too narrow. Control: random vectors of the same shape, on 2,000 of the questions.

    system: Word vectors, an encoder with some as `vectors`, or any text encoder. The last encodes
    the words of the questions, and only these can be answers: an easier task, which the model's
    name in the result states. questions: As from `read_analogies`. among: Restrict known words and
    answers to the first `among` keys, the most frequent ones. method: "3CosAdd" or "3CosMul".

    Raises:
        InvalidInputError: No question, `among` below 1, or a system of another kind.
        UnknownNameError: No such method.

    Reference: Mikolov et al. 2013 (arXiv:1301.3781); Levy and Goldberg 2014 for 3CosMul.
    """
    if method not in get_args(Method):
        raise UnknownNameError.of("method", method, get_args(Method))
    if not questions:
        raise InvalidInputError("task 'analogies' got no question. Give what read_analogies gives.")
    if among is not None and among < 1:
        raise InvalidInputError(f"among={among}; give the number of keys to search, at least 1.")
    vectors, name = _vectors(system, questions, batch_size, show_progress)
    n = min(among or len(vectors), len(vectors))
    right, wrong = _answer(vectors, questions, n, method, seed)
    parts, asked = _parts(questions), ~np.isnan(right)
    return Evaluation(
        task="analogies",
        model=name,
        n=len(right),
        metrics={part: _mean(right[at]) for part, at in parts.items()},
        covered=float(asked.mean()),
        intervals={
            part: bootstrap_interval(right[at & asked], resamples=resamples, seed=seed)
            for part, at in parts.items()
            if (at & asked).any()
        },
        control={part: _mean(wrong[at]) for part, at in parts.items() if part in _TOTALS},
        coverage={part: float(asked[at].mean()) for part, at in parts.items()},
    )


def _answer(
    vectors: KeyedVectors, questions: Questions, n: int, method: Method, seed: Seed
) -> tuple[Floats, Floats]:
    """Return (q,) whether n of the vectors, and the control's, answer d: 1, 0, NaN if unknown."""
    first_of, group = _groups(vectors, n)
    words = [map(_fold_case, question[1:]) for question in questions]
    rows = np.array([[first_of.get(word, -1) for word in own] for own in words], np.int64)  # (q, 4)
    asked = np.flatnonzero((rows >= 0).all(axis=1))
    spaced = np.unique(np.linspace(0, max(0, len(asked) - 1), CONTROLS, dtype=int))
    some = asked[spaced[: len(asked)]]
    noise = random_rows(vectors.dim, int(np.random.default_rng(seed).integers(2**31)))
    right, wrong = np.full((2, len(questions)), np.nan)
    right[asked] = _check_answers(unit_rows(vectors.matrix), n, rows[asked], group, method)
    wrong[some] = _check_answers(noise, n, rows[some], group, method)
    return right, wrong


def _vectors(
    system: KeyedVectors | Encoder, questions: Questions, batch_size: int | None, show: bool
) -> tuple[KeyedVectors, str]:
    """Return word vectors and the model's name; an encoder encodes the words of the questions."""
    vectors = find_vectors(system)
    if vectors is not None:
        return vectors, get_name(system)
    encoder = check_encoder_of(system, "analogies", "text")
    words = list(dict.fromkeys(word for question in questions for word in question[1:]))
    matrix = encode_unit(encoder, words, batch_size=batch_size, show_progress=show)
    known = np.flatnonzero(matrix.any(axis=1))
    kept = [words[row] for row in known]
    name = f"{encoder.name} among the {len(kept)} words of the questions"
    return KeyedVectors(kept, matrix[known]), name


def _fold_case(word: str) -> str:
    return word.upper() if word.isascii() else unicodedata.normalize("NFC", word).upper()


def _groups(vectors: KeyedVectors, n: int) -> tuple[dict[str, int], Ints]:
    """Return case-folded word -> its first row, and (n,) the first row of each row's group."""
    first_of: dict[str, int] = {}
    group = np.empty(n, dtype=np.int64)
    for row, key in zip(range(n), vectors.keys, strict=False):
        group[row] = first_of.setdefault(_fold_case(key), row)
    return first_of, group


def _check_answers(rows: Rows, n: int, asked: Ints, group: Ints, method: Method) -> Flags:
    """Return (q,) whether the best answer to each question (a, b, c, d) is in the group of d."""
    if not len(asked):
        return np.zeros(0, dtype=bool)
    numbers = np.repeat(np.arange(len(asked)), 3)
    barred = np.column_stack([numbers, asked[:, :3].reshape(-1)])
    barred = np.concatenate([barred, _other_spellings(barred, group)])
    best = find_answers(rows, n, asked[:, :3], barred, method=method)
    right: Flags = group[best] == asked[:, 3]
    return right


def _other_spellings(barred: Ints, group: Ints) -> Ints:
    """Return (m, 2) question and row, for rows that differ only in case from a barred one."""
    later = np.flatnonzero(group != np.arange(len(group)))  # not the first of their group
    later = later[np.isin(group[later], barred[:, 1])]
    more = [
        np.column_stack([questions, np.full(len(questions), row)])
        for row in later
        for questions in [barred[barred[:, 1] == group[row], 0]]
    ]
    return np.concatenate([np.empty((0, 2), dtype=np.int64), *more])


def _parts(questions: Sequence[AnalogyQuestion]) -> Parts:
    """Return the totals and sections, in order of the file, each with a (q,) mask."""
    sections = [question.section for question in questions]
    kinds = np.array([infer_kind(section) for section in sections])
    parts: Parts = {"total": np.ones(len(questions), dtype=bool)}
    parts |= {kind: kinds == kind for kind in _TOTALS[1:] if kind in kinds}
    names = np.array(sections)
    for section in dict.fromkeys(sections):
        parts[f"{section} (section)" if section in _TOTALS else section] = names == section
    return parts


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
