"""A cross-encoder's folder on the command line: `search --rerank` and `evaluate sts`."""

from __future__ import annotations

import json

import pytest

from sememe import Index
from sememe.app.cli import main
from sememe.encoders.text.cross_encoder import CrossEncoder
from tests.models.bert import checkpoints
from tests.models.cross_encoder import checkpoints as cross_checkpoints

TEXTS = ["the cat sat on the mat", "a dog ran", "the bank of the river", "money in the bank", "강"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return cross_checkpoints.write(tmp_path_factory.mktemp("cross") / "bert")


@pytest.fixture(scope="module")
def index(tmp_path_factory, encoder):
    path = tmp_path_factory.mktemp("index") / "index"
    Index.create(path, [encoder]).add([(f"d{i}", text) for i, text in enumerate(TEXTS)])
    return path


def test_search_ranks_again(index, folder, capsys):
    assert main(["search", str(index), "the bank", "--rerank", str(folder), "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    ranked = CrossEncoder.load(str(folder)).rank("the bank", TEXTS)
    assert [hit["id"] for hit in hits] == [f"d{place}" for place, _ in ranked][: len(hits)]
    assert [hit["score"] for hit in hits] == pytest.approx([s for _, s in ranked][: len(hits)])
    assert main(["search", str(index), "the bank", "--json"]) == 0
    assert hits != json.loads(capsys.readouterr().out)["hits"]


def test_what_cannot_rank_is_refused(index, folder, tmp_path, capsys):
    labels = cross_checkpoints.write(tmp_path / "nli", outputs=3)
    encoder = checkpoints.write(tmp_path / "encoder")
    for model, says in (
        (labels, "gives 3 labels (label 0, label 1, label 2); give a cross-encoder with one"),
        (encoder, "no head"),
        (tmp_path / "nowhere", "is no folder"),
    ):
        assert main(["search", str(index), "the bank", "--rerank", str(model)]) == 2
        assert says in capsys.readouterr().err


def test_evaluate_sts_knows_which_folder_is_which(folder, tmp_path, capsys):
    table = tmp_path / "sts.tsv"
    pairs = [(a, b) for i, a in enumerate(TEXTS) for b in TEXTS[:i]]
    scores = CrossEncoder.load(str(folder)).score(pairs)
    rows = [f"{a}\t{b}\t{s:.6f}\n" for (a, b), s in zip(pairs, scores, strict=True)]
    table.write_text("".join(rows), encoding="utf-8")
    assert main(["evaluate", "sts", str(folder), str(table), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["spearman"] == pytest.approx(1)
    assert (found["model"], found["n"]) == (str(folder.resolve()), len(pairs))
    encoder = checkpoints.write(tmp_path / "encoder")
    assert main(["evaluate", "sts", str(encoder), str(table), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["spearman"] < 0.99
    labels = cross_checkpoints.write(tmp_path / "nli", outputs=3)
    assert main(["evaluate", "sts", str(labels), str(table)]) == 2
    assert "Use probabilities(pairs)" in capsys.readouterr().err
