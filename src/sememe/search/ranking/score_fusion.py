"""Fuse rankings: vector columns on one scale, then semantic and keyword search in one ranking.

Cosines of different spaces cannot be compared: CLIP's are between 0.1 and 0.35, those of texts
between 0 and 1. A document's distance from the query's mean similarity in its own column, in
standard deviations, can. The same holds for texts and images of one column: an image's vector is
the mean of some words' and nearer to most queries than a sentence's. `merge_results` puts such
rankings on one scale.

`fuse` combines semantic and keyword search. Each ranking's scores are put on one scale first: 1 is
its best document, 0 a document that means no more than the average one, or holds no word of the
query. Then

    score = semantic weight * scaled similarity + keyword weight * scaled BM25

A weighted sum of scaled scores keeps by how much a document is better, which ranks do not. With
USE multilingual and BM25, nDCG@10 over the train queries of SciFact and MIRACL-ko: semantic alone
0.489 and 0.478, keyword alone 0.706 and 0.603, reciprocal rank fusion 0.638 and 0.615, this sum
0.725 and 0.652. Bruch et al. 2023 (arXiv:2210.11934) explain why; they call it a convex
combination.

The more of the query's terms the best document lacks, the less its words prove, and the rarer they
are, the more: the keyword weight shrinks with the power 1.5 of the share of terms that it holds,
each counted by its rareness. So "day" alone of "day off for a wedding" weighs little, and a
question in another language than its answer is left to meaning.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._ties import rank, settle
from sememe.search.ranking.documents import Ranking
from sememe.search.ranking.exact import VectorRanking

SEMANTIC_WEIGHT = 0.35  # from 0.3 to 0.4 both sets keep within 0.006 nDCG@10 of their best
_MIN_DEVIATION = 1e-3  # a column of one row, or of equal ones, has none to divide by
_PRIOR_ROWS = 30  # rows that a prior counts for
_TRUST = 1.5  # exponent of the coverage in the keyword weight
_PROOF = 0.5  # coverage from which words alone may decide
_PASSING = " that passes the filter"


class Prior(NamedTuple):
    """Mean and standard deviation of cosines that are usual in a kind of column."""

    mean: float
    deviation: float


TEXT_PRIOR = Prior(0.05, 0.1)  # cosines between texts
MEDIA_PRIOR = Prior(0.2, 0.1)  # ... between features of images, or of audio


def shrink_statistics(ranking: VectorRanking, prior: Prior = TEXT_PRIOR) -> VectorRanking:
    """Shrink a ranking's mean and deviation toward a prior worth 30 rows."""
    total = ranking.count + _PRIOR_ROWS
    mean = (ranking.count * ranking.mean + _PRIOR_ROWS * prior.mean) / total
    spread = ranking.count * (ranking.deviation**2 + (ranking.mean - mean) ** 2)
    spread += _PRIOR_ROWS * (prior.deviation**2 + (prior.mean - mean) ** 2)
    return replace(ranking, mean=mean, deviation=(spread / total) ** 0.5)


def merge_results(rankings: Sequence[VectorRanking], k: int) -> VectorRanking:
    """Merge rankings into one of k documents, on the scale of the first that has any; ties by id.

    A document in several keeps its best score.
    """
    first = next((one for one in rankings if len(one.ids)), rankings[0])
    if len(rankings) == 1:
        return first
    best: dict[str, tuple[float, int]] = {}
    for ranking in rankings:
        scores = _rescale(ranking, first)
        for id_, row, score in zip(ranking.ids, ranking.rows.tolist(), scores, strict=True):
            if id_ not in best or score > best[id_][0]:
                best[id_] = (score, row)
    candidates = list(best)
    ranked = rank([score for score, _ in best.values()], candidates)[:k]
    ids = [candidates[i] for i, _ in ranked]
    return replace(
        first,
        ids=ids,
        rows=np.array([best[id_][1] for id_ in ids], np.uint64),
        scores=np.array([score for _, score in ranked], np.float32),
    )


def append_ranking(first: VectorRanking, second: VectorRanking) -> VectorRanking:
    """Return the documents of two rankings, those of the second after all of the first.

    The scores of the second are lowered to those below the first's lowest, none by more than
    another.
    """
    if not len(first.ids):
        return second
    known = set(first.ids)
    kept = [i for i, id_ in enumerate(second.ids) if id_ not in known]
    scores = second.scores[kept]
    scores = scores - max(0.0, float(scores.max(initial=-np.inf)) - float(first.scores[-1]))
    return replace(
        first,
        ids=[*first.ids, *(second.ids[i] for i in kept)],
        rows=np.concatenate([first.rows, second.rows[kept]]),
        scores=np.concatenate([first.scores, scores.astype(np.float32)]),
    )


def _rescale(ranking: VectorRanking, scale: VectorRanking) -> list[float]:
    """Return a ranking's scores with the mean and deviation of another."""
    if ranking is scale:
        return [float(score) for score in ranking.scores]
    unit = max(scale.deviation, _MIN_DEVIATION) / max(ranking.deviation, _MIN_DEVIATION)
    return [scale.mean + (float(score) - ranking.mean) * unit for score in ranking.scores]


@dataclass(frozen=True, slots=True)
class Background:
    """How a query relates to all rows of the index, against which its best rows are compared.

    Attributes:
        mean: Mean similarity of the query to every row.
        rows: How many rows there are.
        dim: Width of a vector.
    """

    mean: float
    rows: int
    dim: int

    @property
    def chance(self) -> float:
        """The similarity that the best of as many random directions hardly exceeds.

        The cosine of two random directions has deviation 1/sqrt(dim), and the largest of n normal
        values is a little below sqrt(2 ln n) deviations.

        >>> round(Background(mean=0.0, rows=10_000, dim=512).chance, 3)
        0.19
        """
        spread = math.sqrt(2.0 * math.log(max(self.rows, 2)) / self.dim)
        return self.mean + (1.0 - self.mean) * spread


@dataclass(frozen=True, slots=True)
class FusedRanking:
    """One ranking out of two, with the weights used.

    Attributes:
        ids: Best first: score descending, then id ascending.
        scores: (n,) float64 of at most 1; comparable within one search only.
        weights: Share of "semantic" and "keyword" in the scores, adding up to 1.
        note: Why one of the two was ignored; "" where none was.
    """

    ids: list[str]
    scores: NDArray[np.float64]
    weights: dict[str, float]
    note: str = ""


def fuse(
    semantic: Ranking,
    keyword: Ranking,
    *,
    similarities: Mapping[str, float] | None = None,
    background: Background | None = None,
    required: Collection[str] = (),
    missing: Collection[str] = (),
    coverage: float = 1.0,
    filtered: bool = False,
    kind: str = "document",
    weight: float = SEMANTIC_WEIGHT,
) -> FusedRanking:
    """Rank the documents of two rankings by the weighted sum of their scaled scores.

    Args:
        semantic: The documents nearest in meaning, with their cosine similarities.
        keyword: The documents with words of the query, with their BM25 scores.
        similarities: Similarity of documents that only `keyword` has; one that is not given counts
            as the lowest of `semantic`.
        background: The query's similarity to all rows; without it the lowest similarity of
            `semantic` is the zero of its scale, and it is never ignored as random.
        required: The query's terms of which a document of `keyword` has one at least.
        missing: Those of them that no document holds.
        coverage: The share of `required` that the best document of `keyword` holds, as
            `compute_coverage` counts it.
        filtered: Whether both hold only documents that pass a filter, which the note mentions.
        kind: What the note calls a document, such as "image".
        weight: Weight of `semantic`, 0 to 1; `keyword` has the rest.

    Raises:
        InvalidInputError: If `weight` or `coverage` is not between 0 and 1.
    """
    for name, value in (("weight", weight), ("coverage", coverage)):
        if not 0.0 <= value <= 1.0:
            raise InvalidInputError(f"{name}={value!r}; give a number from 0 to 1.")
    what = f"{kind}{_PASSING * filtered}"
    unworded = _reject_keyword(keyword, required, missing, what)
    unsemantic = _reject_semantic(semantic, background, what)
    if coverage < _PROOF and len(semantic.ids) and not unworded:
        unsemantic = ""  # words that prove little are no better than a similarity near chance
    if unworded:  # a ranking no better than chance still beats an empty page
        parts = {"semantic": 1.0, "keyword": 0.0}
    elif unsemantic:
        parts = {"semantic": 0.0, "keyword": 1.0}
    else:
        parts = {"semantic": weight, "keyword": (1.0 - weight) * coverage**_TRUST}
    total = sum(parts.values())
    weights = {name: part / total for name, part in parts.items()}
    ids, scores = _sum_scores(semantic, keyword, weights, similarities or {}, background)
    reasons = {"semantic": unsemantic, "keyword": unworded}
    note = "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason)
    return FusedRanking(ids, scores, weights, note)


def compute_coverage(rows: Mapping[str, int], terms: Collection[str], total: int) -> float:
    """Return the share of the required terms that a document holds, each by how rare it is.

    rows: Required term -> how many rows hold it. terms: Those of the document. total: How many rows
    there are. Rareness is BM25's, so that a term that no row holds counts most. 1 if none is
    required.

    >>> round(compute_coverage({"자동차": 4, "보험": 50}, ["자동차", "차를"], 100), 2)
    0.82
    """
    weights = {term: math.log1p((max(total - n, 0) + 0.5) / (n + 0.5)) for term, n in rows.items()}
    # fsum: the terms of a set come in any order, and all of them must give exactly 1.
    held = math.fsum(weights[term] for term in weights.keys() & set(terms))
    return held / math.fsum(weights.values()) if weights else 1.0


def explain_no_match(*, filtered: bool, kind: str = "document") -> str:
    """Return why no document has a word of the query; those outside the filter may have some.

    >>> explain_no_match(filtered=True)
    'no document that passes the filter has a word of the query'
    """
    return f"no {kind}{_PASSING * filtered} has a word of the query"


def _reject_semantic(ranking: Ranking, background: Background | None, what: str) -> str:
    """Return why the semantic ranking is ignored, "" if it is not."""
    if not len(ranking.ids):
        return f"no {what} has a vector"
    best = float(max(ranking.scores))
    if background is not None and best <= background.chance:
        return (
            f"no {what.removesuffix(_PASSING)} is closer to the query than chance "
            f"(best similarity {best:.2f}, chance {background.chance:.2f})"
        )
    return ""


def _reject_keyword(
    ranking: Ranking, required: Collection[str], missing: Collection[str], what: str
) -> str:
    """Return why the keyword ranking is ignored, "" if it is not."""
    occurring = [term for term in required if term not in set(missing)]
    if required and not occurring:
        return "none of the query's words occurs in the documents"
    if not len(ranking.ids):
        return f"no {what} has a word of the query"
    names = [term for term in occurring if not _is_incidental(term)]
    if missing and not names:
        return f"only {', '.join(occurring)} of the query's words occurs in the documents"
    return ""


def _is_incidental(term: str) -> bool:
    """Return whether documents of any language hold a term: a number or a single letter."""
    return (len(term) == 1 and term.isascii()) or not any(letter.isalpha() for letter in term)


def _sum_scores(
    semantic: Ranking,
    keyword: Ranking,
    weights: Mapping[str, float],
    similarities: Mapping[str, float],
    background: Background | None,
) -> tuple[list[str], NDArray[np.float64]]:
    """Return ids and weighted sums, best first; only a ranking with weight adds documents."""
    listed = dict(zip(semantic.ids, map(float, semantic.scores), strict=True))
    worded = _settle(dict(zip(keyword.ids, map(float, keyword.scores), strict=True)), relative=True)
    candidates = (listed if weights["semantic"] else {}) | (worded if weights["keyword"] else {})
    lowest = min(listed.values(), default=0.0)
    similar = _settle(
        {id_: listed.get(id_, similarities.get(id_, lowest)) for id_ in listed | candidates}
    )
    lowest = min((similar[id_] for id_ in listed), default=0.0)
    zero = lowest if background is None else background.mean
    best = max(similar.values(), default=0.0)
    best_word = max(worded.values(), default=0.0)
    ids = list(candidates)
    sums = [
        weights["semantic"] * _scale(similar[id_], zero, best)
        + weights["keyword"] * _scale(worded.get(id_, 0.0), 0.0, best_word)
        for id_ in ids
    ]
    ranked = rank(sums, ids)
    return [ids[i] for i, _ in ranked], np.array([score for _, score in ranked], np.float64)


def _settle(scores: Mapping[str, float], *, relative: bool = False) -> dict[str, float]:
    """Make scores that tie equal, before their distances are stretched to 0 to 1."""
    settled = settle(list(scores.values()), relative=relative).tolist()
    return dict(zip(scores, settled, strict=True))


def _scale(value: float, zero: float, best: float) -> float:
    """Return a value between zero and the best as 0 to 1; 1 where the two are equal."""
    return max(0.0, value - zero) / (best - zero) if best > zero else 1.0
