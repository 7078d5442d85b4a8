import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

import sememe.evaluate.runners.bitext as bitext
import sememe.evaluate.runners.retrieval as retrieval
import sememe.evaluate.unit_vectors as cosine
import sememe.vectors.nearest as nearest
from sememe._errors import DuplicateIdError, InvalidInputError, UnknownNameError
from sememe.evaluate import (
    RetrievalData,
    ScoredPair,
    evaluate_bitext,
    evaluate_retrieval,
    evaluate_sts,
    evaluate_word_similarity,
)

GROUPS = [(f"ko {i}", f"en {i}") for i in range(60)]
FAST = {"resamples": 50}


def scored_pairs():
    """Half of the pairs mean the same (score 5), half do not (score 0)."""
    same = [ScoredPair(ko, en, 5) for ko, en in GROUPS[:30]]
    return same + [ScoredPair(GROUPS[i][0], GROUPS[i - 7][1], 0) for i in range(30, 60)]


def collection():
    corpus = {en: en for _, en in GROUPS}
    queries = {f"q{i}": ko for i, (ko, _) in enumerate(GROUPS)}
    return RetrievalData(corpus, queries, {f"q{i}": {en: 1} for i, (_, en) in enumerate(GROUPS)})


def test_worked_bitext(table_encoder):
    """Sources at 0° and 90°, targets at 10° and 20°.

    source 0 (0°) -> target 0 (10°), right; source 1 (90°) -> target 1 (20°), right: 2/2.
    target 0 (10°) -> source 0, right; target 1 (20°) -> source 0, wrong: 1/2. The mean is 3/4.
    """
    angles = {"s0": 0, "s1": 90, "t0": 10, "t1": 20}
    table = {t: (math.cos(math.radians(a)), math.sin(math.radians(a))) for t, a in angles.items()}
    result = evaluate_bitext(table_encoder(table), [("s0", "t0"), ("s1", "t1")], **FAST)
    assert result.metrics == {"accuracy": 0.75, "source_to_target": 1, "target_to_source": 0.5}


def test_worked_sts(table_encoder):
    """Cosines 1, 0.6, 0 against scores 5, 1, 2: ranks (3, 2, 1) and (3, 1, 2), Spearman 0.5."""
    encoder = table_encoder({"x": (2, 0), "y": (0, 3), "z": (3, 4)})
    pairs = [ScoredPair("x", "x", 5), ScoredPair("x", "z", 1), ScoredPair("x", "y", 2)]
    assert evaluate_sts(encoder, pairs, **FAST).metrics["spearman"] == pytest.approx(0.5)
    assert sorted(encoder.seen) == ["x", "y", "z"]  # each text is encoded once


@pytest.mark.parametrize("runner", [evaluate_sts, evaluate_word_similarity])
def test_similarity_knows_meaning_and_the_controls_fail(runner, knowing, random_encoder):
    good = runner(knowing(GROUPS), scored_pairs(), **FAST)
    low, high = good.intervals["spearman"]
    assert good.metrics["spearman"] > 0.8 and low <= good.metrics["spearman"] <= high
    assert abs(good.control["spearman"]) < 0.35  # about 3 / sqrt(60)
    assert abs(runner(random_encoder, scored_pairs(), **FAST).metrics["spearman"]) < 0.35


@pytest.mark.parametrize("score", ["cosine", "margin"])
def test_bitext_knows_meaning_and_the_controls_fail(score, knowing, random_encoder):
    good = evaluate_bitext(knowing(GROUPS), GROUPS, score=score, **FAST)
    assert good.metrics["accuracy"] > 0.95 and good.control["accuracy"] < 0.05
    random = evaluate_bitext(random_encoder, GROUPS, score=score, **FAST)
    assert random.metrics["accuracy"] < 0.1


def test_retrieval_knows_meaning_and_the_controls_fail(knowing, random_encoder):
    good = evaluate_retrieval(knowing(GROUPS), collection(), **FAST)
    assert good.metrics["nDCG@10"] > 0.95 and good.covered == 1
    assert good.control["nDCG@10"] < 0.2  # 10 of 60 by chance, discounted: about 0.076
    assert evaluate_retrieval(random_encoder, collection(), **FAST).metrics["nDCG@10"] < 0.2


def test_margin_rescues_a_neighbourhood_that_a_hub_swallows(table_encoder):
    """A target that lies near every source is a hub: by cosine it wins, by margin it does not."""
    rng = np.random.default_rng(0)
    common = 2 * rng.normal(size=64)
    private = rng.normal(size=(20, 64))
    table = {f"s{i}": private[i] + common for i in range(20)}
    table |= {f"t{i}": private[i] + 0.1 * common for i in range(20)}
    table |= {"s20": -private[0], "t20": common}
    pairs = [(f"s{i}", f"t{i}") for i in range(21)]
    encoder = table_encoder(table)
    by_cosine = evaluate_bitext(encoder, pairs, **FAST).metrics["source_to_target"]
    by_margin = evaluate_bitext(encoder, pairs, score="margin", **FAST).metrics["source_to_target"]
    assert by_cosine < 0.2 and by_margin > 0.5


def naive_margin(sources, targets, k=4):
    """Artetxe and Schwenk 2019, equation 3, pair by pair."""
    cos = sources @ targets.T
    best = []
    for i in range(len(sources)):
        around = sorted(cos[i])[-k:]
        ratios = [
            cos[i, j] / (sum(around) / (2 * k) + sum(sorted(cos[:, j])[-k:]) / (2 * k))
            for j in range(len(targets))
        ]
        best.append(int(np.argmax(ratios)))
    return best


@pytest.mark.parametrize("block", [1, 150, 16_000_000])
def test_bitext_parity_with_naive_loops_whatever_the_block(monkeypatch, random_encoder, block):
    monkeypatch.setattr(nearest, "_CELLS", block)
    unit = [cosine.encode_unit(random_encoder, side) for side in zip(*GROUPS, strict=True)]
    lines = list(range(len(GROUPS)))
    assert bitext._nearest(*unit, "margin").tolist() == naive_margin(*unit)
    margin = evaluate_bitext(random_encoder, GROUPS, score="margin", **FAST)
    expected = np.mean(np.array(naive_margin(*unit)) == lines)
    assert margin.metrics["source_to_target"] == pytest.approx(expected)
    plain = evaluate_bitext(random_encoder, GROUPS, **FAST)
    expected = np.mean([int(np.argmax(unit[1] @ row)) for row in unit[0]] == np.array(lines))
    assert plain.metrics["source_to_target"] == pytest.approx(expected)


def test_a_repeated_sentence_counts_at_its_first_line_only(table_encoder):
    encoder = table_encoder({"s": (1, 0), "t": (1, 0), "u": (0, 1), "v": (0, 1)})
    result = evaluate_bitext(encoder, [("u", "v"), ("s", "t"), ("s", "t")], **FAST)
    assert result.metrics["source_to_target"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("block", [1, 7, 1024])
def test_retrieval_keeps_the_best_whatever_block_and_order(monkeypatch, random_encoder, block):
    """Parity with a full sort; every text occurs twice, so that ties must go to the lower id."""
    monkeypatch.setattr(retrieval, "DOCUMENTS_AT_ONCE", block)
    monkeypatch.setattr(retrieval, "DEPTH", 5)
    corpus = {f"{side}{i}": f"text {i}" for i in range(40) for side in "ba"}
    texts = {"q1": "one", "q2": "two"}
    options = {"batch_size": None, "show_progress": False}
    run, ids = retrieval._rank(random_encoder, texts, corpus, **options)
    turned, _ = retrieval._rank(random_encoder, texts, list(corpus.items())[::-1], **options)
    assert ids == set(corpus)
    vectors = dict(
        zip(corpus, cosine.encode_unit(random_encoder, list(corpus.values())), strict=True)
    )
    for query, text in texts.items():
        q = cosine.encode_unit(random_encoder, [text])[0]
        full = sorted(corpus, key=lambda d: (-round(float(q @ vectors[d]), 5), d))[:5]
        assert sorted(run[query]) == sorted(turned[query]) == sorted(full)


def test_topk_gives_boundary_ties_to_the_lower_id():
    from sememe.evaluate.top_k import TopK

    scores = np.array([[0.5, 0.9, 0.5, 0.5]], dtype=np.float32)
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        best = TopK(1, k=2)
        for column in order:
            best.add(["dbca"[column]], scores[:, [column]])
        assert list(best.rankings()) == [pytest.approx({"b": 0.9, "a": 0.5})]


def test_queries_and_documents_go_through_their_own_methods(table_encoder):
    encoder = table_encoder({"x": (1, 0)})
    calls = []
    for role in ("encode_query", "encode_document"):

        def method(items, role=role, **options):
            calls.append(role)
            return np.ones((len(items), 2))

        setattr(encoder, role, method)
    evaluate_retrieval(encoder, RetrievalData({"d": "x"}, {"q": "x"}, {"q": {"d": 1}}), **FAST)
    assert calls == ["encode_query", "encode_document"]
    assert not encoder.seen


class Index:
    """Answers with the document of its number, through two chunks, in the mode asked."""

    name = "notes"

    def __init__(self):
        self.modes = set()

    def search(self, query, *, k=10, mode="hybrid"):
        self.modes.add(mode)
        answer = query.replace("ko", "en")
        hits = [(answer, 0.9), ("another", 0.5), (answer, 0.3)] if mode == "semantic" else []
        return [SimpleNamespace(id=identifier, score=score) for identifier, score in hits]


def test_an_index_is_asked_in_the_mode_given():
    index = Index()
    result = evaluate_retrieval(index, collection(), mode="semantic", **FAST)
    assert (result.model, index.modes) == ("notes (semantic)", {"semantic"})
    assert result.metrics == {"nDCG@10": 1, "Recall@100": 1, "MRR@10": 1}
    assert result.control["MRR@10"] == 0
    assert evaluate_retrieval(index, collection(), mode="keyword", **FAST).metrics["MRR@10"] == 0


def test_what_cannot_be_asked_lowers_covered(table_encoder, knowing):
    encoder = table_encoder({"a": (1, 0), "b": (1, 1), "c": (0, 1)})
    pairs = [ScoredPair("a", "b", 2), ScoredPair("a", "c", 1), ScoredPair("a", "unknown", 5)]
    words = evaluate_word_similarity(encoder, [*pairs, ScoredPair("a", " ", 0)], **FAST)
    assert (words.n, words.covered) == (4, 0.5)
    assert words.metrics["spearman"] == pytest.approx(1)
    mined = evaluate_bitext(encoder, [("a", "b"), ("c", "c"), ("", "a")], **FAST)
    assert mined.covered == pytest.approx(2 / 3)
    data = collection()
    qrels = {**data.qrels, "unwritten": {"en 1": 1}, "q1": {"not there": 1}, "q2": {"en 2": 0}}
    found = evaluate_retrieval(
        knowing(GROUPS), RetrievalData(data.corpus, data.queries, qrels), **FAST
    )
    assert (found.n, found.covered) == (61, pytest.approx(58 / 61))
    assert found.metrics["Recall@100"] == pytest.approx(58 / 61)


def test_nothing_covered_is_undefined_not_zero(table_encoder):
    encoder = table_encoder({"a": (1, 0)})
    for result in (
        evaluate_sts(encoder, [ScoredPair("x", "y", 1)], **FAST),
        evaluate_bitext(encoder, [("x", "y")], **FAST),
    ):
        assert result.covered == 0
        assert all(math.isnan(value) for value in result.metrics.values())
        assert set(json.loads(result.to_json())["metrics"].values()) == {None}


def test_json_has_the_contracts_shape(knowing):
    result = evaluate_sts(knowing(GROUPS), scored_pairs(), **FAST)
    document = json.loads(result.to_json())
    assert list(document)[:5] == ["task", "model", "n", "metrics", "covered"]
    assert (document["task"], document["model"], document["n"]) == ("sts", "knowing", 60)
    assert set(document["metrics"]) == set(document["intervals"]) == set(document["control"])
    assert result == evaluate_sts(knowing(GROUPS), scored_pairs(), **FAST)  # same seed, same result


def test_bad_systems_and_options(table_encoder, random_encoder):
    picture = table_encoder({"a": (1, 0)})
    picture.modality = "image"
    with pytest.raises(InvalidInputError, match="encodes image; allowed: text"):
        evaluate_sts(picture, scored_pairs())
    with pytest.raises(InvalidInputError, match="needs|has no encode"):
        evaluate_bitext(Index(), GROUPS)
    with pytest.raises(InvalidInputError, match=r"NaN or infinite values for 'a'"):
        evaluate_sts(table_encoder({"a": (math.nan, 0)}), [ScoredPair("a", "a", 1)])
    wide = table_encoder({"a": (1, 0)})
    wide.dim = 3
    wide.encode = lambda items, **options: np.ones((len(items), 2))
    with pytest.raises(InvalidInputError, match=r"shape \(1, 2\) for 1 texts; allowed: \(1, 3\)"):
        evaluate_sts(wide, [ScoredPair("a", "a", 1)])
    with pytest.raises(UnknownNameError, match="score='margins'"):
        evaluate_bitext(random_encoder, GROUPS, score="margins")
    with pytest.raises(UnknownNameError, match="mode='semantics'"):
        evaluate_retrieval(random_encoder, collection(), mode="semantics")
    with pytest.raises(DuplicateIdError, match="'d' occurs twice"):
        twice = RetrievalData([("d", "x"), ("d", "y")], {"q": "x"}, {"q": {"d": 1}})
        evaluate_retrieval(random_encoder, twice)
    for runner in (evaluate_sts, evaluate_bitext):
        with pytest.raises(InvalidInputError, match="got no pair"):
            runner(random_encoder, [])
