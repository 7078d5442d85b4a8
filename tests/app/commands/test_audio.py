"""The commands with recordings: embed, similar, show, evaluate."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sememe.app.cli import main
from tests.made_sounds import folder_of_sounds, noise, tone, written


@pytest.fixture
def sounds(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "sounds"
    for name, samples in (
        ("low", tone(300)), ("lower", tone(290)), ("hiss", noise(rng)),
    ):  # fmt: skip
        written(folder / f"{name}.wav", samples)
    (folder / "broken.mp3").write_bytes(b"ID3 nothing")
    return folder


@pytest.fixture
def run(capsys):
    def call(*arguments, code=0):
        got = main([str(argument) for argument in arguments])
        done = capsys.readouterr()
        assert got == code, done.err
        return done

    return call


def test_sounds_are_embedded_and_others_left_out(run, sounds, tmp_path):
    done = run("embed", sounds, "-o", tmp_path / "v.npy")
    vectors = np.load(tmp_path / "v.npy")
    assert len(vectors) == 3
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert "skipped broken.mp3" in done.err
    done = run("embed", sounds / "low.wav", "-m", "use-multilingual-v3", code=2)
    assert "encodes text, this is audio" in done.err
    assert "노래.mp3: no such file. Give an audio file" in run("embed", "노래.mp3", code=2).err


def test_sounds_alike_are_similar(run, sounds):
    names = [str(sounds / f"{name}.wav") for name in ("low", "lower", "hiss")]
    found = json.loads(run("similar", *names, "--json").out)
    assert found["files"] == names
    near, far, _ = found["similarity"][0][1], found["similarity"][0][2], None
    assert near > 0.8 > far
    assert "lower.wav" in run("similar", *names).out
    done = run("similar", names[0], sounds / "broken.mp3", code=1)
    assert "broken.mp3" in done.err
    assert run("similar", names[0], "없음.wav", code=1).err


def test_texts_are_compared_as_before(run):
    found = json.loads(run("similar", "고양이", "cat", "--json").out)
    assert found["texts"] == ["고양이", "cat"]
    named = run("similar", "노래.mp3", "song", "-m", "use-multilingual-v3", "--json").out
    assert json.loads(named)["texts"] == ["노래.mp3", "song"]
    assert "no such file" in run("similar", "노래.mp3", "song", code=2).err


def test_a_recording_is_drawn(run, sounds, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("show", sounds / "low.wav", "--start", "0.1", "--json")
    facts = json.loads(done.out)
    assert (facts["path"], facts["seconds"], facts["start"]) == ("low.wav.png", 0.5, 0.1)
    assert (tmp_path / "low.wav.png").read_bytes().startswith(b"\x89PNG")
    assert "0.5 s, 8000 Hz, 1 channel" in run("show", sounds / "low.wav", "-o", "a.png").err
    for arguments, said in (
        (["none.wav"], "no such file"),
        ([sounds / "low.wav", "-o", "a.jpg"], ".png"),
        ([sounds / "low.wav", "-o", "none/a.png"], "is no folder"),
        ([sounds / "low.wav", "--end", "0"], "0 <= start < end"),
    ):
        assert said in run("show", *arguments, code=2).err
    assert "broken.mp3" in run("show", sounds / "broken.mp3", code=1).err


def test_encoders_are_measured(run, tmp_path):
    folder = folder_of_sounds(tmp_path / "classes", 6)
    done = run(
        "evaluate",
        "audio-classification",
        "mel-statistics",
        folder,
        "--fold-pattern",
        "^.",
        "--json",
    )
    found = json.loads(done.out)
    assert set(found["metrics"]) == {"accuracy", "fold 0", "fold 1"}
    assert found["metrics"]["accuracy"] > 0.9
    shown = run("evaluate", "audio-retrieval", "mel-statistics", folder).out
    assert "precision@1" in shown and "mean_average_precision" in shown
    apart = run(
        "evaluate", "audio-classification", "mel-statistics", folder,
        "--label-pattern", "^.", "--group-pattern", "_(.+)[.]", "--folds", "3", "--probe", "knn",
    )  # fmt: skip
    assert "predicted as" in apart.out  # what the names say here, nothing in the sound does
    for arguments, said in (
        (
            ["audio-retrieval", "mel-statistics", folder, "--probe", "knn"],
            "--probe is for audio-cl",
        ),
        (["sts", "use-multilingual-v3", folder, "--group-pattern", "x"], "--group-pattern is for"),
        (["audio-retrieval", "use-multilingual-v3", folder], "allowed: audio"),
        (["audio-retrieval", "mel-statistics", folder, folder], "got 2 paths"),
    ):
        assert said in run("evaluate", *arguments, code=2).err


def test_near_duplicates_in_a_folder_are_found(run, tmp_path):
    """Another format, another loudness, a slight cut; and sounds of the same kind are not."""
    import soundfile

    rng = np.random.default_rng(0)
    folder = folder_of_sounds(tmp_path / "sounds", 3)
    song = np.concatenate([tone(hertz, 0.3) * 0.8 for hertz in (400, 900, 500, 1300, 700)])
    song += 0.02 * noise(rng, 1.5)
    written(folder / "song.wav", song)
    written(folder / "quiet.wav", 0.2 * song)
    written(folder / "cut.wav", song[400:])
    soundfile.write(folder / "song.flac", song, 8000)
    (folder / "broken.wav").write_bytes(b"RIFF")
    (folder / "notes.txt").write_text("no sound")
    found = json.loads(run("mine", folder, "--json").out)
    names = {frozenset((pair["first"], pair["second"])) for pair in found["pairs"]}
    for other in ("quiet.wav", "cut.wav", "song.flac"):
        assert frozenset((other, "song.wav")) in names
    assert not any(len({name.partition("/")[0] for name in pair}) > 1 for pair in names - {
        pair for pair in names if all("/" not in name for name in pair)
    })  # fmt: skip
    assert found["files"] == 13
    assert len(found["skipped"]) == 1 and "broken.wav" in found["skipped"][0]
    assert "pairs of 13 recordings with 0.95 or more" in run("mine", folder).err
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("x")
    assert "a folder, not a file" in run("mine", tmp_path / "texts", code=1).err
    assert "--duplicates is for a file" in run("mine", folder, "--duplicates", code=2).err
    assert "use-multilingual-v3 encodes text" in run(
        "mine", folder, "-m", "use-multilingual-v3", code=2
    ).err  # fmt: skip


def test_what_a_search_finds_is_marked(run, tmp_path):
    """A hiss lies at 10 to 15 s of a recording of tones: that window is found and drawn."""
    rng = np.random.default_rng(0)
    song = np.concatenate([tone(rng.uniform(300, 900), 0.5) for _ in range(40)])
    song[80_000:120_000] = noise(rng, 5.0)
    long = written(tmp_path / "sounds" / "it's long.wav", song)
    written(tmp_path / "sounds" / "other.wav", tone(500, 2.0))
    hiss = written(tmp_path / "hiss.wav", noise(rng, 4.0))
    index = tmp_path / "index"
    run("index", tmp_path / "sounds", "--into", index)
    picture = tmp_path / "a.png"
    query = ("--index", index, "--query", hiss)
    facts = json.loads(run("show", long, "-o", picture, *query, "--json").out)
    assert (facts["start"], facts["end"]) == (10, 15)
    assert facts["score"] > 0.5
    assert "found from 10 to 15 s" in run("show", long, "-o", picture, *query).err
    for arguments, said in (
        ([long, "--index", index], "--index and --query go together"),
        ([long, *query, "--start", "1"], "leave them out"),
        ([hiss, *query], "does not follow"),
    ):
        assert said in run("show", *arguments, "-o", picture, code=2).err
