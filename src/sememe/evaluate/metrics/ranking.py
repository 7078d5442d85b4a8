"""Metrics of a ranked list: nDCG, recall, precision, reciprocal rank, average precision.

A run maps each query to a ranking: {document: score} or the documents in order. The qrels map each
query to judgements, {document: relevance}; a relevance above 0 is relevant. Every metric is in
[0, 1], higher is better.

Conventions:

- Macro average: the mean over the queries of the qrels. A query that is missing in the run or has
  no relevant document counts 0; queries that are only in the run are ignored.
- Equal scores are ordered by document id, ascending (trec_eval orders them descending).
- `k` truncates the ranking; `k=None` uses all of it.

Each metric has a `*_by_query` variant with the values before the mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from sememe._errors import InvalidInputError

Ranking = Mapping[str, float] | Sequence[str]
Run = Mapping[str, Ranking]
Qrels = Mapping[str, Mapping[str, float]]
_Measure = Callable[[list[str], Mapping[str, float]], float]


def ndcg(run: Run, qrels: Qrels, *, k: int | None = 10) -> float:
    """Return the mean normalized discounted cumulative gain at k, in trec_eval's form.

    DCG@k = sum over ranks i <= k of rel_i / log2(i + 1); nDCG = DCG / DCG of the ideal order. The
    gain is linear (rel, not 2^rel - 1): the two differ only for graded relevance.
    Reference: Järvelin and Kekäläinen 2002, with trec_eval's discount (ndcg_cut).

    >>> round(ndcg({"q": ["b", "a"]}, {"q": {"a": 1}}), 4)
    0.6309
    """
    return _mean(ndcg_by_query(run, qrels, k=k))


def ndcg_by_query(run: Run, qrels: Qrels, *, k: int | None = 10) -> dict[str, float]:
    """Return nDCG@k of each query in the qrels; see `ndcg`."""

    def measure(ranking: list[str], judged: Mapping[str, float]) -> float:
        gains = [max(0.0, judged.get(document, 0.0)) for document in ranking[:k]]
        ideal = sorted((max(0.0, relevance) for relevance in judged.values()), reverse=True)
        best = _dcg(ideal[:k])
        return _dcg(gains) / best if best else 0.0

    return _by_query(run, qrels, measure, k)


def recall(run: Run, qrels: Qrels, *, k: int | None = 100) -> float:
    """Return the mean Recall@k: relevant documents in the first k / relevant documents.

    >>> recall({"q": ["a", "x"]}, {"q": {"a": 1, "b": 1}})
    0.5
    """
    return _mean(recall_by_query(run, qrels, k=k))


def recall_by_query(run: Run, qrels: Qrels, *, k: int | None = 100) -> dict[str, float]:
    """Return Recall@k of each query in the qrels; see `recall`."""

    def measure(ranking: list[str], judged: Mapping[str, float]) -> float:
        relevant = _select_relevant(judged)
        return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0

    return _by_query(run, qrels, measure, k)


def precision(run: Run, qrels: Qrels, *, k: int = 10) -> float:
    """Return the mean Precision@k: relevant documents in the first k / k.

    The divisor is k even if fewer documents were retrieved, as in trec_eval.

    >>> precision({"q": ["a", "x"]}, {"q": {"a": 1}}, k=2)
    0.5
    """
    return _mean(precision_by_query(run, qrels, k=k))


def precision_by_query(run: Run, qrels: Qrels, *, k: int = 10) -> dict[str, float]:
    """Return Precision@k of each query in the qrels; see `precision`."""

    def measure(ranking: list[str], judged: Mapping[str, float]) -> float:
        return len(_select_relevant(judged).intersection(ranking[:k])) / k

    return _by_query(run, qrels, measure, k)


def mrr(run: Run, qrels: Qrels, *, k: int | None = 10) -> float:
    """Return the mean reciprocal rank: 1 / rank of the first relevant document, 0 beyond rank k.

    Reference: Voorhees 1999, The TREC-8 question answering track report.

    >>> mrr({"q": ["x", "a"]}, {"q": {"a": 1}})
    0.5
    """
    return _mean(mrr_by_query(run, qrels, k=k))


def mrr_by_query(run: Run, qrels: Qrels, *, k: int | None = 10) -> dict[str, float]:
    """Return the reciprocal rank of each query in the qrels; see `mrr`."""

    def measure(ranking: list[str], judged: Mapping[str, float]) -> float:
        relevant = _select_relevant(judged)
        ranks = (rank for rank, document in enumerate(ranking[:k], 1) if document in relevant)
        first = next(ranks, None)
        return 1 / first if first else 0.0

    return _by_query(run, qrels, measure, k)


def average_precision(run: Run, qrels: Qrels, *, k: int | None = None) -> float:
    """Return the mean average precision (MAP).

    AP = 1/R * sum of Precision@i over the ranks i <= k of relevant documents, where R is the number
    of all relevant documents, retrieved or not.
    Reference: Buckley and Voorhees 2000, Evaluating evaluation measure stability.

    >>> average_precision({"q": ["a", "x", "b"]}, {"q": {"a": 1, "b": 1}})  # (1/1 + 2/3) / 2
    0.8333333333333333
    """
    return _mean(average_precision_by_query(run, qrels, k=k))


def average_precision_by_query(run: Run, qrels: Qrels, *, k: int | None = None) -> dict[str, float]:
    """Return the average precision of each query in the qrels; see `average_precision`."""

    def measure(ranking: list[str], judged: Mapping[str, float]) -> float:
        relevant = _select_relevant(judged)
        ranks = [rank for rank, document in enumerate(ranking[:k], 1) if document in relevant]
        total = math.fsum(count / rank for count, rank in enumerate(ranks, 1))
        return total / len(relevant) if relevant else 0.0

    return _by_query(run, qrels, measure, k)


def _by_query(run: Run, qrels: Qrels, measure: _Measure, k: int | None) -> dict[str, float]:
    if k is not None and k < 1:
        raise InvalidInputError(f"k={k} is not a cut. Give an integer from 1, such as k=10.")
    if not qrels:
        raise InvalidInputError(
            "qrels is empty: a mean over no query has no value. Give at least one."
        )
    return {
        query: measure(_order(query, run[query]), judged) if query in run else 0.0
        for query, judged in qrels.items()
    }


def _order(query: str, ranking: Ranking) -> list[str]:
    """Return the documents best first: score descending, then id ascending."""
    if isinstance(ranking, str):
        raise InvalidInputError(
            f"the ranking of query {query!r} is the text {ranking!r}. "
            "Give {document: score} or a list of documents."
        )
    if not isinstance(ranking, Mapping):
        documents = list(ranking)
        if len(set(documents)) != len(documents):
            raise InvalidInputError(
                f"the ranking of query {query!r} holds a document twice. Keep its best rank only."
            )
        return documents
    if any(math.isnan(score) for score in ranking.values()):
        raise InvalidInputError(
            f"the ranking of query {query!r} holds a NaN score, which has no rank. Remove it."
        )
    return sorted(ranking, key=lambda document: (-ranking[document], document))


def _select_relevant(judged: Mapping[str, float]) -> set[str]:
    return {document for document, relevance in judged.items() if relevance > 0}


def _dcg(gains: Sequence[float]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _mean(values: Mapping[str, float]) -> float:
    return math.fsum(values.values()) / len(values)
