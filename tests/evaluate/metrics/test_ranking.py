import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sememe._errors import InvalidInputError
from sememe.evaluate import (
    average_precision,
    average_precision_by_query,
    mrr,
    mrr_by_query,
    ndcg,
    ndcg_by_query,
    precision,
    precision_by_query,
    recall,
    recall_by_query,
)

METRICS = [ndcg, recall, precision, mrr, average_precision]
SISTERS = [
    (ndcg, ndcg_by_query),
    (recall, recall_by_query),
    (precision, precision_by_query),
    (mrr, mrr_by_query),
    (average_precision, average_precision_by_query),
]
# one query: a (relevance 3) at rank 2, b (relevance 1) at rank 3, c (relevance 2) never found
RUN = {"q": ["x", "a", "b", "y"]}
QRELS = {"q": {"a": 3, "b": 1, "c": 2, "z": 0}}

documents = st.text("abcde", min_size=1, max_size=2)
qrels_of = st.dictionaries(
    st.sampled_from("pqr"),
    st.dictionaries(documents, st.integers(-1, 3), min_size=1),
    min_size=1,
)
runs = st.dictionaries(
    st.sampled_from("pqrs"), st.dictionaries(documents, st.sampled_from([0.0, 0.5, 1.0, -2.0]))
)


def test_worked_ndcg_has_linear_gain():
    """DCG = 3/log2(3) + 1/log2(4) = 1.8928 + 0.5 = 2.3928.

    Ideal order 3, 2, 1: 3/1 + 2/1.58496 + 1/2 = 3 + 1.26186 + 0.5 = 4.76186. Ratio 0.50249.
    The exponential gain would give (7/1.58496 + 0.5) / (7 + 3/1.58496 + 0.5) = 0.523.
    """
    assert ndcg(RUN, QRELS) == pytest.approx(0.50249, abs=1e-5)


def test_worked_ndcg_cuts_the_ideal_too():
    """k=2: DCG = 1.8928; ideal = 3 + 2/1.58496 = 4.26186; ratio 0.44413."""
    assert ndcg(RUN, QRELS, k=2) == pytest.approx(0.44413, abs=1e-5)


def test_worked_average_precision():
    """Relevant at ranks 2 and 3, three relevant in all: (1/2 + 2/3 + 0) / 3 = 7/18."""
    assert average_precision(RUN, QRELS) == pytest.approx(7 / 18)
    assert average_precision(RUN, QRELS, k=2) == pytest.approx((1 / 2) / 3)


def test_worked_reciprocal_rank_recall_and_precision():
    """The first relevant stands at rank 2; two of three relevant are among the first 3."""
    assert mrr(RUN, QRELS) == 1 / 2
    assert mrr(RUN, QRELS, k=1) == 0
    assert recall(RUN, QRELS, k=3) == pytest.approx(2 / 3)
    assert recall(RUN, QRELS, k=2) == pytest.approx(1 / 3)
    assert precision(RUN, QRELS, k=3) == pytest.approx(2 / 3)
    assert precision(RUN, QRELS, k=10) == pytest.approx(2 / 10)  # the divisor stays k


def test_macro_mean_counts_a_missing_query_as_zero_and_ignores_an_unjudged_one():
    qrels = {"found": {"a": 1}, "missing": {"a": 1}, "hopeless": {"a": 0}, "extra": {"b": 1}}
    run = {"found": ["a"], "hopeless": ["a"], "extra": ["b"], "unjudged": ["x"]}
    assert ndcg_by_query(run, qrels) == {"found": 1, "missing": 0, "hopeless": 0, "extra": 1}
    for metric in (ndcg, recall, mrr, average_precision):
        assert metric(run, qrels) == 0.5


def test_ties_are_ordered_by_id():
    assert mrr({"q": {"b": 1.0, "a": 1.0}}, {"q": {"a": 1}}) == 1
    assert mrr({"q": {"b": 1.0, "a": 1.0}}, {"q": {"b": 1}}) == 1 / 2


def naive(metric, ranking, judged, k):
    """The definitions once more, as loops over ranks."""
    relevant = [d for d in judged if judged[d] > 0]
    top = ranking[:k] if k else ranking
    if not relevant:
        return 0.0
    if metric is ndcg:
        dcg = sum(max(judged.get(d, 0), 0) / math.log2(i + 2) for i, d in enumerate(top))
        ideal = sorted((judged[d] for d in relevant), reverse=True)[:k]
        return dcg / sum(g / math.log2(i + 2) for i, g in enumerate(ideal))
    if metric is recall:
        return sum(d in relevant for d in top) / len(relevant)
    if metric is precision:
        return sum(d in relevant for d in top) / k
    if metric is mrr:
        for i, d in enumerate(top):
            if d in relevant:
                return 1 / (i + 1)
        return 0.0
    total = 0.0
    for i, d in enumerate(top):
        if d in relevant:
            total += sum(e in relevant for e in ranking[: i + 1]) / (i + 1)
    return total / len(relevant)


@pytest.mark.parametrize("metric", METRICS)
@given(run=runs, qrels=qrels_of, k=st.integers(1, 6))
def test_parity_with_naive_loops(metric, run, qrels, k):
    expected = 0.0
    for query, judged in qrels.items():
        ranking = sorted(sorted(run.get(query, {})), key=lambda d: -run[query][d])
        expected += naive(metric, ranking, judged, k) / len(qrels)
    assert metric(run, qrels, k=k) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@given(run=runs, qrels=qrels_of, k=st.integers(1, 6))
def test_between_zero_and_one_whatever_the_order_of_the_input(metric, run, qrels, k):
    value = metric(run, qrels, k=k)
    assert 0 <= value <= 1 + 1e-12
    turned = {query: dict(reversed(of.items())) for query, of in reversed(run.items())}
    assert metric(turned, qrels, k=k) == pytest.approx(value, abs=1e-12)


@given(qrels=qrels_of)
def test_a_perfect_run_gives_one_where_something_is_relevant(qrels):
    solvable = {q: of for q, of in qrels.items() if any(v > 0 for v in of.values())}
    run = {q: {d: float(v) for d, v in of.items()} for q, of in solvable.items()}
    if solvable:
        for metric in (ndcg, mrr, average_precision, recall):
            assert metric(run, solvable) == pytest.approx(1)


@pytest.mark.parametrize(("metric", "by_query"), SISTERS)
def test_the_metric_is_the_mean_of_its_sister(metric, by_query):
    qrels = {"q": {"a": 1, "b": 2}, "r": {"b": 1}}
    values = by_query({"q": ["x", "b"], "r": ["b"]}, qrels)
    assert set(values) == set(qrels)
    assert metric({"q": ["x", "b"], "r": ["b"]}, qrels) == pytest.approx(sum(values.values()) / 2)


@pytest.mark.parametrize(("signal", "floor", "ceiling"), [(1.0, 0.9, 1.0), (0.0, 0.0, 0.2)])
def test_mrr_tracks_the_signal_in_the_scores(signal, floor, ceiling):
    """100 documents, one relevant: noise alone has an expected MRR@10 of 0.029."""
    rng = random.Random(0)
    qrels = {str(q): {str(q % 100): 1} for q in range(200)}
    run = {
        q: {str(d): signal * (str(d) in right) + 0.2 * rng.random() for d in range(100)}
        for q, right in qrels.items()
    }
    assert floor <= mrr(run, qrels) <= ceiling


@pytest.mark.parametrize(
    ("run", "qrels", "k", "says"),
    [
        ({}, {}, 10, "qrels is empty"),
        ({}, {"q": {"a": 1}}, 0, "k=0"),
        ({"q": "abc"}, {"q": {"a": 1}}, 10, "list of documents"),
        ({"q": ["a", "a"]}, {"q": {"a": 1}}, 10, "twice"),
        ({"q": {"a": math.nan}}, {"q": {"a": 1}}, 10, "NaN"),
    ],
)
def test_bad_input_says_what_to_do(run, qrels, k, says):
    for metric in METRICS:
        with pytest.raises(InvalidInputError, match=says):
            metric(run, qrels, k=k)
