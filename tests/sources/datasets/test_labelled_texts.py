"""Labelled texts: tables, folders and pairs; what is left out and why."""

from __future__ import annotations

import json

import pytest

from sememe import InvalidInputError
from sememe.sources.datasets.labelled_texts import find_similar_labels, read_labelled_texts


def test_a_table_is_read_by_the_usual_names_of_its_columns(tmp_path):
    table = tmp_path / "reviews.csv"
    table.write_text(
        "번호,리뷰,감정\n1,좋아요,긍정\n2,별로,부정\n3,,부정\n4,그냥,\n", encoding="utf-8"
    )
    found = read_labelled_texts(table)
    assert found.items == ("좋아요", "별로")
    assert found.labels == ("긍정", "부정")
    reasons = [(one.source, one.reason) for one in found.skipped]
    assert reasons == [("reviews.csv, record 3", "no text"), ("reviews.csv, record 4", "no label")]


def test_columns_may_be_named_and_groups_stay_beside_their_texts(tmp_path):
    table = tmp_path / "a.jsonl"
    rows = [
        {"body": "one", "stars": 1, "who": "x", "group": "g1"},
        {"body": "", "stars": 2, "who": "y", "group": "g2"},
        {"body": "three", "stars": 3, "who": "z", "group": "g3"},
    ]
    table.write_text("\n".join(map(json.dumps, rows)))
    found = read_labelled_texts(table, label_column="who")
    assert (found.labels, found.groups) == (("x", "z"), ("g1", "g3"))
    assert read_labelled_texts(table).labels == ("1", "3")


def test_a_folder_for_each_class(tmp_path):
    for name in ("sport/1.txt", "food/deep/2.md", "loose.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}")
    (tmp_path / "food" / "t.csv").write_text("text,price\nsoup,3\n")
    found = read_labelled_texts(tmp_path)
    assert sorted(zip(found.labels, found.items, strict=True)) == [
        ("food", "soup"), ("food", "text of food/deep/2.md"), ("sport", "text of sport/1.txt"),
    ]  # fmt: skip
    assert "not in the folder of a class" in {one.reason for one in found.skipped}


def test_labels_that_differ_by_a_space_are_one():
    found = read_labelled_texts((["a", "b", "c"], ["very good", " very  good ", "bad"]))
    assert found.classes == ("bad", "very good")
    assert find_similar_labels(["Bad", "bad", "good"]) == [("Bad", "bad")]


def test_labels_as_spreadsheets_and_json_write_them(tmp_path):
    table = tmp_path / "a.jsonl"
    rows = [("a", 4.0), ("b", "4"), ("c", ["x"]), ("d", None), ("e", float("nan"))]
    table.write_text("\n".join(json.dumps({"text": t, "label": y}) for t, y in rows))
    found = read_labelled_texts(table)
    assert found.labels == ("4", "4", "x")
    assert [one.reason for one in found.skipped] == ["no label", "no label"]
    table.write_text('{"text": "a", "label": ["x", "y"]}')
    with pytest.raises(InvalidInputError, match="several values in one record"):
        read_labelled_texts(table)


def test_texts_that_differ_by_spaces_are_copies():
    one, two, three = read_labelled_texts((["a  b", " a b", "ab"], "xxy")).digests()
    assert one == two != three


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (3, "a folder with a folder of texts for each class"),
        ((["a"], []), "1 texts and 0 labels"),
        (([1], ["x"]), "text 0 is int"),
        ((["a", " "], ["", "x"]), "no text with a label"),
    ],
)
def test_what_is_no_labelled_text_is_told(data, said):
    with pytest.raises(InvalidInputError, match=said):
        read_labelled_texts(data)


def test_a_table_without_such_a_column_names_those_it_has(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("words,mark\nhello,1\n")
    with pytest.raises(InvalidInputError, match=r"'words', 'mark'.*--text-column"):
        read_labelled_texts(table)
    with pytest.raises(InvalidInputError, match="is for texts and labels"):
        read_labelled_texts(table, text_column="words", label_column="words")
