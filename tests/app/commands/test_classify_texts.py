"""`sememe train text-classifier` and `sememe classify` of texts."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import pytest

from sememe.app.cli import main

GOOD = ("훌륭한", "감동적인", "재미있는", "멋진")
BAD = ("형편없는", "지루한", "어설픈", "끔찍한")


class Done(NamedTuple):
    code: int
    stdout: str
    stderr: str


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("texts")
    rows = ["text,label"]
    for thing in ("영화", "배우", "음악"):
        rows += [f"정말 {word} {thing},긍정" for word in GOOD]
        rows += [f"정말 {word} {thing},부정" for word in BAD]
    rows.append("라벨이 없다,")
    (place / "table.csv").write_text("\n".join(rows), encoding="utf-8")
    done = run("train", "text-classifier", place / "table.csv", "-o", place / "model")
    assert done.code == 0, done.stderr
    assert "24 texts of 2 classes" in done.stdout
    assert "no label" in done.stderr
    assert "Next: sememe classify TEXT -m" in done.stdout
    return place


def test_texts_files_and_reasons(folder):
    (folder / "new.jsonl").write_text(
        '{"text": "지루한 책"}\n{"text": "멋진 책"}\n', encoding="utf-8"
    )
    done = run(
        "classify", "끔찍한 하루", folder / "new.jsonl", "", "-m", folder / "model",
        "--abstain", 0.2, "--why", "--json",
    )  # fmt: skip
    rows = json.loads(done.stdout)
    assert [row["guesses"][0]["label"] for row in rows] == ["부정", "부정", "긍정"]
    assert rows[0]["labels"][:1] == ["부정"]
    assert rows[0]["why"][0]["text"] == "끔찍한"
    assert isinstance(rows[0]["unfamiliar"], bool)
    assert "the text is empty" in done.stderr
    plain = run("classify", "끔찍한 하루", "-m", folder / "model", "--why")
    assert plain.stdout.startswith("끔찍한 하루: 부정 ")
    assert "because of: 끔찍한 (+" in plain.stdout


def test_labels_alone(folder):
    done = run("classify", "국물을 끓이고 소금을 넣는다", "--labels", "요리,운동", "--json")
    assert json.loads(done.stdout)[0]["guesses"][0]["label"] == "요리"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["안녕"], "texts need labels to choose from"),
        (["안녕", "--labels", "요리,운동", "--why"], "--why goes with a classifier"),
        (["", "-m", "MODEL"], "no text to classify"),
        (["안녕", "-m", "MODEL", "--abstain", "2"], "--abstain 2"),
        (["안녕", "-m", "nowhere"], "nowhere is no classifier of texts"),
        (["안녕", "-m", "MODEL", "--labels", "a,b"], "Leave out --labels"),
        (["missing.txt", "-m", "MODEL"], "missing.txt: no such file"),
        (["photo.png", "-m", "MODEL"], "no such file"),
    ],
)
def test_bad_input(folder, arguments, said):
    done = run("classify", *[str(folder / "model") if a == "MODEL" else a for a in arguments])
    assert done.code == 2
    assert said in done.stderr


def test_json_of_three_examples_is_json(tmp_path):
    (tmp_path / "three.csv").write_text("text,label\nto be,x\nor not,y\nto be it,x\n")
    done = run("train", "text-classifier", tmp_path / "three.csv", "-o", tmp_path / "m", "--json")
    assert done.code == 0, done.stderr
    assert "NaN" not in done.stdout
    assert json.loads(done.stdout)["n_train"] == {"x": 2, "y": 1}


def test_a_model_is_not_overwritten_unasked(folder):
    done = run("train", "text-classifier", folder / "table.csv", "-o", folder / "model")
    assert done.code == 2
    assert "--overwrite" in done.stderr


def test_its_folder_is_no_encoder(folder):
    done = run("embed", "안녕", "-m", folder / "model")
    assert done.code == 2
    assert "a classifier of texts" in done.stderr
