"""Which characters bytes stand for: real words in real encodings, and damage counted."""

from __future__ import annotations

import pytest

from sememe.sources.encoding import decode, looks_binary

KOREAN = [
    "안녕",
    "한국",
    "자동차",
    "보고서",
    "회의록 2024",
    "똠방각하 펲시콜라",
    "서울에서 부산까지 세 시간",
]
OTHERS = [
    ("café déjà vu", "cp1252"),
    ("Größe über Straße und Äpfel", "cp1252"),
    ("naïve – “quotes”", "cp1252"),
    ("これは日本語の文章です。", "cp932"),
    ("これは日本語の文章です。", "euc_jp"),
    ("这是一个中文句子。今天天气很好。", "gb18030"),
    ("繁體中文的句子測試", "big5"),
    ("Привет, как дела?", "cp1251"),
]


@pytest.mark.parametrize("text", KOREAN)
def test_korean_legacy_text_is_recognised_even_when_short(text):
    decoded = decode(text.encode("cp949"))
    assert (decoded.text, decoded.encoding, decoded.replaced) == (text, "cp949", 0)


@pytest.mark.parametrize(("text", "encoding"), OTHERS)
def test_other_legacy_text_is_not_taken_for_korean(text, encoding):
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", ["", "plain", "한글과 English", "😀"])
def test_unicode_with_a_mark(text, encoding):
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["hello world", "안녕하세요 세계", "가나다 가나다\n", "a가 😀"])
def test_utf16_without_a_mark(text, encoding):
    data = text.encode(encoding)
    assert decode(data).text == text
    assert not looks_binary(data)


def test_a_declared_encoding_counts_unless_the_bytes_are_utf8():
    polish = "Zażółć gęślą jaźń"
    assert decode(polish.encode("iso8859-2"), "iso-8859-2").text == polish
    assert decode("안녕".encode(), "euc-kr").text == "안녕"
    assert decode("똠방각하".encode("cp949"), "EUC-KR").text == "똠방각하"  # not of KS X 1001
    for nonsense in ["hex", "klingon", "", "a\0b"]:
        assert decode("안녕".encode("cp949"), nonsense).text == "안녕"


def test_damage_is_counted_and_a_genuine_replacement_character_is_not():
    whole = "자동차를 타고 서울에 \ufffd 갔다."
    decoded = decode(whole.encode()[:-3] + b"\xff.")
    assert decoded.encoding == "utf-8"
    assert decoded.text == whole[:-2] + "\ufffd\ufffd."
    assert decoded.replaced == 2
    assert decode(whole.encode()).replaced == 0


def test_korean_legacy_text_with_a_bad_byte_is_still_korean():
    text = "서울에서 부산까지 고속 열차로 세 시간이 걸린다. " * 20
    decoded = decode(text.encode("cp949") + b"\xff\xff")
    assert decoded.encoding == "cp949"
    assert decoded.text.startswith(text)
    assert decoded.replaced == 2


def test_binary_is_told_from_text():
    assert looks_binary(bytes(range(256)) * 4)
    assert looks_binary(b"\x7fELF\x02\x01\x01" + bytes(100))
    assert not looks_binary(b"one NUL \0 in a line of text")
    assert not looks_binary(b"\x1b[31mred\x1b[0m\tand\r\n")
    assert not looks_binary("한국어".encode("cp949"))
    assert not looks_binary(b"")
