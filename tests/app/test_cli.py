"""The command line: what it prints, its exit codes, and that --json is one document."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from sememe.app.cli import main


@pytest.fixture
def indexed(folder, tmp_path, capsys):
    target = tmp_path / "index"
    assert main(["index", str(folder), "--into", str(target)]) == 0
    capsys.readouterr()
    return target


def test_index_search_verify(folder, indexed, capsys):
    query = ["search", str(indexed), "railway to Busan", "-k", "2", "--mode", "semantic", "--json"]
    assert main(query) == 0
    found = json.loads(capsys.readouterr().out)
    facts = {"query", "mode", "weights", "note", "nothing_close", "hits", "more"}
    assert set(found) == facts and not found["nothing_close"]
    assert (found["query"], found["mode"]) == ("railway to Busan", "semantic")
    hits = found["hits"]
    assert hits[0]["id"] == "notes/trips/train.txt"
    assert set(hits[0]) >= {"id", "score", "modality", "source", "text", "start", "end"}
    assert main(["index", str(folder), "--into", str(indexed), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["unchanged"], report["chunks"], report["items"]) == (4, 0, 4)
    assert main(["verify", str(indexed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faults"] == 0


def test_hits_say_what_they_are_made_of_and_come_one_a_line_if_asked(indexed, capsys):
    assert main(["search", str(indexed), "railway 부산", "--json-lines"]) == 0
    hits = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    scores = [hit["score"] for hit in hits]
    assert len(hits) > 1 and scores == sorted(scores, reverse=True)
    assert all(-1 <= hit["similarity"] <= 1 for hit in hits)
    assert any(hit["bm25"] is None for hit in hits)
    assert any(hit["bm25"] is not None and hit["bm25"] > 0 for hit in hits)


def test_scores_below_a_minimum_are_left_out_and_what_is_not_close_is_said(indexed, capsys):
    query = ["search", str(indexed), "railway to Busan", "-k", "4"]
    assert main([*query, "--json"]) == 0
    scores = [hit["score"] for hit in json.loads(capsys.readouterr().out)["hits"]]
    assert scores[0] > 0.05 > scores[-1]
    assert main([*query, "--json", "--min-score", "0.05"]) == 0
    kept = [hit["score"] for hit in json.loads(capsys.readouterr().out)["hits"]]
    assert kept == [score for score in scores if score >= 0.05]
    assert main([*query, "--min-score", "1"]) == 0
    out, err = capsys.readouterr()
    assert out == "nothing found\n" and "no hit has a score of 1 or more; the best has 0." in err
    assert main(["search", str(indexed), "qqzx", "-k", "1"]) == 0
    assert capsys.readouterr().out.startswith("nothing close; nearest:\n  1  0.0")
    assert main([*query, "--min-score", "nan"]) == 2


@pytest.mark.parametrize("line", [["search", "nowhere", "x"], ["search", "a", "b", "--depth", "3"]])
def test_errors_are_json_too(line, capsys):
    assert main([*line, "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["error"].strip() and err.strip()
    assert main(line) == 2
    assert capsys.readouterr().out == ""


def test_models_and_similar_as_json(capsys):
    assert main(["models", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    model, best, e5, minilm, glove, image, structure, sound, everyday = listed
    assert [one["name"] for one in listed if one["default"]] == ["use-multilingual-v3"]
    assert (best["name"], best["dim"]) == ("e5-use-multilingual", 512)
    assert (e5["name"], e5["dim"], len(e5["languages"])) == ("multilingual-e5-small", 384, 93)
    assert (minilm["name"], minilm["dim"]) == ("all-minilm-l6-v2", 384)
    assert (glove["name"], glove["dim"], glove["licence"]) == ("glove-6b-50d", 50, "PDDL-1.0")
    assert (image["name"], image["modality"], image["dim"]) == ("efficientnet-lite0", "image", 1280)
    assert (structure["name"], structure["dim"]) == ("image-structure", 1024)
    assert (sound["name"], sound["modality"], sound["dim"]) == ("mel-statistics", "audio", 192)
    assert (everyday["name"], everyday["licence"]) == ("everyday-sounds", "CC-BY-4.0")
    assert (model["name"], model["dim"], model["available"]) == ("use-multilingual-v3", 512, True)
    assert main(["similar", "고양이", "cat", "주식 시장", "--json"]) == 0
    matrix = json.loads(capsys.readouterr().out)["similarity"]
    assert matrix[0][1] > 0.5 > matrix[0][2]


@pytest.mark.parametrize("ending", [".npy", ".parquet", ".jsonl"])
def test_embed_writes_files(tmp_path, folder, ending):
    import numpy as np

    output = tmp_path / f"vectors{ending}"
    assert main(["embed", "한 문장", str(folder / "soup.txt"), "-o", str(output)]) == 0
    assert [path.name for path in tmp_path.glob(f"*{ending}")] == [output.name]
    if ending == ".npy":
        assert np.load(output).shape == (2, 512)


def test_the_tour_runs(capsys):
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    assert "90 short documents" in out
    assert "꿀벌의 춤" in out


def test_evaluate_bitext(tmp_path, capsys):
    (tmp_path / "a.ko").write_text("고양이가 잔다\n비가 온다\n기차가 빠르다\n")
    (tmp_path / "a.en").write_text("The cat sleeps\nIt is raining\nThe train is fast\n")
    arguments = ["evaluate", "bitext", "use-multilingual-v3", str(tmp_path / "a.ko")]
    assert main([*arguments, str(tmp_path / "a.en"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["accuracy"] == 1.0
    assert found["control"]["accuracy"] < 0.5


def test_evaluate_retrieval_builds_an_index(tmp_path, capsys):
    (tmp_path / "qrels").mkdir()
    records = [{"_id": "d1", "title": "고양이", "text": "하루 종일 잔다"},
               {"_id": "d2", "title": "기차", "text": "서울에서 부산까지 간다"}]  # fmt: skip
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (tmp_path / "corpus.jsonl").write_text(lines)
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "sleeping cats"}\n')
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t1\n")
    arguments = ["evaluate", "retrieval", "use-multilingual-v3", str(tmp_path), "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["nDCG@10"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["search", "nowhere", "x"], 2, "sememe index PATH --into"),
        (["index", "nowhere", "--into", "x"], 2, "no such folder or file"),
        (["embed", "x", "-m", "nothing"], 2, "is not one of"),
        (["embed", "x", "-o", "x.txt"], 2, ".npy, .parquet, .jsonl"),
        (["similar", "alone"], 2, "two or more"),
        (["evaluate", "spelling", "use-multilingual-v3", "."], 2, "retrieval, bitext"),
    ],
)
def test_bad_usage_exits_with_2_and_says_what_to_type(arguments, code, message, capsys, tmp_path):
    assert main([a.replace("nowhere", str(tmp_path / "nowhere")) for a in arguments]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_a_folder_with_nothing_in_it_is_bad_input(tmp_path, capsys):
    (tmp_path / "void").mkdir()
    assert main(["index", str(tmp_path / "void"), "--into", str(tmp_path / "index")]) == 2
    assert "nothing in" in capsys.readouterr().err


def test_a_wrong_mode_is_named(indexed, capsys):
    assert main(["search", str(indexed), "x", "--mode", "semantics"]) == 2
    assert "Did you mean 'semantic'" in capsys.readouterr().err


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "sememe", "search", "/nowhere", "x"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "is not an index" in done.stderr


def test_embed_tokens(capsys):
    arguments = ["embed", "The bank, please.", "--tokens", "-m", "all-minilm-l6-v2"]
    assert main([*arguments, "--layers", "5,6"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["token"] for line in lines] == ["the", "bank", ",", "please", "."]
    assert (lines[1]["start"], lines[1]["end"], lines[1]["word"]) == (4, 8, 1)
    assert {len(line["vector"]) for line in lines} == {384}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--tokens"], "use-multilingual-v3 gives texts one vector"),
        (["--layers", "1"], "--layers goes with --tokens"),
        (["--tokens", "--layers", "x"], "give numbers with commas between"),
        (["--tokens", "-o", "x.npy"], "give no -o"),
    ],
)
def test_embed_tokens_refuses(extra, message, capsys):
    assert main(["embed", "a", *extra]) == 2
    assert message in capsys.readouterr().err
