"""Sounds beside text in an index: found by their like, by their names, and by what is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

import sememe
from sememe import Index, Item
from sememe.encoders.audio.transcriber import Word
from sememe.index.writing.audio_windows import cut_windows
from tests.models.wav2vec2 import checkpoints as small
from tests.sounds import RATE, clicks, noise, tone, write

NOTE = "The central bank raised interest rates by half a point."


def hiss(seconds, seed=0):
    return noise(seconds, seed=seed)


def beeps(seconds):
    return tone(880, seconds) * (np.arange(int(seconds * RATE)) // 4000 % 2) + hiss(seconds) / 100


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "things"
    write(root / "rain.flac", hiss(4))
    write(root / "alarm clock.mp3", beeps(4))
    write(root / "metronome.wav", clicks(0.5, 4))
    # a minute of hiss in which it beeps from 30 to 40 seconds
    write(root / "long.ogg", np.concatenate([hiss(30, 1), beeps(10), hiss(22, 2)]))
    (root / "note.txt").write_text(NOTE)
    return root


@pytest.fixture
def index(tmp_path, encoder):
    return Index.create(tmp_path / "index", [encoder, sememe.load("mel-statistics")])


def test_an_index_reads_sounds_unless_told_otherwise(tmp_path):
    names = [entry.name for entry in Index.create(tmp_path / "index").encoders]
    assert names[0] == "use-multilingual-v3" and names[-1] == "mel-statistics"


def test_a_sound_finds_its_like_and_where_it_is(index, folder):
    report = index.sync(folder)
    assert (report.added, report.skipped) == (5, [])
    assert index.verify().sound
    hits = index.search_sound((beeps(3), RATE), k=2)
    assert set(hits.ids) == {"things/alarm clock.mp3", "things/long.ogg"}
    found = next(hit for hit in hits if hit.id == "things/long.ogg")
    assert (found.modality, found.text) == ("audio", "")
    assert found.start in (30.0, 35.0) and found.end == found.start + 5
    assert found.metadata["seconds"] == 62.0
    short = next(hit for hit in hits if hit.id == "things/alarm clock.mp3")
    assert (short.start, short.end) == (0.0, pytest.approx(4, abs=0.1))
    assert index.search_sound(folder / "rain.flac", k=1)[0].score == pytest.approx(1, abs=1e-5)
    assert index.search_sound((hiss(2, 9), RATE), where="seconds < 10", k=1).ids == [
        "things/rain.flac"
    ]


def test_words_find_a_sound_by_its_name_and_a_note_by_its_meaning(index, folder):
    index.sync(folder)
    assert index.search("alarm", mode="keyword").ids == ["things/alarm clock.mp3"]
    assert index.search("monetary policy", k=1).ids == ["things/note.txt"]


def test_only_what_changed_is_encoded_again(index, folder):
    index.sync(folder)
    assert (again := index.sync(folder)).chunks == 0 and again.unchanged == 5
    write(folder / "rain.flac", clicks(0.1, 4))
    (folder / "metronome.wav").unlink()
    report = index.sync(folder)
    assert (report.updated, report.removed, report.chunks) == (1, 1, 1)
    assert index.search_sound((clicks(0.1, 3), RATE), k=1).ids == ["things/rain.flac"]
    assert index.verify().sound


def test_damaged_sounds_are_told_and_the_rest_is_indexed(index, folder):
    (folder / "empty.wav").write_bytes(b"")
    (folder / "fake.wav").write_bytes(b"this is no sound at all")
    write(folder / "none.wav", np.zeros(0))
    write(folder / "nan.wav", np.full(RATE, np.nan), subtype="FLOAT")
    write(folder / "one.wav", np.ones(1))
    write(folder / "silence.flac", np.zeros(RATE * 20))
    write(folder / "seven.wav", np.stack([tone()] * 7, 1))
    data = (folder / "alarm clock.mp3").read_bytes()
    (folder / "cut.mp3").write_bytes(data[: len(data) // 2])
    report = index.sync(folder)
    assert report.added == 9
    reasons = {s.source.removeprefix("things/"): s.reason for s in report.skipped}
    assert reasons.keys() == {"empty.wav", "fake.wav", "none.wav", "nan.wav", "cut.mp3"}
    assert reasons["nan.wav"] == "all of its 16000 samples are NaN or infinite"
    assert reasons["cut.mp3"].endswith("what is there is used")
    assert index.verify().sound
    hits = index.search_sound(folder / "one.wav", k=20)
    assert np.isfinite(hits.scores).all() and len(hits) == 8


def test_a_sound_that_broke_keeps_what_was_indexed_of_it(index, folder):
    index.sync(folder)
    write(folder / "rain.flac", np.full(9, np.nan), format="WAV", subtype="FLOAT")
    report = index.sync(folder)
    (told,) = report.skipped
    assert told.reason.endswith("what was indexed of it before is kept")
    assert (report.updated, report.added) == (0, 0)
    assert "things/rain.flac" in index.search_sound((hiss(4), RATE), k=1).ids
    assert index.verify().sound


def test_sounds_are_added_as_paths_samples_bytes_and_items(index, folder):
    rain = folder / "rain.flac"
    report = index.add(
        [
            rain,
            {"id": "samples", "audio": (beeps(2), RATE), "room": "kitchen"},
            {"audio": rain.read_bytes()},
            {"id": "set", "audio": {"array": clicks(0.2), "sampling_rate": RATE}},
            Item("item", str(folder / "metronome.wav"), "audio"),
        ]
    )
    assert (report.added, report.skipped) == (5, [])
    assert index.search_sound((beeps(2), RATE), where="room = 'kitchen'").ids == ["samples"]
    assert index.add([{"id": "samples", "audio": (beeps(2), RATE), "room": "kitchen"}]).unchanged
    for wrong in (7, np.zeros(5), (np.zeros(5), "high")):
        with pytest.raises(sememe.InvalidInputError, match="item 0: its audio"):
            index.add([{"audio": wrong}])


def test_near_duplicates_are_listed(index, folder):
    write(folder / "copy.ogg", hiss(4) * 0.1)
    index.sync(folder)
    (pair,) = index.similar_sounds(threshold=0.99)
    assert (pair.first, pair.second) == ("things/copy.ogg", "things/rain.flac")


def test_an_index_without_an_encoder_for_sounds_says_so(tmp_path, encoder, folder):
    index = Index.create(tmp_path / "index", [encoder])
    report = index.sync(folder)
    assert report.added == 1
    assert "pip install 'sememe[audio]'" in report.skipped[0].reason
    with pytest.raises(sememe.InvalidInputError, match="no encoder for audio"):
        index.search_sound((tone(), RATE))


def test_windows_worked_by_hand():
    assert [(w.start, w.end) for w in cut_windows(0.0001)] == [(0, 1)]
    assert [(w.start, w.end) for w in cut_windows(7.4)] == [(0, 7400)]
    assert [(w.start, w.end) for w in cut_windows(7.5)] == [(0, 5000), (5000, 7500)]
    words = [Word("one", 0.1, 0.4), Word("two", 4.9, 5.2), Word("three", 7.45, 7.5)]
    assert [w.spoken for w in cut_windows(7.5, words)] == ["one two", "three"]


@pytest.fixture
def hearing(tmp_path, encoder):
    """An index whose recogniser writes a letter for each of five tones."""
    place = small.write_tones(tmp_path / "tones")
    return Index.create(
        tmp_path / "heard", [encoder, sememe.load("mel-statistics")], transcriber=str(place)
    )


def test_text_finds_what_is_said_and_when(hearing, tmp_path):
    """ "bad" is said in the second ten seconds of one of two recordings."""
    quiet = np.zeros(6 * small.RATE, "f4")
    said = np.concatenate([small.said("abc de "), quiet, small.said("bad cab")])
    hearing.add(
        [
            {"id": "spoken", "audio": (said, small.RATE)},
            {"id": "other", "audio": (small.said("deed"), small.RATE)},
            ("note", NOTE),
        ]
    )
    hit = hearing.search("bad", mode="keyword")[0]
    assert (hit.id, hit.text) == ("spoken", "bad cab")
    assert 5 <= hit.start < hit.end and hearing.search("bad", mode="keyword").ids == ["spoken"]
    assert hearing.search("bad cab", mode="semantic", k=1)[0].id == "spoken"
    hit = hearing.search("bad", k=1)[0]  # in the default mode too it is the window that has it
    assert (hit.id, hit.text) == ("spoken", "bad cab")
    late = hearing.search_sound((said, small.RATE), where="start >= 5000")  # in milliseconds
    assert [(late_hit.id, late_hit.start) for late_hit in late] == [("spoken", 5.0)]
    assert hearing.search("zebra", mode="keyword").ids == []  # the control: nobody says it
    assert hearing.verify().sound
    again = Index.open(hearing.path)
    assert again.transcriber == hearing.transcriber
    assert again.add([{"id": "new", "audio": (small.said("ace"), small.RATE)}]).added == 1
    assert again.search("ace", mode="keyword").ids == ["new"]


def test_the_command_line_indexes_and_searches_sounds(tmp_path, folder, capsys):
    from sememe.app.cli import main

    at = str(tmp_path / "cli")
    assert main(["index", str(folder), "--into", at]) == 0
    capsys.readouterr()
    assert (
        main(["search", at, "--audio", str(folder / "alarm clock.mp3"), "-k", "2", "--json"]) == 0
    )
    first, second = json.loads(capsys.readouterr().out)["hits"]
    assert first["id"] == "things/alarm clock.mp3" and first["modality"] == "audio"
    assert second["id"] == "things/long.ogg" and second["start"] in (30.0, 35.0)
    assert main(["search", at, "--audio", str(folder / "alarm clock.mp3")]) == 0
    assert "30.0 to 35.0 s" in capsys.readouterr().out
    write(folder / "copy.flac", beeps(4) * 0.1)
    write(folder / "same.flac", beeps(4))
    assert main(["index", str(folder), "--into", at]) == 0
    capsys.readouterr()
    assert main(["mine", at, "--json", "--threshold", "0.99"]) == 0
    pairs = json.loads(capsys.readouterr().out)["pairs"]
    assert ["things/copy.flac", "things/same.flac"] in [[p["first"], p["second"]] for p in pairs]
    assert main(["search", at, "beep", "--audio", "x.wav"]) == 2
    assert "leave out QUERY" in capsys.readouterr().err
    assert main(["search", at, "--audio", str(tmp_path / "no.wav")]) == 2
    assert "no such file. Give an audio file" in capsys.readouterr().err
    assert main(["index", str(folder), "--into", at, "--transcriber", "x"]) == 2


def test_a_recogniser_that_moved_is_named_anew_and_another_is_refused(hearing, tmp_path):
    (tmp_path / "tones").rename(tmp_path / "moved")
    index = Index.open(hearing.path)
    things = [{"id": "said", "audio": (small.said("bad"), small.RATE)}, ("note", NOTE)]
    report = index.add(things)
    assert report.added == 1  # the text; nothing is lost by the recogniser's absence
    assert "--transcriber FOLDER" in report.skipped[0].reason
    index.use_transcriber(str(tmp_path / "moved"))
    assert Index.open(hearing.path).add(things).added == 1
    other = small.write_tones(tmp_path / "other", letters="edcba")
    with pytest.raises(sememe.InvalidInputError, match="is another one now"):
        index.use_transcriber(str(other))
    with pytest.raises(sememe.InvalidInputError, match="none of the encoders is for audio"):
        Index.create(tmp_path / "new", ["use-multilingual-v3"], transcriber=str(other))


def test_a_recording_of_many_windows_is_stored_and_found_to_its_end(hearing, monkeypatch):
    """More windows than carry terms together, than are encoded together, and than a batch holds."""
    monkeypatch.setattr("sememe.index.writing.chunks.BATCH_ROWS", 8 * 20)
    quiet = np.zeros(int(4.9 * small.RATE), "f4")
    parts = [np.concatenate([small.said(" bee "), quiet]) for _ in range(50)]
    long = np.concatenate([*parts, small.said(" cab ")])
    assert hearing.add([{"id": "long", "audio": (long, small.RATE)}]).added == 1
    assert hearing.verify().sound
    hit = hearing.search("cab", k=1)[0]
    assert hit.text.endswith("cab") and hit.start > 250


def test_windows_are_those_of_one_decoding(tmp_path):
    """An MP3 that is sought in gives other samples than one that is read on."""
    from sememe.sources.media.sequential_audio import SequentialReader

    samples = noise(20)
    path = write(tmp_path / "a.mp3", samples)
    whole, reader = sememe.read_sound(path), SequentialReader()
    for start, end in ((0, 5), (5, 10), (12, 15), (3, 4), (15, None)):
        found, rate = reader.read(sememe.Clip(path, start, end))
        assert rate == RATE
        np.testing.assert_array_equal(found, whole[start * RATE : end and end * RATE])
    with pytest.raises(sememe.CorruptFileError, match="it ends before"):
        reader.read(sememe.Clip(path, 30, 31))
    reader.close()


def test_the_length_is_what_was_heard(index, folder):
    data = (folder / "alarm clock.mp3").read_bytes()
    (folder / "alarm clock.mp3").write_bytes(data[: len(data) // 2])
    index.sync(folder)
    (hit,) = index.search("alarm", mode="keyword")
    assert 1 < hit.metadata["seconds"] < 3 and hit.end == hit.metadata["seconds"]


def test_a_clip_is_no_item(index, folder):
    with pytest.raises(sememe.InvalidInputError, match="give the whole file"):
        index.add([{"audio": sememe.Clip(folder / "rain.flac", 1, 2)}])
