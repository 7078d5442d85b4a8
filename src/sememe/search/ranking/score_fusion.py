"""Fuse rankings: vector columns on one scale, then semantic and keyword search in one ranking.

Cosines of different spaces cannot be compared: CLIP's are between 0.1 and 0.35, those of texts
between 0 and 1. A document's distance from the query's mean similarity in its own column, in
standard deviations, can. The same holds for texts and images of one column: an image's vector is
the mean of some words' and nearer to most queries than a sentence's. `merge_results` puts such
rankings on one scale.

`fuse` ranks the documents of semantic and keyword search by their relevance, a probability that
both give together (`sememe.search.ranking.relevance`). The more of the query's terms the best
document lacks, the less its words prove, and the rarer they are, the more: "day" alone of "day off
for a wedding" weighs little, and a question in another language than its answer is left to meaning.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._ties import rank, settle
from sememe.search.ranking.documents import Ranking
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.relevance import (
    FLOOR,
    HYBRID,
    KEYWORD,
    LIKELY,
    MIN_DEVIATION,
    SEMANTIC,
    UNLIKELY,
    Numbers,
    Weights,
    is_close,
    measure_excess,
    raise_excess,
    share_words,
    standardize,
    to_probability,
)

_PRIOR_ROWS = 30  # rows that a prior counts for
MANY_WORDS = 4  # of a query, from which a document without them is hardly an answer
_PASSING = " that passes the filter"


class Prior(NamedTuple):
    """Mean and standard deviation of cosines that are usual in a kind of column."""

    mean: float
    deviation: float


TEXT_PRIOR = Prior(0.05, 0.1)  # of texts, where an encoder does not state its own
MEDIA_PRIOR = Prior(0.2, 0.1)  # of features of images, or of audio


def shrink_statistics(ranking: VectorRanking, prior: Prior) -> VectorRanking:
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
        count=max(ranking.count for ranking in rankings),
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
    heights = standardize(ranking.scores, ranking.mean, ranking.deviation)
    scores: list[float] = (scale.mean + heights * max(scale.deviation, MIN_DEVIATION)).tolist()
    return scores


@dataclass(frozen=True, slots=True)
class FusedRanking:
    """One ranking out of two, and what speaks for each document.

    Attributes:
        ids: Best first: relevance descending, then id ascending.
        scores: (n,) relevance, from 0 to 1.
        excess: (n,) the e of `ranking.relevance`.
        words: (n,) its c.
        weights: Share of "semantic" and "keyword" in what speaks for the best, adding up to 1; 0
            for both where there is nothing.
        note: Why one of the two was ignored; "" where none was.
        nothing_close: Whether even the best is likely no answer.
    """

    ids: list[str]
    scores: Numbers
    excess: Numbers
    words: Numbers
    weights: dict[str, float]
    note: str = ""
    nothing_close: bool = False


def fuse(
    semantic: VectorRanking,
    keyword: Ranking,
    *,
    similarities: Mapping[str, float] | None = None,
    required: Collection[str] = (),
    missing: Collection[str] = (),
    coverage: float = 1.0,
    filtered: bool = False,
    kind: str = "document",
) -> FusedRanking:
    """Rank the documents of two rankings by their relevance.

    Args:
        semantic: The documents nearest in meaning, with their cosine similarities.
        keyword: The documents with words of the query, with their BM25 scores.
        similarities: Similarity of documents that only `keyword` has; one that is not given counts
            as the lowest of `semantic`.
        required: The query's terms of which a document of `keyword` has one at least.
        missing: Those of them that no document holds.
        coverage: The share of `required` that the best document of `keyword` holds, as
            `compute_coverage` counts it.
        filtered: Whether both hold only documents that pass a filter, which the note mentions.
        kind: What the note calls a document, such as "image".

    Raises:
        InvalidInputError: If `coverage` is not between 0 and 1.
    """
    if not 0.0 <= coverage <= 1.0:
        raise InvalidInputError(f"coverage={coverage!r}; give a number from 0 to 1.")
    no_match = explain_no_match(filtered=filtered, kind=kind)
    unworded = _reject_keyword(keyword, required, missing, no_match)
    unsemantic = "" if len(semantic.ids) else f"no {kind}{_PASSING * filtered} has a vector"
    listed = dict(zip(semantic.ids, map(float, semantic.scores), strict=True))
    worded = {} if unworded else dict(zip(keyword.ids, map(float, keyword.scores), strict=True))
    ids = list(listed | worded)
    given, lowest = similarities or {}, min(listed.values(), default=0.0)
    similar = settle([listed.get(id_, given.get(id_, lowest)) for id_ in ids])
    bm25 = settle([worded.get(id_, 0.0) for id_ in ids], relative=True)
    excess = measure_excess(similar, semantic.mean, semantic.deviation, semantic.count)
    held = coverage = 0.0 if unworded else coverage
    words, model = share_words(bm25, coverage), KEYWORD if unsemantic else HYBRID
    if model is HYBRID and required:
        coverage *= min(len(required), MANY_WORDS) / MANY_WORDS
    logits = model.compute_logits(raise_excess(excess, words), words, coverage)
    order = [i for i, _ in rank(logits, ids)]
    heights = standardize(similar, semantic.mean, semantic.deviation)[order]
    reasons = {"semantic": unsemantic, "keyword": unworded}
    scores = to_probability(logits[order])
    return FusedRanking(
        [ids[i] for i in order],
        scores,
        excess[order],
        words[order],
        _weigh_legs(model, heights, words[order], reasons),
        "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason),
        lacks_close(scores, semantic, held),
    )


def lacks_close(scores: Numbers, semantic: VectorRanking, coverage: float | None = None) -> bool:
    """Return whether even the best document is likely no answer; False where there is none.

    Where the encoder states no usual similarity, the best relevance decides. Images and audio in
    `semantic` have similarities on the scale of its texts.

    scores: (n,) relevance, best first. semantic: The documents nearest in meaning. coverage: See
    `fuse`; None where words are not searched for.
    """
    if not len(scores):
        return False
    best = float(scores[0])
    if semantic.usual is None or not len(semantic.ids):
        return best < FLOOR
    if not UNLIKELY <= best < LIKELY:
        return best < UNLIKELY
    return not is_close(float(semantic.scores[0]), semantic.usual, coverage)


def _weigh_legs(
    model: Weights, heights: Numbers, words: Numbers, reasons: Mapping[str, str]
) -> dict[str, float]:
    """Return the share of "semantic" and "keyword" in what speaks for the first document.

    heights: (n,) deviations above the mean. words: (n,) their c. reasons: Why one is ignored.
    """
    parts = {"semantic": 0.0 if reasons["semantic"] else 1.0, "keyword": 0.0}
    if len(words) and not reasons["keyword"]:
        parts["semantic"] = model.excess * max(0.0, float(heights[0]))
        parts["keyword"] = model.words * float(words[0])
    total = sum(parts.values()) or 1.0
    return {name: part / total for name, part in parts.items()}


def rate_similarities(ranking: VectorRanking) -> Numbers:
    """Return (k,) the relevance of the documents of semantic search alone."""
    excess = measure_excess(ranking.scores, ranking.mean, ranking.deviation, ranking.count)
    return to_probability(SEMANTIC.compute_logits(excess, 0.0, 0.0))


def rate_words(ranking: Ranking, coverage: float) -> Numbers:
    """Return (k,) the relevance of the documents of keyword search alone; coverage: See `fuse`."""
    words = share_words(ranking.scores, coverage)
    return to_probability(KEYWORD.compute_logits(0.0, words, coverage))


def compute_coverage(
    rows: Mapping[str, int], terms: Collection[str], total: int, *, guessed: Collection[str] = ()
) -> float:
    """Return the share of the required terms that a document holds, each by how rare it is.

    rows: Required term -> how many rows hold it. terms: Those of the document. total: How many rows
    there are. guessed: Terms that may be of another word than the query's, which count half.
    Rareness is BM25's, so that a term that no row holds counts most. 1 if none is required.

    >>> round(compute_coverage({"자동차": 4, "보험": 50}, ["자동차", "차를"], 100), 2)
    0.82
    """
    weights = {term: math.log1p((max(total - n, 0) + 0.5) / (n + 0.5)) for term, n in rows.items()}
    # fsum: the terms of a set come in any order, and all of them must give exactly 1.
    held = math.fsum(
        weights[term] * (0.5 if term in guessed else 1.0) for term in weights.keys() & set(terms)
    )
    return held / math.fsum(weights.values()) if weights else 1.0


def explain_no_match(*, filtered: bool, kind: str = "document") -> str:
    """Return why no document has a word of the query; those outside the filter may have some.

    >>> explain_no_match(filtered=True)
    'no document that passes the filter has a word of the query'
    """
    return f"no {kind}{_PASSING * filtered} has a word of the query"


def _reject_keyword(
    ranking: Ranking, required: Collection[str], missing: Collection[str], no_match: str
) -> str:
    """Return why the keyword ranking is ignored, "" if it is not."""
    occurring = [term for term in required if term not in set(missing)]
    if required and not occurring:
        return "none of the query's words occurs in the documents"
    if not len(ranking.ids):
        return no_match
    names = [term for term in occurring if not _is_incidental(term)]
    if missing and not names:
        return f"only {', '.join(occurring)} of the query's words occurs in the documents"
    return ""


def _is_incidental(term: str) -> bool:
    """Return whether documents of any language hold a term: a number or a single letter."""
    return (len(term) == 1 and term.isascii()) or not any(letter.isalpha() for letter in term)
