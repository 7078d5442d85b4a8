"""`sememe mine`: pairs of the lines of a file, the lines to keep, and bad usage."""

from __future__ import annotations

import gzip
import json
import lzma

import pytest

from sememe.app.cli import main

LINES = [
    "The cat sleeps all day.",
    "",
    "A train reaches Busan.",
    "The cat sleeps all day.",
    "The cat is asleep the whole day.",
    "  ",
    "고양이가 하루 종일 잔다.",
]
RECORDS = [{"id": 7, "text": line, "n": i} for i, line in enumerate(LINES)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


@pytest.fixture
def run(capsys):
    def call(*arguments, code=0):
        assert main(["mine", *map(str, arguments)]) == code
        return capsys.readouterr()

    return call


def test_pairs_as_json(file, run):
    done = run(file, "--top-k", 3, "--json")
    found = json.loads(done.out)
    assert done.err == ""
    assert (found["model"], found["texts"], found["empty"]) == ("use-multilingual-v3", 5, 2)
    assert [pair["lines"] for pair in found["pairs"]] == [[1, 4], [1, 5], [1, 7]]
    assert found["pairs"][0]["score"] == 1
    assert found["pairs"][1]["texts"] == [LINES[0], LINES[4]]
    assert 0.8 < found["pairs"][1]["score"] < 1


def test_pairs_for_people(file, run):
    done = run(file, "-k", 2)
    rows = done.out.splitlines()
    assert len(rows) == 4 and rows[0].split()[:2] == ["1.000", "1"]
    assert LINES[4] in rows[3] and rows[3].split()[0] == "5"
    assert "2 empty lines left out" in done.err and "2 pairs" in done.err


def test_a_threshold_and_a_number_that_cuts(file, run):
    found = json.loads(run(file, "--threshold", 0.9, "--json").out)["pairs"]
    assert [pair["lines"] for pair in found] == [[1, 4], [1, 5]]
    assert "may reach it: -k" in run(file, "--threshold", 0.5, "-k", 2).err
    assert run(file, "--threshold", 0.9, "-k", 3).err.count("\n") == 2


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.xz", "a.jsonl", "a.jsonl.gz", "a.ndjson"])
def test_every_kind_of_file_gives_the_same(tmp_path, run, name):
    records = "json" in name
    text = "\n".join(map(json.dumps, RECORDS) if records else LINES).encode()
    packed = {"gz": gzip.compress, "xz": lzma.compress}.get(name.split(".")[-1], bytes)(text)
    (tmp_path / name).write_bytes(packed)
    found = json.loads(run(tmp_path / name, "-k", 3, "--json").out)
    assert [pair["lines"] for pair in found["pairs"]] == [[1, 4], [1, 5], [1, 7]]
    assert found["texts"] == 5
    assert found["empty"] + len(found["skipped"]) == 2


def test_records_that_cannot_be_used_are_named(tmp_path, run):
    path = tmp_path / "some.jsonl"
    lines = ['{"text": "a cat"}', "", '{"text": "cut', "[1]", '{"text": "a \\ud800 dog"}']
    path.write_text("\n".join(lines))
    found = json.loads(run(path, "--json").out)
    assert found["pairs"][0]["lines"] == [1, 5] and found["empty"] == 1
    assert ["line 3: not JSON" in reason for reason in found["skipped"][:2]] == [True, False]
    assert "line 4: not a JSON object but list" in found["skipped"][1]
    assert "skipped line 4" in run(path).err


def test_pairs_to_a_file(file, tmp_path, run):
    output = tmp_path / "pairs.jsonl.gz"
    done = run(file, "-k", 2, "-o", output)
    assert done.out == "" and f"2 pairs to {output}" in done.err
    rows = [json.loads(line) for line in gzip.open(output)]
    assert [row["lines"] for row in rows] == [[1, 4], [1, 5]]


def test_duplicates_print_what_to_keep(file, run):
    done = run(file, "--duplicates")
    assert done.out.splitlines() == [LINES[0], LINES[2], LINES[6]]
    assert "line 4 repeats 1 (1.000)" in done.err and "3 lines kept, 2 dropped" in done.err


def test_duplicates_to_a_file_of_the_same_kind(tmp_path, run):
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text("\n".join(map(json.dumps, RECORDS)) + "\n")
    done = run(path, "--duplicates", "--threshold", 0.7, "-o", output, "--json")
    found = json.loads(done.out)
    assert found["kept"] == [1, 3] and found["threshold"] == 0.7
    assert [row["line"] for row in found["dropped"]] == [4, 5, 7]
    assert {row["duplicate_of"] for row in found["dropped"]} == {1}
    kept = [json.loads(line) for line in output.read_text().splitlines()]
    assert kept == [RECORDS[0], RECORDS[2]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing.txt"], "nothing.txt: no such file"),
        (["{file}", "-k", "0"], "--top-k=0; give a whole number of at least 1"),
        (["{file}", "--threshold", "2"], "threshold=2.0; allowed: a cosine, from -1 to 1"),
        (["{file}", "--duplicates", "-k", "5"], "--top-k 5 is for pairs"),
        (["{file}", "-o", "pairs.csv"], "the output's ending='.csv' is not one of .jsonl"),
        (["{file}", "-o", "nowhere/pairs.jsonl"], "nowhere is no folder"),
        (["{file}", "--duplicates", "-o", "{file}"], "is the file that is read"),
        (["{file}", "--duplicates", "-o", "out.xz"], ".xz is not written"),
        (["{file}", "--duplicates", "-o", "{folder}"], "is a folder; give the name of a file"),
        (["{file}", "-m", "nothing"], "use-multilingual-v3"),
        (["{folder}/photo.png"], "an image file; allowed: one text per line"),
        (["{folder}/table.csv"], "a csv file; allowed: one text per line"),
        (["{folder}/one.txt"], "got 1 texts, 1 empty lines and 0 skipped; give two texts"),
    ],
)
def test_bad_usage(arguments, says, file, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "table.csv", "one.txt"):
        (tmp_path / name).write_text("only\n\n")
    places = {"file": file, "folder": tmp_path}
    done = run(*(argument.format(**places) for argument in arguments), code=2)
    assert says in done.err and done.out == ""


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0\0", b"\0\1\2\3" * 100])
def test_a_binary_file_is_refused(tmp_path, run, content):
    (tmp_path / "odd.txt").write_bytes(content)
    assert "odd.txt: binary file" in run(tmp_path / "odd.txt", code=1).err
    (tmp_path / "odd.gz").write_bytes(gzip.compress(b"one\ntwo\n" * 999)[:-20])
    assert "odd.gz: broken or cut-off gzip data" in run(tmp_path / "odd.gz", code=1).err
    assert "a folder, not a file" in run(tmp_path, code=1).err


def test_help_names_the_options(run):
    out = run("--help").out
    assert all(name in out for name in ("--top-k", "--threshold", "--duplicates", "--json"))
