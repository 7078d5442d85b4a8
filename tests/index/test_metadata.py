"""Metadata that does not fit: files lose a value and say so, programs are refused."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pytest

from sememe import Index, InvalidInputError, Item
from sememe.index.writing.metadata import MetadataSchema


@pytest.fixture
def index(tmp_path, encoder):
    return Index.create(tmp_path / "index", [encoder])


@pytest.fixture
def tables(tmp_path):
    """Two tables that do not agree on what a code is, and a text that has none."""
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "a.csv").write_text("id,text,code\n1,사과는 붉다,10\n2,배는 노랗다,20\n")
    (folder / "b.csv").write_text("id,text,code\n1,포도는 달다,A1\n2,귤은 시다,B2\n")
    (folder / "c.txt").write_text("나무가 자란다")
    return folder


def test_one_column_of_two_kinds_costs_no_file(index, tables):
    report = index.sync(tables)
    assert report.added == 5
    (note,) = report.skipped
    assert note.source == "tables/b.csv"
    assert "'code' was left out of 2 items" in note.reason
    assert "holds it as int" in note.reason
    assert index.search("사과", mode="keyword", where="code = 10").ids == ["tables/a.csv#1"]
    (grape,) = index.search("포도", mode="keyword")
    assert grape.metadata == {}
    again = index.sync(tables)
    assert (again.unchanged, again.chunks, again.skipped) == (5, 0, [note])


def test_a_column_of_strings_takes_numbers(index, tables):
    (tables / "a.csv").rename(tables / "z.csv")
    assert index.sync(tables).skipped == []
    assert index.search("사과", mode="keyword", where="code = '10'").ids == ["tables/z.csv#1"]


def test_kinds_within_one_file_and_names_in_another_case(index, tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    records = [{"text": "사과", "year": 2020}, {"text": "바나나", "year": "unknown"}]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    (folder / "b.jsonl").write_text(json.dumps({"text": "포도", "Year": 2021}))
    report = index.sync(folder)
    assert report.added == 3
    assert [(note.source, note.reason) for note in report.skipped] == [
        ("tables/a.jsonl", "metadata 'year' was left out of 1 item: the index holds it as int")
    ]
    found = index.search("사과 바나나 포도", mode="keyword", where="year >= 2020").ids
    assert sorted(found) == ["tables/a.jsonl#1", "tables/b.jsonl#1"]


def test_values_are_fitted_to_their_columns():
    schema = MetadataSchema({"tag": "string", "size": "int64"})
    given = {"tag": True, "size": 2.5, "Tag": "twin", "a.b": 1}
    item = schema.fit(Item("x", "text", metadata=given))
    assert item.metadata == {"tag": "true", "size": 2.5}
    reasons = [note.reason for note in schema.report_left_out("s")]
    assert len(reasons) == 2
    assert "'Tag'" in reasons[0] and "upper and lower case" in reasons[0]
    assert "'a.b'" in reasons[1] and "without dots" in reasons[1]
    assert list(schema.report_left_out("s")) == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"when": datetime.timedelta(days=1)},
        {"tags": ["a"]},
        {"n": 2**70},
        {3: "three"},
        {"k\ud800": 1},
        {"year": "two thousand"},
    ],
)
def test_a_program_is_refused_and_loses_nothing_that_came_before(index, metadata):
    index.add([{"id": "old", "text": "지난 글", "year": 2000}])
    items = [("before", "먼저 온 글"), {"id": "bad", "text": "나쁜 글", **metadata}]
    with pytest.raises(InvalidInputError, match=r"[Mm]etadata"):
        index.add([*items, ("after", "나중 글")])
    assert len(index) == 2
    assert index.search("먼저", mode="keyword").ids == ["before"]
    assert index.verify().sound


def test_nan_is_a_missing_value(index):
    index.add([{"id": "nan", "text": "하나", "v": float("nan")}, {"id": "2", "text": "둘", "v": 2}])
    assert index.search("하나 둘", where="v > 1").ids == ["2"]
    assert index.add([{"id": "nan", "text": "하나", "v": None}]).unchanged == 1
    assert index.verify().sound


@pytest.mark.parametrize("item", [Item("a", None), Item(None, "a"), ("a", 1), {"text": b"a"}, 3])
def test_things_that_are_no_items_are_named(index, item):
    with pytest.raises(InvalidInputError, match="item 1"):
        index.add([("first", "처음"), item])
    assert len(index) == 1


def test_zero_is_an_id(index):
    index.add([{"id": 0, "text": "영번"}, {"id": "", "text": "이름 없음"}])
    zero, nameless = sorted(index.search("영번 이름", mode="keyword").ids)
    assert zero == "0"
    assert nameless.startswith("text-")


def test_dates_and_numpy_scalars_are_kept_and_what_is_not_finite_is_left_out(index):
    given = {
        "day": datetime.date(2024, 1, 2),
        "n": np.int64(3),
        "x": np.float32(0.5),
        "b": np.bool_(True),
        "inf": float("inf"),
        "nan": np.float64("nan"),
    }
    index.add([{"id": "a", "text": "글", **given}])
    (hit,) = index.search("글", mode="keyword", where="day >= '2024-01-01' AND n = 3")
    assert hit.metadata == {"day": "2024-01-02", "n": 3, "x": 0.5, "b": True}
