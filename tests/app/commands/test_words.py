"""neighbors and analogy: what they print, and their help for words in capitals."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest

from sememe import KeyedVectors
from sememe.app.cli import main


@pytest.mark.parametrize(
    ("words", "first"),
    [("man king woman", "queen"), ("France Paris Italy", "rome"), ("france paris italy", "rome")],
)
@pytest.mark.parametrize("method", ["3CosAdd", "3CosMul"])
def test_analogy(words, first, method, capsys):
    arguments = ["analogy", "glove-6b-50d", *words.split(), "--method", method, "-k", "2"]
    assert main([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    answers = json.loads(captured.out)
    assert [set(answer) for answer in answers] == [{"key", "score"}] * 2
    assert answers[0]["key"] == first
    assert ("'Paris' is not among the keys; taken as 'paris'" in captured.err) == ("P" in words)
    assert main(arguments) == 0
    assert first in capsys.readouterr().out


@pytest.fixture
def own(tmp_path):
    kv = KeyedVectors(["one", "two", "three", "four"], np.eye(4))
    return str(kv.save(tmp_path / "own")), str(kv.save(tmp_path / "own.vec"))


def test_neighbors_of_a_folder_and_a_file(own, capsys):
    found = []
    for model in own:
        assert main(["neighbors", model, "Two", "-k", "3", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]
    assert [hit["key"] for hit in found[0]] == ["four", "one", "three"]  # ties by key


def test_decomposed_words_are_found(tmp_path, capsys):
    """A terminal on a Mac may hand over Hangul in pieces."""
    kv = KeyedVectors(["강아지", "고양이"], np.eye(2))
    word = unicodedata.normalize("NFD", "강아지")
    assert main(["neighbors", str(kv.save(tmp_path / "own")), word, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)[0]["key"] == "고양이"
    assert captured.err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["neighbors", "OWN", "thre"], 2, "Did you mean 'three'"),
        (["neighbors", "OWN", "two", "-k", "0"], 2, "k=0"),
        (["neighbors", "nowhere.vec", "two"], 2, "glove-6b-50d"),
        (["analogy", "OWN", "one", "two", "three", "--method", "add"], 2, "3CosAdd, 3CosMul"),
        (["analogy", "OWN", "one", "two"], 2, "Missing argument 'C'"),
        (["analogy", "use-multilingual-v3", "a", "b", "c"], 2, "holds no word vectors"),
    ],
)
def test_bad_usage(own, arguments, code, message, capsys):
    assert main([own[0] if a == "OWN" else a for a in arguments]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_a_damaged_file_is_a_failure(tmp_path, capsys):
    (tmp_path / "v.vec").write_text("2 2\na 1 2\n")
    assert main(["neighbors", str(tmp_path / "v.vec"), "a"]) == 1
    assert "line 2" in capsys.readouterr().err
