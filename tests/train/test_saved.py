"""A trained model as a folder: what it may be written over."""

from __future__ import annotations

import pytest

from sememe import FastText, InvalidInputError, Word2Vec

CORPUS = [["a", "b", "c", "d"]] * 20


def test_a_model_of_another_kind_is_left_whole(tmp_path):
    settings = {"dim": 4, "epochs": 1, "min_count": 1, "workers": 1}
    FastText(**settings, buckets=10).fit(CORPUS).save(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    word2vec = Word2Vec(**settings).fit(CORPUS)
    with pytest.raises(InvalidInputError, match="holds 'fasttext'"):
        word2vec.save(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
