"""`sememe cluster`: words or the lines of a file, in named groups."""

from __future__ import annotations

import json

import pytest

from sememe.app.cli import main

WORDS = ["강아지", "고양이", "토끼", "사과", "바나나", "오렌지"]


def test_words_as_arguments(capsys):
    assert main(["cluster", *WORDS, "-k", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [group["items"] for group in found["clusters"]] == [WORDS[:3], WORDS[3:]]
    assert all(group["name"][0] in group["items"] for group in found["clusters"])
    assert (found["k"], found["method"], found["noise"]) == (2, "kmeans", [])
    assert -1 <= found["silhouette"] <= 1


def test_another_method_and_its_own_k(capsys):
    assert main(["cluster", *WORDS, "--method", "agglomerative", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sorted(item for group in found["clusters"] for item in group["items"]) == sorted(WORDS)
    assert 2 <= found["k"] == len(found["clusters"]) <= 5


def test_lines_of_a_file_are_named_by_their_terms(tmp_path, capsys):
    lines = ["고양이가 하루 종일 잔다", "고양이는 밤에 깬다", "", "기차가 부산에 도착한다",
             "기차를 타고 서울에 간다"]  # fmt: skip
    (tmp_path / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    assert main(["cluster", str(tmp_path / "lines.txt"), "-k", "2", "--json"]) == 0
    names = [group["name"][0] for group in json.loads(capsys.readouterr().out)["clusters"]]
    assert names == ["고양이", "기차"]


def test_as_a_table(capsys):
    assert main(["cluster", *WORDS, "-k", "2"]) == 0
    captured = capsys.readouterr()
    assert "바나나" in captured.out and "2 clusters by kmeans" in captured.err
    assert main(["cluster", *WORDS, "--method", "hdbscan"]) == 0
    assert "in no cluster" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["하나"], "got 1 item; give two or more"),
        ([*WORDS, "-k", "7"], "k=7; allowed: 1 to 6"),
        ([*WORDS, "--method", "dbscan"], "Did you mean 'hdbscan'"),
        ([*WORDS, "-m", "nothing"], "nothing"),
    ],
)
def test_bad_usage(arguments, says, capsys):
    assert main(["cluster", *arguments]) == 2
    captured = capsys.readouterr()
    assert says in captured.err and captured.out == ""
