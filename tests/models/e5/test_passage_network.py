"""The network for passages: what is added to its layers, and that it gives the vectors of E5."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

import sememe
from sememe.models.bert.engine import SentenceEngine
from sememe.models.e5.combination import read_combination
from sememe.models.e5.file import PackedFile
from sememe.models.e5.passage_network import MERGING, AdaptedLayers, adapt_to_merging
from sememe.models.e5.weights import read_packed_weights
from tests.models.e5 import packed_file


def test_changes_worked_by_hand(tmp_path):
    """A product of factors is added to matrices, numbers to what is a row; none to other layers."""
    packed_file.write(tmp_path / "small.bin")
    layers = read_packed_weights(PackedFile(tmp_path / "small.bin")).layers
    rng, changes = np.random.default_rng(0), {}
    for name in ("qkv", "out", "up", "down"):
        inputs, outputs = getattr(layers[0], name).shape
        changes[f"{name}.a"] = rng.normal(size=(2, inputs, 3)).astype(np.float32)
        changes[f"{name}.b"] = rng.normal(size=(2, 3, outputs)).astype(np.float32)
        changes[f"{name}_bias"] = rng.normal(size=(2, outputs)).astype(np.float32)
    for name in ("norm1", "norm2"):
        for part in ("gain", "bias"):
            changes[f"{name}.{part}"] = rng.normal(size=(2, len(layers[0].norm1[0])))
    for array in changes.values():
        array[0] = 0
    first, second = AdaptedLayers(layers, lambda: changes)
    np.testing.assert_array_equal(first.qkv, layers[0].qkv)
    np.testing.assert_array_equal(first.norm2[1], layers[0].norm2[1])
    added = changes["up.a"][1] @ changes["up.b"][1]
    np.testing.assert_allclose(second.up, layers[1].up + added, atol=1e-6)
    np.testing.assert_allclose(second.down_bias, layers[1].down_bias + changes["down_bias"][1])
    np.testing.assert_allclose(second.norm1[0], layers[1].norm1[0] + changes["norm1.gain"][1])


@pytest.fixture(scope="module")
def e5():
    return sememe.load("multilingual-e5-small").documents


@pytest.fixture(scope="module")
def passages(e5):
    """Token ids of 24 passages of 250 tokens, each of one language."""
    lines = files("sememe").joinpath("app/samples/samples.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in lines.splitlines()]
    texts = [row["text"] for row in rows]
    korean = [text for text in texts if any("가" <= x <= "힣" for x in text)]
    english = [text for text in texts if text not in korean]
    ids = []
    for own in (korean, english):
        pieces = [" ".join(own[i % len(own)] for i in range(k, k + 16)) for k in range(0, 48, 4)]
        ids += [row[:250] for row in e5.tokenizer.encode_marked(pieces)]
    return ids


def test_merged_passages_have_the_vectors_of_the_whole_network(e5, passages):
    """The network without its changes is the control: it is farther off."""
    weights = e5.network._weights
    exact = without_language(e5.network.forward(passages))

    def cosine(own):
        merged = SentenceEngine(own, merging=MERGING).forward(passages)
        return float((without_language(merged) * exact).sum(axis=1).mean())

    assert cosine(weights) + 0.02 < cosine(adapt_to_merging(weights)) > 0.9


def test_the_default_encoder_reads_passages_so(e5, passages):
    """Its network in int8: merged, changed, with ranges of its own; the others are controls."""
    encoder = sememe.load("e5-use-multilingual").first
    network, plain = encoder.documents.network, e5.network
    assert network._products._ranges.keys() == plain._products._ranges.keys()
    assert network._products._ranges != plain._products._ranges

    def forward(weights, merging):
        engine = SentenceEngine(weights, products=network._products, merging=merging)
        return without_language(engine.forward(passages))

    def cosine(one, other):
        return float((one * other).sum(axis=1).mean())

    loaded = without_language(network.forward(passages))
    exact = without_language(plain.forward(passages))
    whole = forward(network._weights, None)
    unchanged = forward(plain._weights, MERGING)
    assert cosine(loaded, forward(network._weights, MERGING)) > 0.999
    assert cosine(loaded, exact) > 0.9 > cosine(unchanged, exact) + 0.01
    assert cosine(loaded, whole) < 0.99
    alone = np.concatenate([network.forward([row]) for row in passages[:3]])
    np.testing.assert_allclose(without_language(alone), loaded[:3], atol=1e-5)


def test_the_network_of_passages_is_released(passages):
    encoder = sememe.load("e5-use-multilingual").first
    network = encoder.documents.network
    network.forward(passages[:2])
    assert network._sentences._session is not None
    encoder.release()
    assert network._sentences._session is None


def without_language(rows):
    return read_combination().remove_language(rows, "document")
