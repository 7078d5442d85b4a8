"""Architectures without a graph of ours, exported once: vectors as of sentence-transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as t

import sememe
from sememe import InvalidInputError
from tests.train import networks

pytestmark = pytest.mark.train

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL |= {"intermediate_size": 64, "max_position_embeddings": 64, "pad_token_id": 0}
MARKS = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
CONFIGS = {
    "albert": lambda n: t.AlbertConfig(vocab_size=n, embedding_size=16, **SMALL),
    "modernbert": lambda n: t.ModernBertConfig(
        vocab_size=n, local_attention=8, global_attn_every_n_layers=2, **SMALL, **MARKS
    ),
}
TEXTS = ["the ship and the wave", "a pan", "island captain with oven and flour and salt", "x"]


def folder(place, kind):
    networks.network(place)
    words = len(t.AutoTokenizer.from_pretrained(place))
    torch.manual_seed(0)
    t.AutoModel.from_config(CONFIGS[kind](words)).save_pretrained(place)
    return place


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_vectors_are_those_of_sentence_transformers(kind, tmp_path, monkeypatch):
    from sentence_transformers import SentenceTransformer

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = folder(tmp_path / kind, kind)
    encoder = sememe.load(str(place))
    theirs = SentenceTransformer(str(place)).encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode(TEXTS), theirs, atol=1e-5)
    (kept,) = (tmp_path / "cache" / "sememe" / "onnx").iterdir()
    made_at = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(sememe.load(str(place)).encode(TEXTS), encoder.encode(TEXTS))
    assert kept.stat().st_mtime_ns == made_at


def test_what_transformers_cannot_open_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = folder(tmp_path / "odd", "albert")
    text = (place / "config.json").read_text(encoding="utf-8")
    (place / "config.json").write_text(text.replace('"albert"', '"no-such"'), encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"cannot be exported.*onnx/model\.onnx"):
        sememe.load(str(place))
