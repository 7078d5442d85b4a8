"""Tables of images and texts: which belong together, and what is left out, counted."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sememe._errors import InvalidInputError
from sememe.sources.datasets.image_text import read_image_texts
from tests.drawings import noise


@pytest.fixture
def folder(tmp_path):
    for name in "abc":
        noise(ord(name)).save(tmp_path / f"{name}.png")
    return tmp_path


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def named(found):
    """(image, text) of each pair."""
    return [(found.images[i].name, found.texts[t]) for i, t, _ in found.pairs.tolist()]


def test_a_row_is_a_pair_and_rows_of_one_image_are_a_group(folder):
    table = write(folder / "t.csv", 'image,caption\na.png,"one, two"\nb.png,둘\na.png,하나\n')
    found = read_image_texts(table)
    assert named(found) == [("a.png", "one, two"), ("b.png", "둘"), ("a.png", "하나")]
    assert found.pairs[0, 2] == found.pairs[2, 2] != found.pairs[1, 2]
    assert (found.n_groups, found.notes) == (2, ())


def test_rows_that_chain_through_images_are_one_group(folder):
    """Row 0 has a and b, row 2 has b and c: one group of all three, whatever their order."""
    rows = [{"images": ["a.png", "b.png"], "text": "x"}, {"images": [], "text": "y"},
            {"images": ["c.png", "b.png"], "text": ["z", "x"]}]  # fmt: skip
    table = write(folder / "t.jsonl", "\n".join(map(json.dumps, rows)))
    found = read_image_texts(table)
    assert set(named(found)) == {(f"{i}.png", t) for i, t in ["ax", "bx", "cz", "cx", "bz"]}
    assert found.n_groups == 1
    assert found.notes == (
        "1 rows with texts and no image left out",
        "1 pairs that repeat another left out",
    )


def test_what_cannot_be_used_is_counted(folder):
    table = write(
        folder / "t.tsv", "사진\t설명\na.png\t하나\nnone.png\t없음\nb.png\t \n\t글\na.png\t하나\n"
    )
    found = read_image_texts(table)
    assert named(found) == [("a.png", "하나")]
    assert set(found.notes) == {
        "1 images that are not there left out",
        "2 rows with texts and no image left out",
        "1 rows with images and no text left out",
        "1 pairs that repeat another left out",
    }
    kept = found.without({0: "cut off"})
    assert len(kept.pairs) == 0
    assert kept.notes[-1] == "1 images could not be read: a.png: cut off"


def test_columns_can_be_named_and_parquet_is_read(folder):
    path = folder / "t.parquet"
    pq.write_table(pa.table({"bild": ["a.png"], "en": ["one"], "ko": ["하나"]}), path)
    found = read_image_texts(path, image_column="bild", text_columns=["en", "ko"])
    assert named(found) == [("a.png", "one"), ("a.png", "하나")]
    assert found.columns == ("en", "ko")
    with pytest.raises(InvalidInputError, match=r"no column for images but 'bild', 'en', 'ko'"):
        read_image_texts(path)
    with pytest.raises(InvalidInputError, match=r"no column 'de'.*--text-column NAME"):
        read_image_texts(path, image_column="bild", text_columns=["de"])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "image,text\nnone.png,x\n", "holds no image with a text"),
        ("t.csv", "image,text\n", "no column for images"),
        ("t.csv", "", "no column for images"),
        ("t.jsonl", "[1]", "no JSON object"),
        ("t.csv", "image,text\na.png\n", "has 1 columns, the first 2"),
        ("t.docx", "x", "a docx file; allowed: a .csv"),
    ],
)
def test_bad_tables_are_told(folder, name, text, says):
    with pytest.raises(InvalidInputError, match=says):
        read_image_texts(write(folder / name, text))
    with pytest.raises(InvalidInputError, match="no such file"):
        read_image_texts(folder / "none.csv")
    with pytest.raises(InvalidInputError, match=r"a folder, not a table. Give a .csv"):
        read_image_texts(folder)
