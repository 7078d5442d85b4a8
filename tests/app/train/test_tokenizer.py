"""`sememe train tokenizer`: writes a tokenizer.json and shows how it cuts."""

from __future__ import annotations

import json

import pytest

from sememe import SubwordTokenizer
from sememe.app.cli import main


@pytest.fixture
def corpus(tmp_path):
    words = [stem + end for stem in ("고양이", "강아지", "cat", "dog") for end in ("는", "s", "")]
    (tmp_path / "corpus.txt").write_text(f"{' '.join(words)}\n" * 20, encoding="utf-8")
    return str(tmp_path / "corpus.txt")


@pytest.mark.parametrize(("model", "size"), [("bpe", 262), ("unigram", 19)])
def test_train_tokenizer(model, size, corpus, tmp_path, capsys):
    arguments = ["train", "tokenizer", corpus, "-o", str(tmp_path / "out"), "--model", model]
    assert main([*arguments, "--vocab-size", str(size), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["vocab_size"], done["model"]) == (size, model)
    assert done["path"] == str(tmp_path / "out" / "tokenizer.json")
    assert [row["script"] for row in done["report"]["rows"]] == ["Hangul", "Latin"]
    assert done["report"]["total"]["coverage"] == 1
    assert SubwordTokenizer.load(tmp_path / "out").vocab_size == size
    assert main([*arguments, "--vocab-size", str(size)]) == 0
    assert "tokens per word" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--model", "wordpiece"], "is not one of bpe, unigram"),
        (["--vocab-size", "9999999"], "too large"),
        (["--level", "words"], "is not one of bytes, characters"),
    ],
)
def test_bad_usage(extra, says, corpus, tmp_path, capsys):
    assert main(["train", "tokenizer", corpus, "-o", str(tmp_path / "out"), *extra]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_corpus_that_is_not_there(tmp_path, capsys):
    assert main(["train", "tokenizer", str(tmp_path / "no"), "-o", str(tmp_path / "out")]) == 2
    assert "is not a file" in capsys.readouterr().err
