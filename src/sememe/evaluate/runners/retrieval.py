"""Retrieval: nDCG@10, Recall@100 and MRR@10 of an encoder or an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import Encoder
from sememe.evaluate.control import derangement
from sememe.evaluate.data.beir import Corpus, RetrievalData
from sememe.evaluate.metrics.intervals import Seed, bootstrap_intervals
from sememe.evaluate.metrics.ranking import Qrels, mrr_by_query, ndcg_by_query, recall_by_query
from sememe.evaluate.results import Evaluation
from sememe.evaluate.top_k import TopK
from sememe.evaluate.unit_vectors import check_encoder_of, encode_unit

SearchMode = Literal["hybrid", "semantic", "keyword"]
DEPTH = 100  # documents per query, as needed by Recall@100
DOCUMENTS_AT_ONCE = 1024

_Run = dict[str, dict[str, float]]


@runtime_checkable
class Searcher(Protocol):
    """A search engine, such as an index, whose hits have `id` and `score`."""

    def search(self, query: str, /, *, k: int = 10, mode: SearchMode = "hybrid") -> Iterable[Any]:
        """Return the k best hits."""


def evaluate_retrieval(
    system: Encoder | Searcher,
    data: RetrievalData,
    *,
    mode: SearchMode = "hybrid",
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Run every judged query and measure the rankings.

    system: A Searcher (an index of the corpus with the same ids) is searched with `mode`; an
    Encoder ranks the corpus by exact cosine, with one vector per document.
    Metrics: "nDCG@10", "Recall@100", "MRR@10", macro averages over the judged queries, in [0, 1].
    `covered` is the fraction of judged queries that can be answered: the text is given, a document
    is relevant, and (for an Encoder) one is in the corpus. The others count 0.
    Control: the answers to other queries.
    Memory with an Encoder: 1,024 documents with their vectors, and all ids.
    """
    qrels = data.qrels
    if not qrels:
        raise InvalidInputError("task 'retrieval' got no judgement. Give qrels of a query or more.")
    if mode not in get_args(SearchMode):
        raise UnknownNameError.of("mode", mode, get_args(SearchMode))
    texts = {query: data.queries[query] for query in qrels if data.queries.get(query, "").strip()}
    if isinstance(system, Searcher):
        model = f"{getattr(system, 'name', type(system).__name__)} ({mode})"
        run = {query: _search(system, text, mode=mode) for query, text in texts.items()}
        answerable = [query for query in run if any(rel > 0 for rel in qrels[query].values())]
    else:
        encoder = check_encoder_of(system, "retrieval", "text")
        model = encoder.name
        options = {"batch_size": batch_size, "show_progress": show_progress}
        run, ids = _rank(encoder, texts, data.corpus, **options)
        relevant = {query: {i for i, rel in qrels[query].items() if rel > 0} for query in run}
        answerable = [query for query in run if not ids.isdisjoint(relevant[query])]
    values = _measure(run, qrels)
    units = {name: list(of.values()) for name, of in values.items()}
    return Evaluation(
        task="retrieval",
        model=model,
        n=len(qrels),
        metrics=_means(values),
        covered=len(answerable) / len(qrels),
        intervals=bootstrap_intervals(units, resamples=resamples, seed=seed),
        control=_means(_measure(_shuffle(run, qrels, seed), qrels)) if len(qrels) > 1 else {},
    )


def _measure(run: _Run, qrels: Qrels) -> dict[str, dict[str, float]]:
    return {
        "nDCG@10": ndcg_by_query(run, qrels, k=10),
        "Recall@100": recall_by_query(run, qrels, k=100),
        "MRR@10": mrr_by_query(run, qrels, k=10),
    }


def _means(values: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(of.values()) / len(of) for name, of in values.items()}


def _shuffle(run: _Run, qrels: Qrels, seed: Seed) -> _Run:
    """Assign to every query the ranking of another."""
    queries = list(qrels)
    partners = derangement(len(queries), seed=seed).tolist()
    return {query: run.get(queries[i], {}) for query, i in zip(queries, partners, strict=True)}


def _search(searcher: Searcher, text: str, *, mode: SearchMode) -> dict[str, float]:
    """Run one query; a document with several hits (chunks) has its best score."""
    scores: dict[str, float] = {}
    for hit in searcher.search(text, k=DEPTH, mode=mode):
        scores[str(hit.id)] = max(float(hit.score), scores.get(str(hit.id), float("-inf")))
    return scores


def _rank(
    encoder: Encoder, texts: Mapping[str, str], corpus: Corpus, **options: Any
) -> tuple[_Run, set[str]]:
    """Return the run and the ids of the corpus; a query with a zero vector is left out."""
    vectors = encode_unit(encoder, list(texts.values()), role="query", **options)
    known = np.linalg.norm(vectors, axis=1) > 0
    queries = [query for query, is_known in zip(texts, known, strict=True) if is_known]
    vectors = vectors[known]  # (n_queries, dim)
    best = TopK(len(queries), k=DEPTH)
    for block in _blocks(corpus):
        documents = encode_unit(encoder, [text for _, text in block], role="document", **options)
        best.add([identifier for identifier, _ in block], vectors @ documents.T)
    return dict(zip(queries, best.rankings(), strict=True)), set(best.ids)


def _blocks(corpus: Corpus) -> Iterator[Sequence[tuple[str, str]]]:
    """Yield the documents that are not blank, DOCUMENTS_AT_ONCE at a time."""
    pairs = corpus.items() if isinstance(corpus, Mapping) else corpus
    kept = ((identifier, text) for identifier, text in pairs if text.strip())
    while block := list(islice(kept, DOCUMENTS_AT_ONCE)):
        yield block
