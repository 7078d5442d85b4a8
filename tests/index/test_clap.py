"""Sounds in a space that texts share: words find them, beside texts and without any.

The network is made by hand: it knows the words "hum", "horn" and "whistle". The control, in each
test of meaning, is one that takes each word for another's sound: with it, the other is found.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

import sememe
from sememe import Index, InvalidInputError
from sememe.app.cli import main
from sememe.encoders.audio.transcriber import Transcriber
from tests.models.clap import checkpoints as small
from tests.models.clap.checkpoints import RATE, SOUNDS, sounding
from tests.models.wav2vec2 import checkpoints as speech_checkpoints
from tests.sounds import write

NOTE = "The central bank raised interest rates by half a point."
NEXT = dict(zip(SOUNDS, [*list(SOUNDS)[1:], next(iter(SOUNDS))], strict=True))


@pytest.fixture(scope="module", params=[False, True], ids=["meant", "mixed"])
def model(request, tmp_path_factory):
    """A network's folder, and which file's sound it takes a word for."""
    place = small.write_knowing(tmp_path_factory.mktemp("clap") / "network", mixed=request.param)
    return str(place), NEXT if request.param else {name: name for name in SOUNDS}


@pytest.fixture
def folder(tmp_path):
    """Files whose names say nothing, and a minute of hum with a whistle from second 30 to 40."""
    root = tmp_path / "things"
    for place, name in enumerate(SOUNDS):
        write(root / f"{place}.wav", sounding(name, 4), rate=RATE)
    parts = [sounding("hum", 30), sounding("whistle", 10), sounding("hum", 20)]
    write(root / "long.flac", np.concatenate(parts), rate=RATE)
    (root / "note.txt").write_text(NOTE)
    return root


def file_of(name):
    return f"things/{list(SOUNDS).index(name)}.wav"


def test_words_find_a_sound_beside_texts_that_another_encoder_reads(
    model, folder, tmp_path, encoder
):
    place, meant = model
    index = Index.create(tmp_path / "index", [encoder, *sememe.load_encoders(place)])
    assert index.sync(folder).skipped == []
    assert [entry.modality for entry in index.encoders] == ["text", "text", "audio"]
    for name in SOUNDS:
        hit = index.search(f"a {name}", k=1)[0]
        if meant[name] == "whistle":  # five seconds of the minute are as good an answer
            assert hit.id in (file_of("whistle"), "things/long.flac")
        else:
            assert hit.id in (file_of(meant[name]), "things/long.flac"), name
        assert hit.modality == "audio"
    assert index.search("monetary policy", k=1).ids == ["things/note.txt"]
    found = index.search("whistle", k=5, where="id = 'things/long.flac'")[0]
    if meant["whistle"] == "whistle":
        assert (found.start, found.end) in ((30.0, 35.0), (35.0, 40.0))
    assert index.verify().sound


def test_one_model_is_enough_for_texts_and_sounds(model, folder, tmp_path):
    """Its own text encoder then reads the texts; each kind is measured by itself."""
    place, meant = model
    (folder / "whistle.txt").write_text("whistle")
    index = Index.create(tmp_path / "index", [place])
    index.sync(folder)
    assert [entry.modality for entry in index.encoders] == ["text", "audio"]
    assert index.encoders[0].column == index.encoders[1].column
    hits = index.search("horn", k=3, where="modality = 'audio'", mode="semantic")
    assert hits.ids[0] in (file_of(meant["horn"]), "things/long.flac")
    assert index.search("whistle", k=1, where="modality = 'text'").ids == ["things/whistle.txt"]
    # a sound finds its like, and texts about it
    like = index.search_sound((sounding("whistle", 2, seed=5), RATE), k=2)
    assert set(like.ids) <= {file_of("whistle"), "things/long.flac", "things/whistle.txt"}
    texts = index.search_sound((sounding("whistle", 2), RATE), where="modality = 'text'", k=1)
    named = texts.ids[0] == "things/whistle.txt"
    assert named or meant["whistle"] != "whistle"


def test_texts_do_not_bury_sounds(folder, tmp_path):
    """A text about a whistle is nearer to the word than any sound is; each is measured among its
    like, and the sound that stands out among sounds is found. The control: the cosines alone."""
    place = small.write_knowing(tmp_path / "network")
    for i in range(12):
        (folder / f"{i}.txt").write_text(f"a whistle {i}")
    index = Index.create(tmp_path / "index", [str(place)])
    index.sync(folder)
    hits = index.search("whistle", k=5, mode="semantic")
    assert {"things/2.wav", "things/long.flac"} <= set(hits.ids)
    texts, sounds = sememe.load_encoders(str(place))
    query = texts.encode(["whistle"])[0]
    told = texts.encode([f"a whistle {i}" for i in range(12)]) @ query
    assert told.min() > (sounds.encode([folder / "2.wav"]) @ query).max() + 0.1


def test_sounds_are_alike_by_their_own_space_where_there_is_one(folder, tmp_path, encoder):
    place = small.write_knowing(tmp_path / "network")
    index = Index.create(tmp_path / "index", [encoder, "mel-statistics", str(place)])
    index.sync(folder)
    hits = index.search_sound(folder / "1.wav", k=1)
    assert hits.ids == ["things/1.wav"] and hits[0].score == pytest.approx(1, abs=1e-4)
    assert index.search("horn", k=1).ids == ["things/1.wav"]


def test_what_is_said_does_not_stand_where_a_sound_lies(folder, tmp_path):
    """With a recogniser, words that are heard are found as words; the sound keeps its vector."""
    place = small.write_knowing(tmp_path / "network")
    speech = speech_checkpoints.write_tones(tmp_path / "speech")
    write(folder / "3.wav", speech_checkpoints.said("abba"), rate=RATE)
    plain = Index.create(tmp_path / "plain", [str(place)])
    heard = Index.create(tmp_path / "heard", [str(place)], transcriber=str(speech))
    for index in (plain, heard):
        index.sync(folder)
    assert Transcriber.load(str(speech)).transcribe([folder / "3.wav"])[0].text == "abba"
    assert heard.search("abba", mode="keyword").ids == ["things/3.wav"]
    found = [
        [(hit.id, round(hit.score, 4)) for hit in index.search("whistle", mode="semantic")]
        for index in (plain, heard)
    ]
    assert found[0] == found[1]


def test_a_sound_encoder_without_its_text_encoder_finds_by_sound_alone(folder, tmp_path, encoder):
    place = small.write_knowing(tmp_path / "network")
    index = Index.create(tmp_path / "index", [encoder, f"{place}:audio"])
    index.sync(folder)
    assert index.search_sound(folder / "2.wav", k=1).ids == ["things/2.wav"]
    with pytest.raises(InvalidInputError, match="has a space of its own|text vectors of 2 spaces"):
        Index.create(tmp_path / "other", [encoder, f"{place}:text"])


def test_the_command_line_finds_sounds_by_words(folder, tmp_path, capsys):
    place = small.write_knowing(tmp_path / "network")
    into = str(tmp_path / "index")
    assert main(["index", str(folder), "--into", into, "-m", str(place)]) == 0
    capsys.readouterr()
    assert main(["search", into, "a loud horn", "-k", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["id"] == "things/1.wav"
    assert main(["search", into, "--audio", str(folder / "0.wav"), "-k", "2", "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert {hit["id"] for hit in hits} == {"things/0.wav", "things/long.flac"}
