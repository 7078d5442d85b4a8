"""What is piped in."""

from __future__ import annotations

import io
import os

import pytest

from sememe._types import Item, Skipped
from sememe.sources import lines, piped_lines, read_lines


def pipe(data: bytes, **options):
    results = list(read_lines(io.BytesIO(data), **options))
    items = [result for result in results if isinstance(result, Item)]
    return items, [result.reason for result in results if isinstance(result, Skipped)]


def test_a_picture_that_is_piped_in_is_no_text():
    for head, what in [(b"\xff\xd8\xff\xe0", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG")]:
        (only,) = read_lines(io.BytesIO(head + bytes(200)))
        assert f"by its first bytes a {what} image; give the file's path" in only.reason


def test_one_item_for_each_line_with_text():
    items, skipped = pipe("첫 줄\r\n\n   \n  둘째 줄".encode())
    assert [(item.content, item.source) for item in items] == [
        ("첫 줄", "stdin"),
        ("둘째 줄", "stdin"),
    ]
    assert skipped == []


def test_lines_are_named_by_their_content():
    """So that a second stream adds to the first, whatever the numbers of its lines."""
    (first, second), _ = pipe(b"one\ntwo\n")
    (third,), _ = pipe(b"two\n")
    assert first.id != second.id == third.id
    assert first.id.startswith("stdin#")


def test_json_objects_are_records():
    items, skipped = pipe(
        b'\n{"id": "x", "text": "one", "n": 1}\nbroken\n{"text": "two"}', source="api"
    )
    assert [(item.id, item.content) for item in items] == [("api#x", "one"), ("api#4", "two")]
    assert items[0].metadata == {"n": 1}
    assert skipped[0].startswith("line 3: not JSON")


def test_a_brace_alone_does_not_make_json():
    items, _ = pipe(b"{not json}\nplain\n")
    assert [item.content for item in items] == ["{not json}", "plain"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_encodings(encoding):
    items, skipped = pipe("자동차\n서울의 봄\n".encode(encoding))
    assert [item.content for item in items] == ["자동차", "서울의 봄"]
    assert skipped == []


def test_damage_is_told():
    items, skipped = pipe("좋은 문장\n나쁜".encode() + b"\xff" + " 문장\0\n".encode())
    assert [item.content for item in items] == ["좋은 문장", "나쁜\ufffd 문장"]
    assert skipped == [
        "1 characters were not UTF-8 and were replaced by U+FFFD (first on line 2)",
        "1 NUL characters were removed",
    ]


def test_a_line_beyond_the_limit_is_left_out(monkeypatch):
    monkeypatch.setattr(piped_lines, "MAX_LINE", 1 << 20)
    monkeypatch.setattr(lines, "MAX_LINE", 1 << 20)
    items, skipped = pipe(b"x" * (2 << 20) + b"\na\n" + b"y" * (1 << 20) + b"\nb")
    assert [item.content for item in items] == ["a", "b"]
    assert skipped == [f"line {number}: longer than 1 MB, left out" for number in (1, 3)]


@pytest.mark.parametrize("data", [b"", b"\n", b"  \n\n", b"\xef\xbb\xbf", b"\0"])
def test_nothing_piped_in(data):
    items, skipped = pipe(data)
    assert items == []
    assert skipped[0] == "empty: it holds no text"


def test_lines_come_as_they_arrive():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        os.write(writing, b"first line\n")
        items = read_lines(stream)
        assert next(items).content == "first line"  # while the pipe is still open
        os.close(writing)
        assert list(items) == []
