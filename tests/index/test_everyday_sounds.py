"""Everyday sounds in an index: found by their names beside texts, and unknown ones left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import sememe
from sememe import Index, Item
from sememe.encoders.audio.everyday_sounds import EverydaySounds, SoundNameEncoder
from sememe.index.encoders import list_default_encoders, list_names
from sememe.index.report import Report
from sememe.index.writing.batch import Batch, Change, PendingRow, WriteLog
from sememe.index.writing.encode import RowEncoder
from sememe.search.table.item_catalogue import State
from sememe.sources.media.audio_decoding import read_sound
from sememe.sources.media.sequential_audio import SequentialReader
from tests.sounds import noise, tone, write

NOTES = {
    "rates": "The central bank raised interest rates by half a point.",
    "picnic": "The picnic was called off because of heavy rain and strong wind.",
    "lunch": "점심 식사는 열두 시에 식당에서 합니다.",
    "dog": "Our dog is two years old and likes to swim.",
}


class Hisses(EverydaySounds):
    """Hears rain in noise, surely, or probably where it is soft, and nothing else."""

    def probabilities_with_failures(self, items):
        rows = np.zeros((len(items), len(self.labels)), np.float32)
        for i, item in enumerate(items):
            samples = read_sound(item)
            hisses = (np.diff(np.sign(samples)) != 0).mean() > 0.3
            rows[i, 1] = 0 if not hisses else 0.97 if np.abs(samples).max() > 0.1 else 0.7
            rows[i, -1] = 1 - rows[i, 1]
        return rows, {}


@pytest.fixture(scope="module")
def index(tmp_path_factory, encoder):
    root = tmp_path_factory.mktemp("everyday")
    write(root / "things" / "a.flac", noise(3))
    write(root / "things" / "b.wav", tone(440, 3))
    soft = noise(5, level=0.01, seed=2)
    write(root / "things" / "c.wav", np.concatenate([tone(300, 10), soft, tone(300, 5)]))
    for name, text in NOTES.items():
        (root / "things" / f"{name}.txt").write_text(text)
    names = SoundNameEncoder(Hisses(), encoder, name="everyday-sounds:conse:use-multilingual-v3")
    index = Index.create(root / "index", [encoder, names, sememe.load("mel-statistics")])
    report = index.sync(root / "things")
    assert (report.added, report.skipped) == (7, [])
    assert index.verify().sound
    return index


@pytest.mark.parametrize("query", ["rain", "빗소리", "rainfall", "비 내리는 소리"])
def test_a_word_finds_the_sound_and_where_it_is(index, query):
    hits = {hit.id: hit for hit in index.search(query, k=3, mode="semantic")}
    assert hits.keys() >= {"things/a.flac", "things/c.wav"}
    assert hits["things/a.flac"].text == "rain / 빗소리"
    found = hits["things/c.wav"]
    assert (found.text, found.start, found.end) == ("rain / 빗소리 (probably)", 10.0, 15.0)


@pytest.mark.parametrize("query", ["rain", "빗소리"])
def test_its_name_is_a_word_of_it_but_not_that_it_is_a_guess(index, query):
    found = index.search(query, k=3, mode="keyword")
    assert {"things/a.flac", "things/c.wav"} <= set(found.ids)
    start = {hit.id: hit.start for hit in found}
    assert start["things/c.wav"] == 10.0
    assert not set(index.search("probably", mode="keyword").ids) & {"things/a.flac", "things/c.wav"}


def test_texts_are_not_pushed_aside(index):
    both = index.search("rain", k=3)
    assert {"things/picnic.txt", "things/a.flac"} <= set(both.ids)
    first = {"raising interest rates": "rates", "언제 점심을 먹나요?": "lunch", "a dog": "dog"}
    for query, name in first.items():
        assert index.search(query, k=1).ids == [f"things/{name}.txt"]


def test_an_unknown_sound_has_no_place_among_texts(index):
    """It has no vector in their column: by meaning it is not found, by example only sounds are."""
    found = index.search("rain", k=7, mode="semantic")
    assert "things/b.wav" not in found.ids
    by_example = index.search_sound(index.path.parent / "things" / "b.wav", k=7)
    assert by_example[0].id == "things/b.wav" and by_example[0].text == ""
    assert {hit.modality for hit in by_example} == {"audio"}


def test_a_sound_with_a_name_finds_texts_about_it(index):
    found = index.search_sound(index.path.parent / "things" / "a.flac", k=4)
    assert found[0].id == "things/a.flac"
    assert "things/picnic.txt" in found.ids


def test_an_index_names_sounds_unless_told_otherwise():
    assert list_default_encoders()[-2:] == ["everyday-sounds:conse", "mel-statistics"]
    assert list_names(["everyday-sounds:conse:all-minilm-l6-v2"]) == [
        "all-minilm-l6-v2",
        "everyday-sounds:conse:all-minilm-l6-v2",
    ]


def test_what_is_spoken_counts_more_than_what_is_heard(index, encoder):
    """A window in which words were recognised lies where they do, and shows them."""
    change = Change(Item("a", (noise(3), 16_000), "audio"), "", State.NEW, replaces=False)
    log = WriteLog(Report())
    encode = RowEncoder(index._encoders, SequentialReader(), log).encode
    for spoken, near in (("", "rain"), ("interest rates", "interest rates")):
        row = PendingRow(change, 0, 1, 0, 3000, "", None, spoken)
        with ThreadPoolExecutor(1) as background:
            (batch,) = encode([Batch(rows=[row], flush=True)], background)
        vector = batch.vectors[0][index._encoders.text_column[0]]
        assert (batch.rows[0].text or batch.names[0]).startswith(near)
        words = encoder.encode(["rain", "interest rates"])
        assert (words @ vector).argmax() == ["rain", "interest rates"].index(near)
