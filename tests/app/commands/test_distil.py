"""`sememe distil`: writes a static encoder, or refuses before any work."""

from __future__ import annotations

import json

import pytest

import sememe
from sememe.app.cli import main
from tests.models.bert import checkpoints


@pytest.fixture
def teacher(tmp_path):
    return str(checkpoints.write(tmp_path / "bert"))


def test_distil(teacher, tmp_path, capsys):
    out = tmp_path / "fast"
    words = tmp_path / "words.txt"
    words.write_text("cats\n\n dogs \n", encoding="utf-8")
    arguments = ["distil", teacher, "-o", str(out), "--vocabulary", str(words)]
    assert main([*arguments, "--dim", "5", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["path"], done["width"]) == (str(out), 5)
    assert done["tokens"] == len(checkpoints.PIECES) + 2
    assert done["teacher"]["name"] == teacher
    assert sememe.load(str(out)).encode(["the cats"]).shape == (1, 5)
    assert main([*arguments, "--dim", "all"]) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert main([*arguments, "--dim", "all", "--overwrite"]) == 0
    assert f"x 16 to {out}" in capsys.readouterr().out
    assert sememe.load(str(out)).dim == 16
    assert main(["similar", "-m", str(out), "a cat", "the dog", "--json"]) == 0


def test_distil_by_counted_tokens(teacher, tmp_path, capsys):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the cat sat\n", encoding="utf-8")
    arguments = ["distil", teacher, "-o", str(tmp_path / "fast"), "--dim", "4", "--json"]
    assert main([*arguments, "--weighting", "sif", "--corpus", str(corpus)]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["parameters"]["corpus"] is True
    assert done["parameters"]["weighting"] == "sif"


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--dim", "wide"], "'all'"),
        (["--dim", "17"], "Give 1 to 16"),
        (["--weighting", "idf"], "not one of zipf, sif, none"),
        (["--dim", "4", "--corpus", "no such file"], "Give weighting='sif'"),
        (["--vocabulary", "no such file"], "is not a file"),
    ],
)
def test_bad_usage(extra, says, teacher, tmp_path, capsys):
    assert main(["distil", teacher, "-o", str(tmp_path / "fast"), *extra]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "fast").exists()


def test_bad_outputs_are_refused_before_the_model_is_looked_for(teacher, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for out in ("file", "bert", "file/below"):
        arguments = ["distil", "no such model", "-o", str(tmp_path / out), "--overwrite"]
        assert main(arguments) == 2
        assert "no such model" not in capsys.readouterr().err
    assert main(["distil", "no such model", "-o", str(tmp_path / "new")]) == 2
    assert "no such model" in capsys.readouterr().err
