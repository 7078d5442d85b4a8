"""`sememe transcribe` and `sememe evaluate speech`, as typed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from sememe.app.cli import main
from tests.models.wav2vec2 import checkpoints as small
from tests.models.wav2vec2.checkpoints import RATE, said


@pytest.fixture
def model(tmp_path):
    return str(small.write_tones(tmp_path / "model"))


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name, text in (("one", "abc de"), ("two", "bee")):
        soundfile.write(folder / f"{name}.wav", said(text), RATE)
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_one_file_is_its_text(model, recordings, capsys):
    assert main(["transcribe", str(recordings / "one.wav"), "-m", model]) == 0
    assert capsys.readouterr().out == "abc de\n"


def test_a_folder_with_a_damaged_file(model, recordings, capsys):
    """The others are done; the exit code tells."""
    (recordings / "three.wav").write_bytes(b"")
    assert main(["transcribe", str(recordings), "-m", model, "--beam-size", "4"]) == 1
    printed = capsys.readouterr()
    one, two = (recordings / f"{name}.wav" for name in ("one", "two"))
    assert printed.out == f"{one}: abc de\n{two}: bee\n"
    assert "three.wav: empty" in printed.err


def test_json_says_when(model, recordings, capsys):
    assert main(["transcribe", str(recordings / "one.wav"), "-m", model, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["source"], found["text"]) == (str(recordings / "one.wav"), "abc de")
    assert [word["text"] for word in found["words"]] == ["abc", "de"]
    assert 0 < found["words"][0]["start"] < found["words"][1]["end"] < found["seconds"]


def test_a_list_of_words(model, recordings, tmp_path, capsys):
    (tmp_path / "words.txt").write_text("abd\nde\nzoo\n", encoding="utf-8")
    one, words = str(recordings / "one.wav"), str(tmp_path / "words.txt")
    assert main(["transcribe", one, "-m", model, "--words", words]) == 0
    printed = capsys.readouterr()
    assert printed.out == "abd de\n"
    assert "1 of the words cannot be written with the recogniser's letters: zoo" in printed.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["one.wav"], "no recogniser is installed with sememe; name one: -m FOLDER"),
        (["one.wav", "-m", "nothing"], "'nothing' is no network of speech"),
        (["none.wav", "-m", "MODEL"], "none.wav: no such file or folder"),
        (["one.wav", "-m", "MODEL", "--beam-size", "0"], "beam_size=0"),
        (["one.wav", "-m", "MODEL", "--words", "none.txt"], "is not a file"),
    ],
)
def test_bad_usage_says_what_to_type(arguments, says, model, recordings, monkeypatch, capsys):
    monkeypatch.chdir(recordings)
    assert main(["transcribe", *(model if a == "MODEL" else a for a in arguments)]) == 2
    assert says in capsys.readouterr().err


def test_evaluate_speech(model, recordings, capsys):
    soundfile.write(recordings / "silent.wav", np.zeros(4000), RATE)
    (recordings / "silent.txt").write_text("", encoding="utf-8")
    command = ["evaluate", "speech", model, str(recordings), "--beam-size", "2", "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["task"], found["n"], found["covered"]) == ("speech", 3, 1)
    assert found["metrics"] == {"word_error_rate": 0, "character_error_rate": 0}
    assert found["control"]["word_error_rate"] > 0.5
