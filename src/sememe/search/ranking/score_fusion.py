"""Fuse what meaning found and what words found into one ranking, or set a useless leg aside.

Each leg's scores are first put on one scale, its share of the best: 1 is the leg's best document
and 0 one that means no more than the average document, or holds no word of the query. Then

    score = semantic weight * share of the best similarity + keyword weight * share of the best BM25

A weighted sum of scaled scores keeps by how much a document is better, which ranks do not. With
USE multilingual and BM25, nDCG@10 over the train queries of SciFact and MIRACL-ko: meaning alone
0.489 and 0.478, words alone 0.706 and 0.603, reciprocal rank fusion 0.638 and 0.615, this sum 0.725
and 0.652. Bruch et al. 2023 (arXiv:2210.11934) explain why; they call it a convex combination.

The more of the query's terms the best document lacks, the less its words prove: the keyword weight
shrinks with the square root of the share of terms that it holds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEMANTIC_WEIGHT = 0.35  # from 0.3 to 0.4 both sets keep within 0.006 nDCG@10 of their best
_PASSING = " that passes the filter"


class Ranked(Protocol):
    """A leg: distinct ids, best first, and a score for each, higher is better."""

    @property
    def ids(self) -> Sequence[str]:
        """Return the ids, best first."""
        ...

    @property
    def scores(self) -> NDArray[np.floating[Any]]:
        """Return one score for each id, (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class Background:
    """How a query relates to all rows of the index, against which its best rows are judged.

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
        """The similarity that the best of as many random directions would hardly exceed.

        The cosine of two random directions has deviation 1/sqrt(dim), and the largest of n normal
        values lies a little below sqrt(2 ln n) deviations.

        >>> round(Background(mean=0.0, rows=10_000, dim=512).chance, 3)
        0.19
        """
        spread = math.sqrt(2.0 * math.log(max(self.rows, 2)) / self.dim)
        return self.mean + (1.0 - self.mean) * spread


@dataclass(frozen=True, slots=True)
class Fused:
    """One ranking out of two, and what was decided on the way.

    Attributes:
        ids: Best first: score descending, then id ascending.
        scores: (n,) float64 of at most 1; comparable within one search only.
        weights: Share of each leg in the scores, "semantic" and "keyword", adding up to 1.
        note: Why a leg was set aside, in words; "" where none was.
    """

    ids: list[str]
    scores: NDArray[np.float64]
    weights: dict[str, float]
    note: str = ""


def fuse(
    semantic: Ranked,
    keyword: Ranked,
    *,
    similarities: Mapping[str, float] | None = None,
    background: Background | None = None,
    required: Collection[str] = (),
    missing: Collection[str] = (),
    coverage: float = 1.0,
    filtered: bool = False,
    weight: float = SEMANTIC_WEIGHT,
) -> Fused:
    """Rank the documents of both legs by the weighted sum of their shares of the best.

    Args:
        semantic: The documents nearest in meaning, with their cosine similarities.
        keyword: The documents found by words, with their BM25 scores.
        similarities: Similarity of documents that only `keyword` found; one that is not given
            counts as the lowest of `semantic`.
        background: The query's similarity to all rows; without it the lowest similarity of
            `semantic` is the zero of its scale, and the leg is never called random.
        required: The query's terms of which a document needed one to be found by words.
        missing: Those of them that no document holds.
        coverage: The share of `required` that the best document of `keyword` holds, as
            `share_held` counts it.
        filtered: Whether the legs hold only documents that pass a filter, as the note then says.
        weight: Weight of meaning, 0 to 1; words have the rest.

    Raises:
        InvalidInputError: `weight` or `coverage` is not between 0 and 1.
    """
    for name, value in (("weight", weight), ("coverage", coverage)):
        if not 0.0 <= value <= 1.0:
            raise InvalidInputError(f"{name}={value!r}; give a number from 0 to 1.")
    reasons = {
        "semantic": _semantic_reason(semantic, background, filtered),
        "keyword": _keyword_reason(keyword, required, missing, filtered),
    }
    if not reasons["semantic"]:
        parts = {"semantic": weight, "keyword": (1.0 - weight) * math.sqrt(coverage)}
    else:  # a leg that is no better than chance still beats an empty page
        parts = {"semantic": 0.0, "keyword": 1.0}
    if reasons["keyword"]:
        parts = {"semantic": 1.0, "keyword": 0.0}
    total = sum(parts.values())
    weights = {name: part / total for name, part in parts.items()}
    ids, scores = _sum(semantic, keyword, weights, similarities or {}, background)
    note = "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason)
    return Fused(ids, scores, weights, note)


def share_held(required: Collection[str], terms: Collection[str]) -> float:
    """Return the share of the required terms that stand among a document's; 1 of no terms.

    >>> share_held(["자동차", "보험"], ["자동차", "차를"])
    0.5
    """
    wanted = set(required)
    return len(wanted.intersection(terms)) / len(wanted) if wanted else 1.0


def no_word(*, filtered: bool) -> str:
    """Say that words found nothing, though documents outside the filter may hold them.

    >>> no_word(filtered=True)
    'no document that passes the filter has a word of the query'
    """
    return f"no document{_PASSING * filtered} has a word of the query"


def _semantic_reason(leg: Ranked, background: Background | None, filtered: bool) -> str:
    """Say why meaning is of no use here, "" if it is."""
    if not len(leg.ids):
        return f"no document{_PASSING * filtered} has a vector"
    best = float(max(leg.scores))
    if background is not None and best <= background.chance:
        return (
            f"no document is closer to the query than chance "
            f"(best similarity {best:.2f}, chance {background.chance:.2f})"
        )
    return ""


def _keyword_reason(
    leg: Ranked, required: Collection[str], missing: Collection[str], filtered: bool
) -> str:
    """Say why words are of no use here, "" if they are."""
    occurring = [term for term in required if term not in set(missing)]
    if required and not occurring:
        return "none of the query's words occurs in the documents"
    if not len(leg.ids):
        return no_word(filtered=filtered)
    names = [term for term in occurring if not _accidental(term)]
    if missing and not names:
        return f"only {', '.join(occurring)} of the query's words occurs in the documents"
    return ""


def _accidental(term: str) -> bool:
    """Say whether a term stands in documents of any language: a number or a single letter."""
    return (len(term) == 1 and term.isascii()) or not any(letter.isalpha() for letter in term)


def _sum(
    semantic: Ranked,
    keyword: Ranked,
    weights: Mapping[str, float],
    similarities: Mapping[str, float],
    background: Background | None,
) -> tuple[list[str], NDArray[np.float64]]:
    """Return ids and weighted sums; a leg without weight brings no documents of its own."""
    listed = dict(zip(semantic.ids, map(float, semantic.scores), strict=True))
    worded = _settled(
        dict(zip(keyword.ids, map(float, keyword.scores), strict=True)), relative=True
    )
    candidates = (listed if weights["semantic"] else {}) | (worded if weights["keyword"] else {})
    lowest = min(listed.values(), default=0.0)
    similar = _settled(
        {id_: listed.get(id_, similarities.get(id_, lowest)) for id_ in listed | candidates}
    )
    lowest = min((similar[id_] for id_ in listed), default=0.0)
    zero = lowest if background is None else background.mean
    best = max(similar.values(), default=0.0)
    best_word = max(worded.values(), default=0.0)
    return _ranked(
        {
            id_: weights["semantic"] * _share(similar[id_], zero, best)
            + weights["keyword"] * _share(worded.get(id_, 0.0), 0.0, best_word)
            for id_ in candidates
        }
    )


def _settled(scores: Mapping[str, float], *, relative: bool = False) -> dict[str, float]:
    """Make scores that tie equal, before their distances are stretched to shares."""
    from sememe._ties import settle

    settled = settle(list(scores.values()), relative=relative).tolist()
    return dict(zip(scores, settled, strict=True))


def _share(value: float, zero: float, best: float) -> float:
    """Return where a value lies between zero and the best, 0 below; 1 when nothing lies between."""
    return max(0.0, value - zero) / (best - zero) if best > zero else 1.0


def _ranked(scores: Mapping[str, float]) -> tuple[list[str], NDArray[np.float64]]:
    import numpy as np

    from sememe._ties import rank

    ids = list(scores)
    ranked = rank(list(scores.values()), ids)
    return [ids[place] for place, _ in ranked], np.array([score for _, score in ranked], np.float64)
