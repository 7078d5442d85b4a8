"""Sentence encoders: all-MiniLM-L6-v2 as its makers compute it, folders, prompts, tokens."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import sememe
from sememe import InvalidInputError
from sememe.models.bert import calibrate
from sememe.models.weights.catalog import CATALOG
from tests.contracts.encoder import EncoderContract
from tests.models.bert import checkpoints

MINILM = "all-minilm-l6-v2"
# The first numbers of what sentence-transformers 6.2 on torch 2.14 gives for these texts.
CANONICAL = {
    "The trains were late again.": [-0.026881, -0.022054, 0.036994, 0.164753, 0.068684, 0.061959],
    "서울은 한국의 수도다.": [0.007376, 0.11733, 0.020247, 0.014339, -0.010353, -0.036187],
    "": [-0.118838, 0.048299, -0.002548, -0.011011, 0.051951, 0.010292],
}


@pytest.fixture(scope="module")
def minilm():
    return sememe.load(MINILM)


@pytest.fixture(scope="module")
def int8():
    return sememe.load(f"{MINILM}:int8")


class TestMiniLM(EncoderContract):
    @pytest.fixture
    def subject(self, minilm):
        return minilm

    @pytest.fixture
    def items(self):
        return [
            "a cat",
            "the dog barks",
            "stock market",
            "ships at sea",
            "x" * 3000,
            "one two " * 130,  # longer than the network takes
        ]


class TestInt8(TestMiniLM):
    @pytest.fixture
    def subject(self, int8):
        return int8


class TestFolder(EncoderContract):
    @pytest.fixture
    def subject(self, tmp_path):
        return sememe.load(str(checkpoints.write(tmp_path / "m", "mpnet")))

    @pytest.fixture
    def items(self):
        return ["the cat", "a dog sat", "money on the bank", "배 를 탔다", "river", "the dog ran ."]


def test_vectors_are_those_of_sentence_transformers(minilm):
    got = minilm.encode(list(CANONICAL))[:, :6]
    np.testing.assert_allclose(got, list(CANONICAL.values()), atol=2e-6)


def test_int8_is_near_and_another_space(minilm, int8):
    texts = [f"{a} {b}." for a in ("I like", "We sold") for b in ("tea", "cars", "old books", "it")]
    cosines = (int8.encode(texts) * minilm.encode(texts)).sum(axis=1)
    assert 0.99 < cosines.min() < 0.999999
    assert (minilm.space, int8.space) == ("64c825def5385598", "f385c2d494c6a2a1")  # as ever
    assert (int8.name, sememe.load(int8.name).space) == (f"{MINILM}:int8", int8.space)


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """An empty cache folder; the network of each calibration from now on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    networks, measure = [], calibrate.measure_ranges

    def note(weights, ids):
        networks.append(weights)
        return measure(weights, ids)

    monkeypatch.setattr(calibrate, "measure_ranges", note)
    return networks


NETWORKS = [n for n, info in CATALOG.items() if not {"network", "packed"}.isdisjoint(info.files)]


@pytest.mark.parametrize("name", NETWORKS)
def test_int8_ranges_of_the_catalogue_come_with_the_package(name, measured):
    sememe.load(f"{name}:int8")
    assert measured == []


def test_int8_ranges_of_a_folder_are_measured_once(measured, tmp_path):
    folder = checkpoints.write(tmp_path / "m")
    first, again = (sememe.load(f"{folder}:int8").encode(["the cat"]) for _ in range(2))
    assert len(measured) == 1
    np.testing.assert_array_equal(first, again)
    (file,) = (tmp_path / "cache" / "sememe").iterdir()
    file.write_bytes(b"damaged")
    np.testing.assert_allclose(sememe.load(f"{folder}:int8").encode(["the cat"]), first, atol=1e-6)
    assert len(measured) == 2


@pytest.mark.slow
def test_the_shipped_int8_ranges_are_those_measured_here(measured, monkeypatch, tmp_path):
    shipped = sememe.load(f"{MINILM}:int8").network._products._ranges
    monkeypatch.setattr(calibrate, "_SHIPPED", tmp_path)
    found = sememe.load(f"{MINILM}:int8").network._products._ranges
    assert len(measured) == 1 and found.keys() == shipped.keys()
    for key, one in found.items():
        np.testing.assert_allclose(one.scale, shipped[key].scale, rtol=1e-3)
        if one.channels is not None:
            np.testing.assert_allclose(one.channels, shipped[key].channels, rtol=1e-3)


def test_truncate_takes_the_first_tokens_and_no_others(minilm):
    words = [f"word{i % 7}" for i in range(900)]
    first = sememe.load(MINILM, overflow="truncate")
    encoded = first.encode_with_receipt([" ".join(words)])
    receipt = encoded.receipt
    assert (receipt.encoded, receipt.dropped) == (254, receipt.tokens - 254)
    start, end = receipt.chunks[0].start, receipt.chunks[0].end
    text = " ".join(words)[start:end]
    np.testing.assert_allclose(minilm.encode([text])[0], encoded.vectors[0], atol=1e-3)


def test_meaning_and_not_words(minilm):
    """The nearest says the same in other words; the one that shares words does not."""
    query = "How do I cook rice?"
    others = ["The way to prepare rice on the stove", "How do I cook the books?", "Rice University"]
    scores = minilm.encode(others) @ minilm.encode([query])[0]
    assert scores.argmax() == 0


def test_prompts_stand_before_texts(tmp_path):
    prompts = {"prompts": {"query": "query : ", "passage": "passage : "}}
    files = {"config_sentence_transformers.json": prompts}
    with_prompts = sememe.load(str(checkpoints.write(tmp_path / "p", files=files)))
    bare = sememe.load(str(checkpoints.write(tmp_path / "b")))
    np.testing.assert_allclose(
        with_prompts.encode_query(["the cat"]), bare.encode(["query : the cat"]), atol=1e-6
    )
    np.testing.assert_allclose(
        with_prompts.encode(["the cat"]), bare.encode(["passage : the cat"]), atol=1e-6
    )
    np.testing.assert_array_equal(bare.encode_query(["the cat"]), bare.encode(["the cat"]))
    pooling = {"pooling_mode": "mean", "include_prompt": False}
    unpooled = sememe.load(str(checkpoints.write(tmp_path / "u", pooling=pooling, files=files)))
    assert not np.allclose(unpooled.encode(["the cat"]), with_prompts.encode(["the cat"]))
    assert with_prompts.model.window == 40 - 2 - 2  # two marks and the two pieces of the prompt


def test_a_word_in_two_meanings_has_two_vectors(minilm):
    """A static encoder is the control: there the word is the same vector in every sentence."""
    money = ["He opened an account at the bank.", "The bank raised its interest rates.",
             "She borrowed money from the bank."]  # fmt: skip
    river = ["They sat on the bank of the river.", "The river burst its bank after the rain.",
             "Willows grew along the muddy bank."]  # fmt: skip
    rows = np.stack([found.at("bank") for found in minilm.encode_tokens(money + river)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores = rows @ rows.T
    same = (scores[:3, :3].sum() - 3 + scores[3:, 3:].sum() - 3) / 12
    other = scores[:3, 3:].mean()
    assert same - other > 0.1
    static = minilm.encode_tokens(money + river, layers=[0])
    rows = np.stack([found.at("bank") for found in static])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores = rows @ rows.T  # the embeddings know the word and its place alone
    same = (scores[:3, :3].sum() - 3 + scores[3:, 3:].sum() - 3) / 12
    assert abs(same - scores[:3, 3:].mean()) < 0.1


def test_tokens_have_places_and_words(minilm):
    found = minilm.encode_tokens(["Unbelievably tall", ""])
    tokens = found[0]
    assert tokens.tokens[-1] == "tall" and len(tokens.tokens) == len(tokens.vectors)
    assert tokens.text[slice(*tokens.spans[-1])] == "tall"
    names, rows = tokens.word_vectors()
    assert names == ["Unbelievably", "tall"] and rows.shape == (2, 384)
    np.testing.assert_allclose(rows[0], tokens.vectors[tokens.words == 0].mean(axis=0), rtol=1e-5)
    assert found[1].vectors.shape == (0, 384) and found[1].word_vectors()[1].shape == (0, 384)
    with pytest.raises(InvalidInputError, match="'short' does not occur in"):
        tokens.at("short")


def test_a_long_text_keeps_every_token(tmp_path):
    encoder = sememe.load(str(checkpoints.write(tmp_path / "m")))
    text = "the cat sat on the mat . " * 30
    tokens = encoder.encode_tokens([text])[0]
    assert len(tokens.tokens) == 7 * 30 == len(tokens.vectors)
    assert np.isfinite(tokens.vectors).all() and tokens.spans[-1].tolist() == [
        len(text) - 2
    ] * 1 + [len(text) - 1]
    short = encoder.encode_tokens(["the cat sat on the mat . " * 2])[0]
    np.testing.assert_allclose(
        short.vectors, encoder.network.states([[2, *_ids(encoder, short), 3]])[0][1:-1], atol=1e-6
    )


def _ids(encoder, tokens):
    return encoder._pieces.pieces(tokens.text).ids


def test_an_index_of_a_sentence_encoder(tmp_path, minilm):
    index = sememe.Index.create(tmp_path / "i", encoders=[minilm])
    index.add([sememe.Item("a", "Cats sleep most of the day."), sememe.Item("b", "Rates went up.")])
    reopened = sememe.Index.open(tmp_path / "i")
    assert reopened.search("pets at rest", k=1, mode="semantic").ids == ["a"]


def test_an_encoder_that_answered_queries_is_freed_at_once(tmp_path):
    encoder = sememe.load(str(checkpoints.write(tmp_path / "m")))
    encoder.encode_query(["the cat"])
    reference = weakref.ref(encoder)
    gc.disable()
    try:
        del encoder
        assert reference() is None
    finally:
        gc.enable()
