"""`sememe train mel-statistics`: a scale of one's own recordings."""

from __future__ import annotations

import json

import sememe
from sememe.app.cli import main
from tests.sounds import noise, tone, write


def test_a_folder_of_recordings_becomes_an_encoder(tmp_path, capsys):
    for i in range(52):
        write(tmp_path / "in" / f"{i}.wav", noise(0.2, seed=i) * tone(90 * (i + 1), 0.2))
    (tmp_path / "in" / "broken.wav").write_bytes(b"no sound")
    out = tmp_path / "own"
    assert (
        main(["train", "mel-statistics", str(tmp_path / "in"), "-o", str(out), "--dim", "8"]) == 0
    )
    assert "8 dimensions, fitted to" in capsys.readouterr().out
    assert sememe.load(str(out)).encode([tmp_path / "in" / "0.wav"]).shape == (1, 8)
    again = [
        "train",
        "mel-statistics",
        str(tmp_path / "in"),
        "-o",
        str(out),
        "--dim",
        "9",
        "--json",
    ]
    assert main(again) == 2 and "add --overwrite" in capsys.readouterr().err
    assert main([*again, "--overwrite"]) == 0
    assert json.loads(capsys.readouterr().out)["dim"] == 9
    assert sememe.load(str(out)).dim == 9


def test_too_few_recordings_are_refused(tmp_path, capsys):
    write(tmp_path / "in" / "a.wav", noise())
    assert main(["train", "mel-statistics", str(tmp_path / "in"), "-o", str(tmp_path / "o")]) == 2
    assert "got 1 audio items that can be read; a scale needs 50" in capsys.readouterr().err
