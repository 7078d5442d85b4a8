"""Recordings with labels: folders, tables with folds and groups, labels in names."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sememe import InvalidInputError
from sememe.sources.datasets.filename_patterns import match_filenames
from sememe.sources.datasets.labelled import read_labelled
from sememe.sources.media.audio_decoding import Clip


@pytest.fixture
def folder(tmp_path):
    for name in ("비/a.wav", "dogs/deep/b.ogg", "dogs/c.txt", "d.flac"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_a_folder_of_classes(folder):
    found = read_labelled(folder, modality="audio")
    assert [path.name for path in found.items] == ["b.ogg", "a.wav"]
    assert found.labels == ("dogs", "비")
    assert {one.source for one in found.skipped} == {"dogs/c.txt", "d.flac"}
    assert (found.noun, found.folds, found.groups) == ("recording", (), ())


def test_labels_in_names_wherever_the_files_lie(folder):
    found = read_labelled(folder, modality="audio", label_pattern=r"^(.)\.")
    assert found.labels == ("d", "b", "a") or sorted(found.labels) == ["a", "b", "d"]
    assert {one.source for one in found.skipped} == {"dogs/c.txt"}


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_a_table_with_folds_and_groups(tmp_path, kind):
    rows = [
        {"filename": "x/a.wav", "category": "비", "fold": "1", "speaker": "영희"},
        {"filename": "b.wav", "category": "dog", "fold": "2", "speaker": "ben"},
        {"filename": "c.wav", "category": "", "fold": "2", "speaker": "ben"},
    ]
    table = tmp_path / f"sounds.{kind}"
    mark = "\t" if kind == "tsv" else ","
    lines = [mark.join(rows[0])] + [mark.join(row.values()) for row in rows]
    if kind == "jsonl":
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    table.write_text("\n".join(lines), encoding="utf-8")
    found = read_labelled(table, modality="audio")
    assert found.items == (tmp_path / "x/a.wav", tmp_path / "b.wav")
    assert (found.labels, found.folds, found.groups) == (("비", "dog"), ("1", "2"), ("영희", "ben"))
    assert [(one.source, one.reason) for one in found.skipped] == [("c.wav", "no label")]
    kept = found.select([1])
    assert (kept.labels, kept.folds, kept.groups) == (("dog",), ("2",), ("ben",))


def test_tables_that_cannot_be_used_say_why(tmp_path):
    table = tmp_path / "t.csv"
    for text, said in (
        ("path,weight\na.wav,3\n", "no column for labels but 'path', 'weight'. Call it 'label'"),
        ("label\nx\n", "no column for recordings"),
        ("path,label\n,\n", "no row with a path and a label"),
        ("path,label,fold\na.wav,x,1\nb.wav,y,\n", "1 of 2 rows have no fold"),
    ):
        table.write_text(text)
        with pytest.raises(InvalidInputError, match=said):
            read_labelled(table, modality="audio")


def test_patterns_that_cannot_be_used_say_why():
    assert match_filenames(["a/7_anna_03.wav"], "^.", "fold pattern") == ("7",)
    for pattern, said in (
        ("(", "no regular expression"),
        ("(.)(.)", "has 2 groups"),
        ("x", "finds nothing in 7.wav"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            match_filenames(["7.wav"], pattern, "fold pattern")
    with pytest.raises(InvalidInputError, match="finds nothing in ndarray"):
        match_filenames([np.zeros(3)], "x", "fold pattern")


def test_copies_of_samples_have_one_digest():
    one, two = np.zeros(8, np.float32), np.ones(8, np.float32)
    items = [(one, 8000), (one.copy(), 8000), (one, 16000), (two, 8000)]
    digests = read_labelled((items, "aabb"), modality="audio").digests()
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    long = [np.zeros(9000, np.float32) for _ in range(2)]
    long[1][4000] = 1  # what a printed array does not show
    clips = [Clip((long[0], 8000), 0, 1), Clip((long[1], 8000), 0, 1), Clip((long[0], 8000), 0, 2)]
    assert len(set(read_labelled((clips, "abc"), modality="audio").digests())) == 3
