"""Formats that give one item for a file: text, Markdown, HTML, PDF, DOCX, packed or not."""

from __future__ import annotations

import gzip
import lzma
import sys

import docx
import pytest

from sememe.sources.documents.html import extract_text
from sememe.sources.documents.markdown import first_heading, split_front_matter
from tests.sources.helpers import pdf, read, reasons, write


def only(path):
    items, skipped = read(path)
    assert skipped == []
    assert len(items) == 1
    assert items[0].id == path.name
    return items[0]


@pytest.mark.parametrize(
    "name", ["a.txt", "a.TXT", "a.py", "README", "a.rst", "train.ko", "a.json"]
)
def test_whatever_holds_text_is_read(tmp_path, name):
    assert only(write(tmp_path / name, "첫 줄\r\n둘째 줄\r")).content == "첫 줄\n둘째 줄\n"


def test_korean_legacy_file(tmp_path):
    text = "서울은 대한민국의 수도이다.\n"
    assert only(write(tmp_path / "a.txt", text.encode("cp949"))).content == text
    assert only(write(tmp_path / "b.txt", text.encode("utf-16"))).content == text


@pytest.mark.parametrize(("end", "pack"), [(".gz", gzip.compress), (".XZ", lzma.compress)])
def test_packed_files(tmp_path, end, pack):
    assert only(write(tmp_path / f"notes.txt{end}", pack("안녕".encode()))).content == "안녕"
    page = "<title>T</title><p>안녕"
    assert only(write(tmp_path / f"a.html{end}", pack(page.encode()))).metadata == {"title": "T"}
    paper = only(write(tmp_path / f"a.pdf{end}", pack(pdf("Hello"))))
    assert paper.content == "Hello"


def test_markdown_front_matter_and_title(tmp_path):
    facts = "title: 여행\nyear: 2024\ndraft: false\nid: x\ntags: [a, b]\n  nested: 1\n"
    text = f"---\n{facts}---\n# 다른 제목\n글"
    item = only(write(tmp_path / "a.md", text))
    assert item.content == "# 다른 제목\n글"
    assert item.metadata == {"title": "여행", "year": 2024, "draft": False, "id_": "x"}
    assert only(write(tmp_path / "b.md", "글\n\n## 제목 ##\n")).metadata == {"title": "제목"}
    assert only(write(tmp_path / "c.md", "그냥 글")).metadata == {}


def test_a_rule_or_an_open_front_matter_is_text():
    for text in ["---\nno end: 1\n", "--- x\n---\n", "글\n---\na: b\n---\n"]:
        assert split_front_matter(text) == ({}, text)
    assert split_front_matter("---\n---\n글") == ({}, "글")


def test_underlined_headings_and_code():
    assert first_heading("~~~\n# code\n```\n# code\n~~~\n제목\n===\n") == "제목"
    assert first_heading("#hashtag\n\n---\n") is None


def test_html_shows_what_a_reader_sees(tmp_path):
    page = """<!DOCTYPE html><html><head><title> 세계
      여행 </title><style>p {}</style><script>if (a < b) {}</script></head>
      <body><nav>메뉴</nav><h1>세계 여행</h1><p>첫 <b>문</b>단 &amp; 끝.<p>둘째
      문단.<br>새 줄<!-- comment --><ul><li>하나<li>둘</ul><table><tr><td>가<td>나</table>
      <pre>a
  b</pre><noscript>no</noscript></body></html>"""
    item = only(write(tmp_path / "a.HTM", page))
    assert item.metadata == {"title": "세계 여행"}
    assert item.content.split("\n\n") == [
        *("메뉴", "세계 여행", "첫 문단 & 끝.", "둘째 문단.\n새 줄", "하나", "둘", "가\t나"),
        "a\nb",
    ]


def test_a_title_that_the_page_lacks_is_searchable(tmp_path):
    item = only(write(tmp_path / "a.html", "<title>항공편</title><p>본문"))
    assert item.content == "항공편\n\n본문"


def test_html_in_the_encoding_it_declares(tmp_path):
    page = '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-2"><p>Zażółć gęślą'
    assert only(write(tmp_path / "a.html", page.encode("iso8859-2"))).content == "Zażółć gęślą"


def test_unclosed_and_crossed_tags_do_not_swallow_the_page():
    assert extract_text("<p>a<svg><title>no</title></svg>b</p></svg></p>c") == ("", "ab\n\nc")
    assert extract_text("<title>T</title><title>U</title>a<script/>b")[0] == "T"


def test_pdf_pages(tmp_path):
    item = only(write(tmp_path / "a.pdf", pdf("First page", "Second page", title="Paper")))
    assert item.content == "First page\n\n\fSecond page"
    assert item.metadata == {"pages": 2, "title": "Paper"}


def test_a_pdf_without_text_says_so(tmp_path):
    assert reasons(write(tmp_path / "a.pdf", pdf("", ""))) == [
        "no text on its 2 pages; are they scanned images?"
    ]


def test_docx_paragraphs_and_tables_in_order(tmp_path):
    document = docx.Document()
    document.core_properties.title = "보고서"
    document.core_properties.author = ""
    document.add_paragraph("앞 문단")
    table = document.add_table(rows=2, cols=2)
    for at, text in enumerate(["가", "나", "다", "라"]):
        table.cell(at // 2, at % 2).text = text
    table.cell(1, 0).merge(table.cell(1, 1))
    document.add_paragraph("뒤 문단")
    document.save(str(tmp_path / "a.docx"))
    item = only(tmp_path / "a.docx")
    assert item.content == "앞 문단\n\n가\t나\n다 라\n\n뒤 문단"
    assert item.metadata == {"title": "보고서"}


@pytest.mark.parametrize(("name", "module"), [("a.pdf", "pypdf"), ("a.docx", "docx")])
def test_without_the_extra_the_reason_names_the_cure(tmp_path, monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    [reason] = reasons(write(tmp_path / name, "x"))
    assert "pip install 'sememe[documents]'" in reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.HEIC", "no reader for this kind of image; save it as .jpg or .png"),
        ("a.m4a", "no reader for this kind of audio; save it as .flac or .mp3"),
        ("a.mp4", "no encoder yet: video"),
        ("a.tar.gz", "no reader for archives; unpack it first"),
        ("a.hwp", "no reader for this kind of document; save it as .docx, .pdf or .txt"),
    ],
)
def test_what_nobody_reads_yet_is_named(tmp_path, name, reason):
    assert reasons(write(tmp_path / name, "x")) == [reason]
