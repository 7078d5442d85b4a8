"""Split normalised text into runs of one script.

"SUV차량" is a Latin run and a Hangul run, "3번" a number and a Hangul run; "c++", "c#" and the
two parts of "gpt-4" are kept together. Scripts written without spaces (Han, kana, Thai, Lao, Khmer,
Burmese) give long runs, which the analyzer splits into bigrams.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["hangul", "dense", "number", "symbol", "compound", "word"]

HANGUL = "\uac00-\ud7a3"
HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
# Thai, Lao, Burmese, Khmer: letters, vowel signs and tone marks, but not their digits.
_SPACELESS = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1780-\u17d3"
_DENSE = f"{HAN}{KANA}{_SPACELESS}"
# Marks that \w of Python excludes, and without which Hindi, Arabic and Hebrew words fall apart.
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
_MARKS += "\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09bc-\u09cd\u0a3c-\u0a4d\u0abc-\u0acd"
_MARKS += "\u0b3c-\u0b4d\u0bbe-\u0bcd\u0c3e-\u0c4d\u0cbc-\u0ccd"
_MARKS += "\u0d3b-\u0d4d\u0dca-\u0ddf\u0f71-\u0f84"
_SYMBOLS = "\u2600-\u27bf\U0001f1e6-\U0001faff"
_LETTER = f"(?:(?![{HANGUL}{_DENSE}])[^\\W_]|[{_MARKS}])"

_TOKEN = re.compile(
    f"(?P<hangul>[{HANGUL}]+)"
    f"|(?P<dense>[{_DENSE}]+)"
    rf"|(?P<number>(?:[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9])|[0-9]++)(?:\.[0-9]++)*+(?![\-]?{_LETTER}))"
    rf"|(?P<symbol>[a-z](?:\+\+|\#)(?!{_LETTER})|[{_SYMBOLS}])"
    f"|(?P<compound>(?<!-){_LETTER}++-{_LETTER}++(?!-))"
    f"|(?P<word>{_LETTER}++(?:['\u2019]{_LETTER}++)*+)"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A run of one script: characters `start` to `end` (exclusive) of the normalised text."""

    kind: Kind
    text: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the runs of a normalised text in order; punctuation and white space are left out.

    >>> [(token.kind, token.text) for token in tokens("suv차량 3번, c++!")]
    [('word', 'suv'), ('hangul', '차량'), ('number', '3'), ('hangul', '번'), ('symbol', 'c++')]
    """
    for match in _TOKEN.finditer(text):
        kind: Kind = match.lastgroup  # type: ignore[assignment]  # the group names are the kinds
        yield Token(kind, match.group(), match.start(), match.end())
