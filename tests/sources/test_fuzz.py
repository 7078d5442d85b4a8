"""Whatever bytes under whatever name: items and reasons, never an exception."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sememe._types import Item, Skipped
from sememe.sources import read_lines
from sememe.sources.encoding import decode

from .helpers import pdf, read, write
from .test_bad_input import document_bytes, table_bytes

ENDS = [".txt", ".md", ".html", ".csv", ".tsv", ".jsonl", ".parquet", ".pdf", ".docx", "", ".odd"]
TOKENS = st.sampled_from(
    [
        b"<p>",
        b"<![",
        b"<!--",
        b"</title>",
        b"<script>",
        b"---\n",
        b"a: b\n",
        b'"',
        b",",
        b"\t",
        b"\n",
    ]
    + [
        b"{",
        b'{"text": "',
        b'"}',
        b"\\ud800",
        b"text,id\n",
        b"\r",
        b"\0",
        b"\xff",
        "가".encode(),
        b"# ",
    ]
    + [b"\xef\xbb\xbf", b"\xff\xfe", b"&#xD800;", b"sep=;\n", b"```\n", b"[", b"1", b"%PDF-1.4\n"]
)
BYTES = st.binary(max_size=300) | st.lists(TOKENS, max_size=40).map(b"".join)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read_as(data: bytes, end: str) -> tuple[list[Item], list[Skipped]]:
    with tempfile.TemporaryDirectory() as folder:
        return read(write(Path(folder) / f"a{end}", data))


@pytest.mark.parametrize("end", ENDS)
@quick
@given(data=BYTES)
def test_any_bytes_under_any_name(end, data):
    items, skipped = read_as(data, end)
    assert items or skipped


@pytest.mark.parametrize("end", [".txt.gz", ".jsonl.xz", ".csv.gz"])
@quick
@given(data=BYTES, packed=st.booleans())
def test_any_bytes_packed_or_not(end, data, packed):
    items, skipped = read_as(gzip.compress(data) if packed else data, end)
    assert items or skipped


WHOLE = {".parquet": table_bytes(), ".pdf": pdf("Hello", "there"), ".docx": document_bytes()}


@pytest.mark.parametrize("end", WHOLE)
@quick
@given(at=st.floats(0, 1, exclude_max=True), patch=st.binary(min_size=1, max_size=8))
def test_a_document_with_damaged_bytes(end, at, patch):
    data = bytearray(WHOLE[end])
    place = int(at * len(data))
    data[place : place + len(patch)] = patch
    items, skipped = read_as(bytes(data), end)
    assert items or skipped


@quick
@given(data=BYTES)
def test_any_bytes_piped_in(data):
    results = list(read_lines(io.BytesIO(data)))
    assert results
    for result in results:
        if isinstance(result, Item):
            result.content.encode("utf-8")


@given(text=st.text())
def test_utf8_is_never_taken_for_anything_else(text):
    decoded = decode(text.encode("utf-8"))
    assert decoded.replaced == 0
    if "\0" not in text and not text.startswith("\ufeff"):
        assert decoded.text == text
