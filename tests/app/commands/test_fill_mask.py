"""`sememe fill-mask`: a table for people, one JSON document for programs, and bad input."""

from __future__ import annotations

import json

import pytest

from sememe.app.cli import main
from sememe.encoders.text.masked_lm import MaskedLM
from tests.models.bert import checkpoints

ONE, TWO = "the cat [MASK] on the mat", "a <mask> ran on the [MASK] ."


@pytest.fixture
def folder(tmp_path):
    return str(checkpoints.write_masked(tmp_path / "m"))


def test_json_is_one_document_in_the_order_of_the_texts(folder, capsys):
    assert main(["fill-mask", folder, TWO, ONE, "-k", "3", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert [one["text"] for one in done] == [TWO, ONE]
    assert [[len(fills) for fills in one["masks"]] for one in done] == [[3, 3], [3]]
    model = MaskedLM.load(folder)
    for one in done:
        for got, fills in zip(one["masks"], model.fill(one["text"], k=3), strict=True):
            assert [fill["token"] for fill in got] == [fill.token for fill in fills]
            assert [fill["text"] for fill in got] == [fill.text for fill in fills]
            scores = [fill["score"] for fill in got]
            assert scores == pytest.approx([fill.score for fill in fills])
            assert scores == sorted(scores, reverse=True)


def test_the_table_shows_each_mask(folder, capsys):
    assert main(["fill-mask", folder, TWO, ONE, "-k", "2"]) == 0
    out = capsys.readouterr().out
    assert f"mask 1 of 2: {TWO}" in out and f"mask 2 of 2: {TWO}" in out
    assert f"\n{ONE}\n" in out
    best = MaskedLM.load(folder).fill(ONE, k=1)[0][0]
    assert f"{best.score:.4f}" in out and best.written.strip() in out


def test_five_tokens_unless_told(folder, capsys):
    assert main(["fill-mask", folder, ONE, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)[0]["masks"][0]) == 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["the cat sat"], "has no mask; write [MASK]"),
        ([ONE, ""], "has no mask"),
        ([ONE, "-k", "0"], "--top-k=0"),
        (["a " * 60 + "[MASK]"], "has 61 tokens"),
        ([], "Missing argument"),
    ],
)
def test_bad_input(arguments, says, folder, capsys):
    assert main(["fill-mask", folder, *arguments, "--json"]) == 2
    shown = capsys.readouterr()
    assert says in shown.err and says in json.loads(shown.out)["error"]


def test_models_that_fill_nothing(tmp_path, capsys):
    assert main(["fill-mask", "no such model", ONE]) == 2
    assert "is no folder; allowed" in capsys.readouterr().err
    assert main(["fill-mask", str(checkpoints.write(tmp_path / "encoder")), ONE]) == 2
    assert "no head that predicts masked words" in capsys.readouterr().err
    assert main(["fill-mask", "no such model", ONE, "-k", "-1"]) == 2
    assert "--top-k=-1" in capsys.readouterr().err  # before anything is loaded
