"""The bad inputs that a folder of real people holds: each a reason, none a crash."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import random
import tracemalloc
import zipfile

import docx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sememe._types import Item, Skipped
from sememe.sources import SourceFile, find_files, read_file
from sememe.sources import open_file as streams

from .helpers import pdf, read, reasons, write

EVERY_END = [
    *(
        ".txt",
        ".md",
        ".html",
        ".csv",
        ".tsv",
        ".jsonl",
        ".parquet",
        ".pdf",
        ".docx",
        ".unknown",
        "",
    ),
    *(".txt.gz", ".jsonl.xz", ".parquet.gz", ".csv.gz"),
]


def read_path(path) -> list[Item | Skipped]:
    """Read without a walk before it, as if the path had changed since."""
    return list(read_file(SourceFile(path, path.name, 0, 0)))


@pytest.mark.parametrize("end", EVERY_END)
def test_a_path_that_vanished(tmp_path, end):
    assert read_path(tmp_path / f"a{end}") == [Skipped(f"a{end}", "no longer there")]


@pytest.mark.parametrize("end", EVERY_END)
def test_a_folder_with_the_name_of_a_file(tmp_path, end):
    (tmp_path / f"a{end}").mkdir()
    [skipped] = read_path(tmp_path / f"a{end}")
    assert "a folder, not a file" in skipped.reason


@pytest.mark.parametrize("end", EVERY_END)
def test_a_pipe_does_not_hang(tmp_path, end):
    os.mkfifo(tmp_path / f"a{end}")
    [skipped] = read_path(tmp_path / f"a{end}")
    assert "not a regular file" in skipped.reason


@pytest.mark.parametrize("end", EVERY_END)
def test_an_empty_file(tmp_path, end):
    assert len(reasons(write(tmp_path / f"a{end}", b""))) == 1


@pytest.mark.parametrize("end", [".txt", ".md", ".csv", ".jsonl", ".html"])
def test_white_space_is_no_text(tmp_path, end):
    [reason] = reasons(write(tmp_path / f"a{end}", " \n\t\n"))
    assert reason.startswith("empty")


def test_a_file_that_may_not_be_read(tmp_path):
    path = write(tmp_path / "secret.txt", "x")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert reasons(path) == ["permission denied"]


@pytest.mark.parametrize(
    "end", [".txt", ".md", ".html", ".csv", ".jsonl", ".unknown", "", ".txt.gz"]
)
def test_binary_under_a_name_of_text(tmp_path, end):
    noise = random.Random(0).randbytes(20_000)
    pack = gzip.compress if end.endswith(".gz") else bytes
    [reason] = reasons(write(tmp_path / f"a{end}", pack(noise)))
    assert reason == "binary file: it holds no text"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG image"),
        (pdf("Hello"), "a PDF document; name it .pdf to have it read"),
        (gzip.compress(b"x", mtime=0), "gzip data; name it .gz to have it read"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "WAV audio"),
    ],
)
def test_a_wrong_extension_is_named(tmp_path, data, name):
    assert reasons(write(tmp_path / "a.txt", data)) == [f"binary file: by its first bytes {name}"]


def test_one_line_of_megabytes(tmp_path):
    for name in ["a.txt", "a.md", "a.html"]:
        path = write(tmp_path / name, "가나다 " * 500_000)  # 5 MB
        tracemalloc.start()
        items, skipped = read(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert skipped == []
        assert len(items[0].content) >= 1_999_999
        assert peak < 60 << 20


def test_memory_does_not_grow_with_the_records(tmp_path):
    def peak(rows: int) -> int:
        body = "".join(f'{{"id": "{at}", "text": "문장 {at} {"x" * 200}"}}\n' for at in range(rows))
        file = next(find_files(write(tmp_path / "a.jsonl.gz", gzip.compress(body.encode(), 1))))
        del body
        tracemalloc.start()
        for result in read_file(file):
            assert isinstance(result, Item)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(16_000) < 1.5 * peak(4_000) + (1 << 20)


def test_a_text_beyond_the_limit_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MAX_TEXT_BYTES", 1 << 20)
    bomb = gzip.compress(b"a" * (100 << 20), 1)
    tracemalloc.start()
    [reason] = reasons(write(tmp_path / "bomb.txt.gz", bomb))
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()
    assert "larger than 1 MB as one text" in reason
    [reason] = reasons(write(tmp_path / "bomb.parquet.gz", bomb))
    assert "larger than 1 MB" in reason


def test_a_line_beyond_the_limit_is_left_out(tmp_path, monkeypatch):
    from sememe.sources import lines

    monkeypatch.setattr(lines, "MAX_LINE", 1 << 20)
    text = '{"text": "a"}\n{"text": "' + "x" * (2 << 20) + '"}\n{"text": "b"}\n'
    items, skipped = read(write(tmp_path / "a.jsonl", text))
    assert [(item.id, item.content) for item in items] == [("a.jsonl#1", "a"), ("a.jsonl#3", "b")]
    assert skipped[0].reason == "line 2: longer than 1 million characters, left out"


def test_broken_utf8_is_read_and_told(tmp_path):
    text = "첫 줄은 좋다.\n둘째 줄은 깨졌다".encode() + b"\xff\xfe" + " 그래도 읽는다.\n".encode()
    items, skipped = read(write(tmp_path / "a.txt", text))
    assert items[0].content == "첫 줄은 좋다.\n둘째 줄은 깨졌다\ufffd\ufffd 그래도 읽는다.\n"
    assert [note.reason for note in skipped] == [
        "2 characters were not utf-8 and were replaced by U+FFFD (first on line 2)"
    ]


def test_nul_bytes_in_text_are_removed_and_told(tmp_path):
    items, skipped = read(write(tmp_path / "a.txt", b"hello\0 world\0, and more text"))
    assert items[0].content == "hello world, and more text"
    assert [note.reason for note in skipped] == ["2 NUL characters were removed"]


def table_bytes() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": [f"row {at}" for at in range(5000)]}), stream)
    return stream.getvalue()


def document_bytes() -> bytes:
    stream = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("text " * 1000)
    document.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "whole", "what"),
    [
        ("a.parquet", table_bytes(), "truncated or broken Parquet"),
        ("a.docx", document_bytes(), "truncated or broken DOCX"),
        ("a.txt.gz", gzip.compress(random.Random(1).randbytes(5000).hex().encode()), "gzip data"),
        ("a.txt.xz", lzma.compress(random.Random(1).randbytes(5000).hex().encode()), "xz data"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x"}\n' * 9999), "gzip data"),
        ("a.csv.xz", lzma.compress(b"text,n\nx,1\n" * 9999), "xz data"),
    ],
)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_file(tmp_path, name, whole, what, share):
    assert read(write(tmp_path / name, whole))[0]  # the control: whole, it is read
    [reason] = reasons(write(tmp_path / name, whole[: int(share * len(whole))]))
    assert what in reason


def test_a_truncated_pdf_is_told_without_the_parsers_own_complaints(tmp_path, caplog):
    from pypdf import PdfReader

    data = pdf("Hello")[:-60]
    with contextlib.suppress(Exception):
        PdfReader(io.BytesIO(data)).pages[0].extract_text()
    assert caplog.records  # the control: it does complain
    caplog.clear()
    read(write(tmp_path / "a.pdf", data))
    assert caplog.records == []
    [reason] = reasons(write(tmp_path / "b.pdf", data[:100]))
    assert reason.startswith("truncated or broken PDF")


def test_a_parquet_damaged_in_the_middle_says_from_where(tmp_path):
    stream = io.BytesIO()
    rows = {"text": [f"{random.Random(at).randbytes(40).hex()}" for at in range(4000)]}
    pq.write_table(pa.table(rows), stream, row_group_size=1000, use_dictionary=False)
    data = bytearray(stream.getvalue())
    data[len(data) * 5 // 8 : len(data) * 6 // 8] = bytes(len(data) // 8)
    items, skipped = read(write(tmp_path / "a.parquet", bytes(data)))
    assert len(items) + len(skipped) > 0
    assert any("unreadable" in note.reason or "broken" in note.reason for note in skipped)


def test_an_encrypted_pdf(tmp_path):
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(PdfReader(io.BytesIO(pdf("Hello"))))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "a.pdf")
    assert reasons(tmp_path / "a.pdf") == ["encrypted: it opens with a password only"]


def test_a_docx_bomb(tmp_path, monkeypatch):
    from sememe.sources.documents import docx as reader

    monkeypatch.setattr(reader, "MAX_TEXT_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * (8 << 20))
    assert reasons(tmp_path / "a.docx") == ["unpacks to more than 1 MB"]


def test_a_file_that_changes_between_the_passes(tmp_path):
    path = write(tmp_path / "a.csv", "text,n\n" + "one,1\n" * 5000)
    results = read_file(next(find_files(path)))
    assert isinstance(next(results), Item)
    path.unlink()  # the open file stays readable; nothing may raise
    assert len(list(results)) == 4999


@pytest.mark.parametrize("unit", ["<a", "<p ", "<!--", "</"])
def test_a_megabyte_of_tags_that_never_close_is_no_trap(tmp_path, unit):
    """It took minutes; html.parser looks for the end of each."""
    items, _ = read(write(tmp_path / "open.html", "<p>처음</p>" + unit * 300_000))
    assert items[0].content.startswith("처음")
