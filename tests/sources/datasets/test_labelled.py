"""Folders of classes: what is a picture, what is its label, what is left out and why."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sememe import InvalidInputError
from sememe.sources.datasets.labelled import read_labelled


@pytest.fixture
def folder(tmp_path):
    for name in ("cat/1.png", "cat/deep/2.jpg", "개/3.png", "4.png"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (ord(name[-5]), 0, 0)).save(place)
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    return tmp_path


def test_the_topmost_folder_is_the_label(folder):
    found = read_labelled(folder)
    assert found.labels == ("cat", "cat", "개")
    assert found.classes == ("cat", "개")
    assert [path.name for path in found.items] == ["1.png", "2.jpg", "3.png"]
    why = {one.source: one.reason for one in found.skipped}
    assert set(why) == {"4.png", "cat/notes.txt"}
    assert "not in the folder of a class" in why["4.png"]


def test_pairs_of_lists_are_taken_as_they_are():
    pictures = [np.zeros((2, 2, 3), np.uint8)] * 2
    assert read_labelled((pictures, [1, "b"])).labels == ("1", "b")
    assert read_labelled(read_labelled((pictures, "ab"))).classes == ("a", "b")


def test_copies_have_one_digest_whatever_they_are_called(folder):
    (folder / "cat" / "copy.png").write_bytes((folder / "cat" / "1.png").read_bytes())
    found = read_labelled(folder)
    digests = dict(zip([path.name for path in found.items], found.digests(), strict=True))
    assert digests["copy.png"] == digests["1.png"] != digests["2.jpg"]
    wide, high = np.zeros((2, 4, 3), np.uint8), np.zeros((4, 2, 3), np.uint8)
    one, other = read_labelled(([wide, high], "ab")).digests()
    assert one != other  # the same bytes in another shape


def test_what_is_no_such_folder_is_told(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for wrong, said in (
        (folder / "4.png", "is a file"),
        (tmp_path / "empty", "no images in folders"),
        (tmp_path / "none", "existing folder"),
        (3, "a folder"),
        (([1], []), "1 images and 0 labels"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            read_labelled(wrong)
