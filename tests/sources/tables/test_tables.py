"""Formats that give one item for a record: CSV, TSV, JSON Lines, Parquet."""

from __future__ import annotations

import datetime
import gzip
import json
import lzma
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sememe.sources.tables.column_names import ColumnNames
from sememe.sources.tables.csv_rows import Rows
from sememe.sources.tables.id_set import IdSet
from tests.sources.helpers import read, reasons, write


def clean(path):
    items, skipped = read(path)
    assert skipped == []
    return items


def test_csv_row(tmp_path):
    table = "id,제목,본문,price,stars,open,zip,NOTE\n" + (
        "a1,국밥,뜨거운 국물,9000,4.5,true,04524,\n"
        + 'b2,,"쉼표, 그리고\n줄",12000,5,FALSE,10001,x\n'
    )
    first, second = clean(write(tmp_path / "shops.csv", table))
    assert (first.id, first.source) == ("shops.csv#a1", "shops.csv")
    assert first.content == "국밥\n뜨거운 국물"
    assert first.metadata == {
        **{"제목": "국밥", "price": 9000, "stars": 4.5, "open": True, "zip": "04524"}
    }
    assert second.content == "쉼표, 그리고\n줄"
    assert second.metadata == {
        **{"price": 12000, "stars": 5.0, "open": False, "zip": "10001", "NOTE": "x"}
    }
    assert type(second.metadata["stars"]) is float  # one kind for the whole column


def test_without_a_text_column_all_that_is_written_is_the_text(tmp_path):
    items = clean(write(tmp_path / "a.csv", "city,food,n\n서울,국밥,3\n부산,,4\n"))
    assert [item.content for item in items] == ["city: 서울\nfood: 국밥\nn: 3", "city: 부산\nn: 4"]
    assert items[0].metadata == {"city": "서울", "food": "국밥", "n": 3}
    assert [item.id for item in items] == ["a.csv#1", "a.csv#2"]


@pytest.mark.parametrize("table", ["text,n\n", "n,text\n\n ,\n", "title"])
def test_a_header_without_rows_says_so(tmp_path, table):
    assert reasons(write(tmp_path / "a.csv", table)) == ["empty: it holds no rows"]


def test_numbers_alone_are_no_text(tmp_path):
    assert reasons(write(tmp_path / "a.csv", "x,y\n1,2\n3,4\n")) == ["no column holds text"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path, delimiter):
    rows = [["text", "n"], ["a, b; c", "1"], ["d | e", "2"]]
    table = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    items = clean(write(tmp_path / "a.csv", table))
    assert [item.content for item in items] == ["a, b; c", "d | e"]
    assert [item.metadata for item in items] == [{"n": 1}, {"n": 2}]


def test_spreadsheet_marks(tmp_path):
    table = "sep=;\r\ntext;n\r\n안녕;1\r\n".encode("utf-16")
    [item] = clean(write(tmp_path / "a.csv", table))
    assert (item.content, item.metadata) == ("안녕", {"n": 1})


@pytest.mark.parametrize(
    ("table", "contents"),
    [
        ("안녕하세요.,Hello.\n고마워.,Thanks.\n", ["column_1: 안녕하세요.\ncolumn_2: Hello."]),
        ("서울,1\n부산,2\n", ["column_1: 서울\ncolumn_2: 1"]),
        ("cat,dog\ncat,bird\n", ["column_1: cat\ncolumn_2: dog"]),
        ("사과\n배\n", ["column_1: 사과"]),
    ],
)
def test_no_row_is_lost_for_a_header_that_is_not_there(tmp_path, table, contents):
    items = clean(write(tmp_path / "a.csv", table))
    assert len(items) == 2
    assert [items[0].content] == contents


def test_ragged_rows_are_left_out_one_by_one(tmp_path):
    table = "text,n\nok,1\nshort\nlong,2,3\n\nfine,4\nextra,5,,\n"
    items, skipped = read(write(tmp_path / "a.csv", table))
    assert [(item.id, item.content) for item in items] == [
        *[("a.csv#1", "ok"), ("a.csv#4", "fine"), ("a.csv#5", "extra")]
    ]
    assert [note.reason for note in skipped] == [
        "row 2 (line 3): 1 cells where the header has 2",
        "row 3 (line 4): 3 cells where the header has 2",
    ]


def test_a_quote_that_never_closes_costs_nothing(tmp_path):
    table = 'text\tn\nfirst\t1\n"open quote\t2\n' + "".join(
        f"row {at}\t{at}\n" for at in range(3, 99)
    )
    items = clean(write(tmp_path / "a.tsv", table))
    assert len(items) == 98
    assert items[1].content == '"open quote'
    assert items[2].metadata == {"n": 3}


def test_quotes_as_plain_characters(tmp_path):
    table = 'ko\ten\n"가" 나\t"a" b\n"다\tc\n라"\td\n마\te"e\n'
    items = clean(write(tmp_path / "a.tsv", table))
    assert [item.metadata["en"] for item in items] == ['"a" b', "c", "d", 'e"e']


def test_rows_give_the_number_of_their_first_line():
    lines = ["a,b\n", '"x\n', 'y",c\n', "\n", "d,e\n"]
    assert list(Rows(enumerate(lines, 1), ",")) == [
        *[(1, ["a", "b"]), (2, ["x\ny", "c"]), (5, ["d", "e"])]
    ]


def test_a_long_cell_and_the_process_wide_limit(tmp_path):
    import csv

    before = csv.field_size_limit(131_072)
    [item] = clean(write(tmp_path / "a.csv", "text,n\n" + "가" * 200_000 + ",1\n"))
    assert len(item.content) == 200_000
    assert csv.field_size_limit(before) == 131_072


def test_jsonl_objects(tmp_path):
    lines = [
        {"_id": "d1", "title": "비행기", "text": "하늘을 난다.", "year": 2020, "ok": True},
        {"id": 7, "content": "no title", "deep": {"a": 1}, "none": None, "ratio": 0.5},
        {"name": "김치", "kind": "food", "n": 1},
        {"text": ["한 줄", "두 줄"], "big": 10**30},
    ]
    text = "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    items = clean(write(tmp_path / "corpus.jsonl", text))
    keys = ["d1", "7", "5", "7@7"]  # the last has no id, and the number of its line is taken
    assert [item.id for item in items] == [f"corpus.jsonl#{key}" for key in keys]
    assert items[0].content == "비행기\n하늘을 난다."
    assert items[0].metadata == {"title": "비행기", "year": 2020, "ok": True}
    assert items[1].metadata == {"ratio": 0.5}
    assert items[2].content == "name: 김치\nkind: food\nn: 1"
    assert items[3].content == "한 줄\n두 줄"
    assert items[3].metadata == {"big": str(10**30)}


def test_a_broken_line_does_not_take_the_others_along(tmp_path):
    text = '{"text": "one"}\n{"text": "tw\n[1]\n"str"\n{"n": 1}\n{"text": " "}\n{"text": "three"}\n'
    items, skipped = read(write(tmp_path / "a.jsonl", text))
    assert [(item.id, item.content) for item in items] == [
        *[("a.jsonl#1", "one"), ("a.jsonl#7", "three")]
    ]
    assert [note.reason.split(":")[0] for note in skipped] == [f"line {at}" for at in range(2, 7)]


def test_deep_and_huge_json_is_refused_by_line(tmp_path):
    text = "[" * 100_000 + "\n" + '{"text": ' + "9" * 5000 + '}\n{"text": "fine"}\n'
    items, skipped = read(write(tmp_path / "a.jsonl", text))
    assert [item.content for item in items] == ["fine"]
    assert len(skipped) == 2


def test_a_repeated_id_is_said_and_loses_no_record(tmp_path):
    text = '{"id": "x", "text": "first"}\n{"id": "x", "text": "second"}\n{"text": "third"}\n'
    items, skipped = read(write(tmp_path / "a.jsonl", text))
    assert [item.content for item in items] == ["first", "second", "third"]
    assert [item.id.split("#")[1] for item in items] == ["x", "x@2", "3"]
    assert [note.reason for note in skipped] == [
        "1 records repeat an id; they are named ID@ROW, none is left out"
    ]


@pytest.mark.parametrize("end", ["tsv", "parquet"])
def test_a_column_id_that_does_not_name_rows_loses_none(tmp_path, end):
    ids, texts = [str(at // 3) for at in range(300)], [f"문장 {at}" for at in range(300)]
    path = tmp_path / f"a.{end}"
    if end == "tsv":
        rows = zip(ids, texts, strict=True)
        write(path, "id\ttext\n" + "".join(f"{key}\t{text}\n" for key, text in rows))
    else:
        pq.write_table(pa.table({"id": ids, "text": texts}), path)
    items, skipped = read(path)
    assert len(items) == 300
    assert str(items[-1].metadata["id_"]) == "99"
    assert [note.reason for note in skipped] == [
        "its column 'id' repeats values: rows are numbered instead, and the column is metadata"
    ]


def test_surrogates_and_nuls_in_json_escapes(tmp_path):
    text = '{"id": "a\\ud800", "text": "b\\udfffc \\ud83d\\ude00", "k\\ud800": "v\\u0000w"}\n'
    items, skipped = read(write(tmp_path / "a.jsonl", text))
    assert items[0].id == "a.jsonl#a\ufffd"
    assert items[0].content == "b\ufffdc 😀"
    assert items[0].metadata == {"k": "vw"}
    assert [note.reason for note in skipped] == [
        "1 NUL characters were removed",
        "2 lone surrogates were replaced by U+FFFD",
    ]


@pytest.mark.parametrize(("end", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_records(tmp_path, end, pack):
    lines = "".join(f'{{"text": "문장 {at}"}}\n' for at in range(5000)).encode()
    items = clean(write(tmp_path / f"a.jsonl{end}", pack(lines)))
    assert items[4999].content == "문장 4999"
    assert items[4999].source == f"a.jsonl{end}"


def test_a_legacy_encoding_that_begins_late_in_the_file(tmp_path):
    lines = "text,n\n" + "ascii only,1\n" * 20_000 + "서울의 자동차,2\n" * 3
    items = clean(write(tmp_path / "a.csv", lines.encode("cp949")))
    assert items[-1].content == "서울의 자동차"


def test_damage_in_a_table_is_told_with_its_line(tmp_path):
    lines = [f'{{"text": "한국어 문장 {at}"}}\n'.encode() for at in range(9)]
    lines[4] = lines[4].replace("문".encode(), b"\xff")
    items, skipped = read(write(tmp_path / "a.jsonl", b"".join(lines)))
    assert len(items) == 9
    assert items[4].content == "한국어 \ufffd장 4"
    assert [note.reason for note in skipped] == [
        "1 characters were not utf-8 and were replaced by U+FFFD (first on line 5)"
    ]


def test_parquet_types(tmp_path):
    table = pa.table(
        {
            "id": pa.array([5, 6], pa.int32()),
            "text": ["하나", None],
            "title": ["제목", "제목만"],
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "day": [datetime.date(2024, 1, 2), None],
            "score": pa.array([0.5, float("nan")], pa.float32()),
            "blob": [b"x", b"y"],
            "struct": [{"a": 1}, {"a": 2}],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    first, second = clean(tmp_path / "a.parquet")
    assert (first.id, first.content) == ("a.parquet#5", "제목\n하나")
    assert first.metadata == {"title": "제목", "kind": "a", "day": "2024-01-02", "score_": 0.5}
    assert (second.content, second.metadata) == ("제목만", {"title": "제목만", "kind": "b"})


def test_parquet_is_read_in_batches(tmp_path):
    pq.write_table(pa.table({"text": [f"row {at}" for at in range(2000)]}), tmp_path / "a.parquet")
    items = clean(tmp_path / "a.parquet")
    assert [items[at].content for at in (0, 511, 512, 1999)] == [
        *("row 0", "row 511", "row 512", "row 1999")
    ]


def test_column_names_are_identifiers_and_distinct():
    names = ColumnNames()
    given = [
        "a b",
        "a-b",
        "A_B",
        "id",
        "Vector 1",
        "terms",
        "",
        "2024",
        "가격(원)",
        "_rowid",
        "ab_",
    ]
    assert [names[name] for name in given] == [
        *("a_b", "a_b_", "A_B__", "id_", "Vector_1_", "terms_", "column", "_2024", "가격_원"),
        *("_rowid_", "ab"),
    ]
    assert names["a-b"] == "a_b_"


def test_seen_ids_against_a_set():
    seen, known = IdSet(), set()
    for at in range(20_000):
        key = f"id-{at * 7919 % 12_345}"
        assert seen.add(key) == (key not in known)
        known.add(key)
    assert sys.getsizeof(seen._slots) <= 32 * len(known) + 16_384
    assert not seen.has_distinct_ids()
