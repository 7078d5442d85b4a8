"""Cluster labels: the words nearest the centre, or the distinctive terms of the texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from numpy.typing import ArrayLike

from sememe._errors import InvalidInputError
from sememe._ties import rank
from sememe.space.cluster import Clusters
from sememe.text.hangul import strip_particle
from sememe.text.normalize import normalize
from sememe.text.terms.stopwords import ENGLISH, KOREAN
from sememe.vectors.checks import check_vectors
from sememe.vectors.nearest import check_k

_WORD = re.compile(r"\w+")
_HANGUL = re.compile("[가-힣]+")
_COMMON = ENGLISH | KOREAN


def central_words(
    clusters: Clusters, words: Sequence[str], vectors: ArrayLike, *, k: int = 3
) -> list[list[str]]:
    """Return the k words of each cluster nearest its centre by cosine, nearest first; ties by word.

    words: The n items. vectors: Their (n, dim) vectors, as passed to `cluster`.
    """
    rows, k = check_vectors(vectors, normalize=True), check_k(k)
    if not len(words) == len(rows) == len(clusters.labels):
        raise InvalidInputError(
            f"got {len(words)} words, {len(rows)} vectors and {len(clusters.labels)} labels; give "
            "one of each for every item."
        )
    named = []
    for label, center in enumerate(clusters.centers):
        members = clusters.members(label)
        own = [words[i] for i in members]
        ranked = rank(rows[members] @ center, own)
        named.append(list(dict.fromkeys(own[index] for index, _ in ranked))[:k])
    return named


def distinctive_terms(clusters: Clusters, texts: Sequence[str], *, k: int = 3) -> list[list[str]]:
    """Return the k most distinctive terms of each cluster's texts, highest weight first.

    The weight is tf * log(1 + A / f): tf the count in the cluster, f the count in all clusters, A
    the mean number of terms per cluster (c-TF-IDF; Grootendorst 2022, arXiv:2203.05794). Korean
    words are stripped of their particle; stop words and numbers are ignored. A cluster of texts
    without terms has no labels: [].
    """
    k = check_k(k)
    if len(texts) != len(clusters.labels):
        raise InvalidInputError(
            f"got {len(texts)} texts and {len(clusters.labels)} labels; give one text for each."
        )
    counts: list[Counter[str]] = [Counter() for _ in range(clusters.k)]
    for label, text in zip(clusters.labels.tolist(), texts, strict=True):
        if label >= 0:
            counts[label].update(_find_terms(text))
    every: Counter[str] = sum(counts, Counter())
    mean = every.total() / max(1, len(counts))
    named = []
    for own in counts:
        ranked = sorted((-tf * math.log(1 + mean / every[term]), term) for term, tf in own.items())
        named.append([term for _, term in ranked[:k]])
    return named


def _find_terms(text: str) -> list[str]:
    every = _WORD.findall(normalize(text))
    words = (strip_particle(word) if _HANGUL.fullmatch(word) else word for word in every)
    return [word for word in words if word not in _COMMON and not word.isdecimal()]
