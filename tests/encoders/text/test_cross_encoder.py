"""Cross-encoders from a folder: scores, labels, ranks; and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer

import sememe
from sememe import InvalidInputError, TextTooLongError, UnknownNameError
from sememe._types import Encoder, PairScorer
from sememe.encoders.text.cross_encoder import CrossEncoder
from tests.models.bert import checkpoints
from tests.models.cross_encoder import checkpoints as cross_checkpoints

WORDS = "the a cat dog sat ran on mat bank river money 배 를 강 바다 , .".split()
IDENTITY = {"activation_fn": "torch.nn.modules.linear.Identity"}
PAIRS = [("the cat", "a dog sat"), ("", "the"), ("the", ""), ("", ""), ("the cat", "a dog sat")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return cross_checkpoints.write(tmp_path_factory.mktemp("cross") / "bert")


@pytest.fixture(scope="module")
def model(folder):
    return CrossEncoder.load(str(folder), threads=2)


def some_pairs(n, seed=0):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size)) for size in rng.integers(0, 24, size=2 * n)]
    return list(zip(texts[:n], texts[n:], strict=True))


def by_hand(folder, kind, pairs, outputs=1):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found = cross_checkpoints.tensors(kind, outputs)
    spared = 0 if kind in ("bert", "distilbert") else checkpoints.config(kind)["pad_token_id"] + 1
    tokenizer.enable_truncation(checkpoints.POSITIONS - spared, strategy="longest_first")
    rows = tokenizer.encode_batch(pairs)
    return np.array([cross_checkpoints.plainly(kind, found, r.ids, r.type_ids) for r in rows])


@pytest.mark.parametrize("kind", cross_checkpoints.KINDS)
def test_scores_are_the_plain_network_s(tmp_path, kind):
    folder = cross_checkpoints.write(tmp_path / kind, kind)
    pairs = some_pairs(30) + PAIRS
    scores = CrossEncoder.load(str(folder)).score(pairs)
    assert scores.shape == (len(pairs),) and scores.dtype == np.float32
    expected = 1 / (1 + np.exp(-by_hand(folder, kind, pairs)[:, 0]))
    np.testing.assert_allclose(scores, expected, atol=2e-5)


def test_without_a_sigmoid_scores_are_the_outputs(tmp_path):
    folder = cross_checkpoints.write(tmp_path / "m", sentence_transformers=IDENTITY)
    scores = CrossEncoder.load(str(folder)).score(PAIRS)
    np.testing.assert_allclose(scores, by_hand(folder, "bert", PAIRS)[:, 0], atol=2e-5)
    assert scores.min() < 0 or scores.max() > 1


def test_the_prompt_of_a_folder_stands_before_the_first_text(tmp_path, model):
    prompts = {"default_prompt_name": "ask", "prompts": {"ask": "query : ", "other": "passage : "}}
    files = {"config_sentence_transformers.json": prompts}
    told = CrossEncoder.load(str(cross_checkpoints.write(tmp_path / "m", files=files)))
    typed = model.score([("query : " + first, second) for first, second in PAIRS])
    np.testing.assert_allclose(told.score(PAIRS), typed, atol=1e-6)
    assert np.abs(typed - model.score(PAIRS)).max() > 1e-3


@pytest.mark.parametrize("kind", ["single_label_classification", "multi_label_classification"])
def test_probabilities_of_labels(tmp_path, kind):
    folder = cross_checkpoints.write(tmp_path / "m", outputs=3, problem_type=kind)
    model = CrossEncoder.load(str(folder))
    assert model.labels == ("label 0", "label 1", "label 2")
    outputs = by_hand(folder, "bert", PAIRS, outputs=3)
    if kind.startswith("multi"):
        expected = 1 / (1 + np.exp(-outputs))
    else:
        expected = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.probabilities(PAIRS), expected, atol=2e-5)
    with pytest.raises(InvalidInputError, match=r"3 labels .* Use probabilities\(pairs\)"):
        model.score(PAIRS)


def test_one_score_is_no_probability_of_labels(model):
    with pytest.raises(InvalidInputError, match=r"Use score\(pairs\)"):
        model.probabilities(PAIRS)


def test_neither_order_nor_batch_nor_threads_matter(folder, model, monkeypatch):
    pairs = some_pairs(120)
    together = model.score(pairs)
    order = np.random.default_rng(1).permutation(len(pairs))
    np.testing.assert_allclose(model.score([pairs[i] for i in order]), together[order], atol=1e-5)
    monkeypatch.setattr("sememe.encoders.text.cross_encoder._BATCH", 7)
    one = CrossEncoder.load(str(folder), threads=1)
    np.testing.assert_allclose(one.score(pairs), together, atol=1e-5)
    assert together.std() > 0.01


def test_the_two_texts_are_not_the_same_thing(model):
    """Which text comes first matters, as the network sees marks and types."""
    pairs = [(a, b) for a, b in some_pairs(20) if a != b]
    turned = model.score([(b, a) for a, b in pairs])
    assert np.abs(turned - model.score(pairs)).max() > 0.01


def test_rank(model):
    texts = ["a dog", "the mat", "a dog", "", "river money"]
    scores = model.score([("the cat", text) for text in texts])
    ranked = model.rank("the cat", texts, k=9)
    assert [place for place, _ in ranked] == sorted(range(5), key=lambda i: (-scores[i], i))
    assert [score for _, score in ranked] == pytest.approx(sorted(scores.tolist(), reverse=True))
    places = [place for place, _ in ranked]
    assert places.index(0) + 1 == places.index(2)  # equal texts, equal scores: by place
    assert model.rank("the cat", texts, k=2) == ranked[:2]
    assert model.rank("the cat", []) == []


def test_what_does_not_fit_is_told(folder, model):
    long = "the cat sat on " * 20
    pairs = [("a", "dog"), ("a", long), (long, "dog"), ("a", "mat")]
    assert model.find_truncated(pairs) == [1, 2]
    scores = model.score(pairs)
    assert scores[1] == pytest.approx(float(model.score([("a", long + "bank")])[0]), abs=1e-6)
    strict = CrossEncoder.load(str(folder), overflow="error")
    np.testing.assert_allclose(strict.score(pairs[:1]), scores[:1], atol=1e-6)
    with pytest.raises(TextTooLongError, match=r"pair 1 has 84 tokens.*allows 40"):
        strict.score(pairs)


def test_no_pairs_no_scores(model):
    assert model.score([]).shape == (0,)
    assert model.find_truncated([]) == []


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("text", "pair 0 is str; give pairs"),
        (["text", "other"], "pair 0 is str; give pairs"),
        ([("a", "b"), ("a",)], "pair 1 is 1 items"),
        ([("a", "b", "c")], "pair 0 is 3 items"),
        ([("a", "b"), ("a", None)], "pair 1 holds NoneType"),
        ([(b"a", "b")], "pair 0 holds bytes"),
        ([("a", "b"), None], "pair 1 is NoneType"),
    ],
)
def test_what_is_no_pair_is_refused(model, pairs, message):
    for call in (model.score, model.find_truncated):
        with pytest.raises(InvalidInputError, match=message):
            call(pairs)


def test_what_cannot_be_loaded_is_refused(tmp_path, folder):
    with pytest.raises(UnknownNameError, match="'nowhere' is no folder; allowed: the folder of a"):
        CrossEncoder.load("nowhere")
    with pytest.raises(InvalidInputError, match="threads=0"):
        CrossEncoder.load(str(folder), threads=0)
    with pytest.raises(UnknownNameError, match="overflow='chunk' is not one of truncate, error"):
        CrossEncoder.load(str(folder), overflow="chunk")
    encoder = checkpoints.write(tmp_path / "encoder")
    with pytest.raises(InvalidInputError, match=r"no head .* type sememe.load"):
        CrossEncoder.load(str(encoder))
    with pytest.raises(InvalidInputError, match=r"holds no config.json"):
        CrossEncoder.load(str(tmp_path))
    with pytest.raises(InvalidInputError, match="k=0"):
        CrossEncoder.load(str(folder)).rank("a", ["b"], k=0)


def test_it_scores_pairs_and_encodes_nothing(folder, model):
    assert isinstance(model, PairScorer) and not isinstance(model, Encoder)
    assert CrossEncoder.load(model.name).name == model.name == str(folder.resolve())


def test_release_costs_only_time(model):
    before = model.score(PAIRS)
    model.release()
    np.testing.assert_array_equal(model.score(PAIRS), before)


def test_a_cross_encoder_is_no_encoder(tmp_path):
    folder = cross_checkpoints.write(tmp_path / "m")
    with pytest.raises(InvalidInputError, match=r"sememe\.CrossEncoder\.load"):
        sememe.load(str(folder))
