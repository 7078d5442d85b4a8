"""The commands with pictures: embed, classify, index, search --image, mine, evaluate."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from sememe.app.cli import main
from tests.drawings import DRAWINGS, clock, umbrella


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, draw in DRAWINGS.items():
        draw().save(folder / f"{name.split()[-1]}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(20))
    return folder


@pytest.fixture
def run(capsys):
    def call(*arguments, code=0):
        got = main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        assert got == code, done.err
        return done

    return call


def test_pictures_are_embedded_and_others_left_out(run, photos, tmp_path):
    done = run("embed", photos, "-o", tmp_path / "v.npy")
    assert np.load(tmp_path / "v.npy").shape == (5, 1280)
    assert "skipped broken.jpg: cut off or damaged" in done.err
    lines = run("embed", photos / "clock.png").out.splitlines()
    assert len(json.loads(lines[0])["vector"]) == 1280
    done = run("embed", photos / "clock.png", "a text", "-m", "efficientnet-lite0:conse")
    assert len(done.out.splitlines()) == 1
    assert "encodes image, this is text" in done.err
    done = run("embed", photos / "clock.png", "-m", "use-multilingual-v3", code=2)
    assert "encodes text, this is image" in done.err
    assert "none of the items could be read" in done.err


def test_a_table_of_pictures_is_written_and_slips_are_told(run, photos, tmp_path):
    run("embed", photos, "-o", tmp_path / "v.parquet")
    table = pq.read_table(tmp_path / "v.parquet").to_pydict()
    assert len(table["vector"]) == 5
    assert table["text"] == [""] * 5
    assert "없는사진.jpg: no such file" in run("embed", "없는사진.jpg", code=2).err


def test_a_table_in_two_languages_is_measured(run, photos, tmp_path):
    named = [("clock", "시계"), ("umbrella", "우산"), ("web", "거미줄")]
    rows = [{"image": f"photos/{en}.png", "en": f"a {en}", "ko": ko} for en, ko in named]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    columns = ("--text-column", "en", "--text-column", "ko")
    found = run("evaluate", "image-retrieval", "efficientnet-lite0:conse", path, *columns, "--json")
    assert json.loads(found.out)["metrics"]["ko to image recall@1"] == 1.0
    wrong = run("evaluate", "probe", "efficientnet-lite0", photos, photos, *columns, code=2)
    assert "--text-column is for image-retrieval" in wrong.err


def test_pictures_are_told_by_labels_and_by_what_was_taught(run, photos):
    done = run(
        "classify", photos, "--labels", "우산, 시계,풍선,거미줄,낱말 퍼즐", "-k", "1", "--json"
    )
    found = {row["source"].rsplit("/", 1)[-1]: row["guesses"] for row in json.loads(done.out)}
    expected = {"umbrella.png": "우산", "clock.png": "시계", "balloon.png": "풍선",
                "web.png": "거미줄", "puzzle.png": "낱말 퍼즐"}  # fmt: skip
    assert {name: guesses[0]["label"] for name, guesses in found.items()} == expected
    assert "broken.jpg: cut off or damaged" in done.err
    assert "analog clock" in run("classify", photos / "clock.png").out
    assert "no such file" in run("classify", "none.png", code=2).err
    assert "two or more" in run("classify", photos / "clock.png", "--labels", "시계", code=2).err
    assert "no image could be read" in run("classify", photos / "broken.jpg", code=2).err
    taught = run("classify", photos / "clock.png", "-m", "use-multilingual-v3", code=2)
    assert "was trained on no classes" in taught.err


def test_an_index_of_pictures_is_searched_by_words_and_by_a_picture(run, photos, tmp_path):
    index = tmp_path / "index"
    clock(200).save(photos / "small.png")
    done = run("index", photos, "--into", index)
    assert done.out.startswith("6 added")
    assert "photos/broken.jpg" in done.err
    hits = json.loads(run("search", index, "비 오는 날 쓰는 우산", "--json").out)["hits"]
    assert (hits[0]["id"], hits[0]["modality"]) == ("photos/umbrella.png", "image")
    umbrella().resize((200, 200)).save(tmp_path / "query.png")
    shown = run("search", index, "--image", tmp_path / "query.png", "-k", "2").out
    assert shown.split()[2] == "photos/umbrella.png"
    assert "umbrella / 우산 (320 x 320 pixels)" in shown
    mined = run("mine", index)
    assert "photos/clock.png  photos/small.png" in mined.out and "1 pairs" in mined.err
    assert json.loads(run("mine", index, "--json").out)["threshold"] is None
    assert "1 pairs of 6 images with 0.75 or more" in run("mine", photos).err
    by_features = run("mine", photos, "-m", "efficientnet-lite0", "--json").out
    assert json.loads(by_features)["threshold"] == 0.95
    assert run("verify", index).out.endswith("sound\n")
    for arguments in (["x", "--image", tmp_path / "query.png"], []):
        assert run("search", index, *arguments, code=2).err
    assert "no such file" in run("search", index, "--image", "none.png", code=2).err
    assert "-m is for a file of texts" in run("mine", index, "-m", "x", code=2).err


def test_modalities_are_listed_beside_each_other_or_alone(run, photos, tmp_path):
    for i in range(4):
        (photos / f"{i}.txt").write_text(f"umbrella, page {i}", encoding="utf-8")
    index = tmp_path / "index"
    run("index", photos, "--into", index)
    best = ("search", index, "umbrella page", "-k", "3", "--mode", "keyword")
    lines = run(*best).out.splitlines()
    assert [line.split()[-1][-4:] for line in lines[:6:2]] == [".txt"] * 3
    assert lines[6] == "images"
    assert lines[7].split()[0] == "-" and lines[7].endswith("photos/umbrella.png")
    assert lines[8].strip() == "umbrella / 우산 (320 x 320 pixels)"
    found = json.loads(run(*best, "--json").out)
    assert [hit["id"] for hit in found["more"]["image"]] == ["photos/umbrella.png"]
    as_lines = [
        json.loads(line)["modality"] for line in run(*best, "--json-lines").out.split("\n")[:-1]
    ]
    assert as_lines == ["text"] * 3 + ["image"]
    alone = run("search", index, "umbrella", "--modality", "image", "-k", "1").out
    assert alone.split()[2] == "photos/umbrella.png"
    about = run("search", index, "--image", photos / "umbrella.png", "--modality", "text").out
    assert about.split()[2].endswith(".txt")
    assert "holds no recordings" in run("search", index, "rain", "--modality", "audio").err
    wrong = run("search", index, "rain", "--modality", "photo", code=2).err
    assert "modality='photo' is not one of text, image, audio" in wrong


def test_the_same_command_brings_an_index_up_to_date(run, photos, tmp_path):
    command = ["index", photos, "--into", tmp_path / "i", "-m", "efficientnet-lite0:conse"]
    assert run(*command).out.startswith("5 added")
    assert run(*command).out.startswith("0 added, 0 updated, 5 unchanged")
    wrong = [*command[:-1], "efficientnet-lite0"]
    assert "was built with use-multilingual-v3" in run(*wrong, code=2).err
    assert run("search", tmp_path / "i", "우산", "-k", "1").out.split()[2] == "photos/umbrella.png"


def test_zero_shot_is_evaluated_with_labels_of_yours(run, tmp_path):
    for i, name in enumerate(("analog clock", "umbrella")):
        (tmp_path / "data" / f"{i}").mkdir(parents=True)
        for size in (320, 250):
            DRAWINGS[name]().resize((size, size)).save(tmp_path / "data" / f"{i}" / f"{size}.png")
    arguments = ["evaluate", "zero-shot", "efficientnet-lite0:conse", tmp_path / "data"]
    done = run(*arguments, "--labels", "시계,우산", "--json")
    assert json.loads(done.out)["metrics"] == {"accuracy": 1.0}
    assert json.loads(run(*arguments, "--labels", "우산,시계", "--json").out)["metrics"] == {
        "accuracy": 0.0
    }
    assert "give one for each" in run(*arguments, "--labels", "a,b,c", code=2).err.lower()
    wrong = run("evaluate", "zero-shot", "efficientnet-lite0", tmp_path / "data", code=2)
    assert "efficientnet-lite0:conse" in wrong.err
