"""Word tokenization for word vectors: fast over gigabytes, for every script with spaces.

A word is a run of letters, digits and combining marks that begins with a letter or digit;
apostrophes inside it are kept ("don't", and "don’t" is the same word). Words are lower-cased and
composed (NFC). Scripts without spaces (Chinese, Japanese, Thai) give long runs: segment such text
beforehand and train with tokens="whitespace".

There are two steps, so that a large corpus needs the slow one only once per distinct chunk, which
is the text between two spaces: `separate` maps ASCII upper case, punctuation and line ends to lower
case, spaces and a mark; `words_of` splits a chunk into words by Unicode rules. Most are one word.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal
from unicodedata import category, normalize

from sememe._errors import UnknownNameError
from sememe.text.normalize import INVISIBLE, well_formed

Tokens = Literal["words", "whitespace"]
TOKENS: tuple[Tokens, ...] = ("words", "whitespace")
LINE_END = b"\xff"  # a byte that UTF-8 never uses
# Most chunks consist of these characters only and are one word unchanged; the patterns are valid in
# both Python and RE2 (Arrow).
_SETTLED = "à-öø-ÿа-яё가-힣一-鿿ぁ-ゖァ-ヺー"
PLAIN = {"words": f"^[a-z0-9{_SETTLED}]+$", "whitespace": f"^[!-~À-ÖА-Я{_SETTLED}]+$"}


def check_tokens(tokens: str) -> None:
    """Raise UnknownNameError unless `tokens` is "words" or "whitespace"."""
    if tokens not in TOKENS:
        raise UnknownNameError.of("tokens", tokens, TOKENS)


def tokenize(text: str) -> list[str]:
    """Return the words of a text, as in training on a file with tokens="words".

    >>> tokenize("The cat's ‘state-of-the-art’ 고양이, don’t!")
    ['the', "cat's", 'state', 'of', 'the', 'art', '고양이', "don't"]
    """
    chunks = separate(well_formed(text).encode(), "words").split()
    return [word for chunk in chunks if chunk != LINE_END for word in words_of(chunk, "words")]


def separate(text: bytes, tokens: Tokens) -> bytes:
    r"""Return UTF-8 text as chunks between ASCII white space, `LINE_END` for each line end.

    >>> separate(b"It's HERE, now.\n", "words")
    b"it's here  now  \xff "
    """
    return text.translate(_table(tokens)).replace(LINE_END, b" " + LINE_END + b" ")


def words_of(chunk: bytes, tokens: Tokens) -> list[str]:
    """Return the words of one chunk; bytes that are not UTF-8 count as U+FFFD.

    >>> words_of("한국어—english".encode(), "words")
    ['한국어', 'english']
    """
    text = chunk.decode("utf-8", "replace")
    if tokens == "whitespace":
        return text.split()
    if not text.isascii():
        text = INVISIBLE.sub("", text).replace("\u2019", "'")
        text = normalize("NFC", text.lower())
    return [text] if text.isalnum() else _pattern().findall(text)


@cache
def _table(tokens: Tokens) -> bytes:
    """Return the translation table of bytes; only ASCII characters are changed."""
    table = bytearray(range(256))
    if tokens == "words":
        for code in range(128):
            char = chr(code)
            table[code] = ord(char.lower()) if char.isalnum() or char == "'" else ord(" ")
    table[ord("\n")] = LINE_END[0]
    table[LINE_END[0]] = 0xFE  # as invalid as before
    return bytes(table)


@cache
def _pattern() -> re.Pattern[str]:
    """Return the pattern of a word, with the combining marks of Unicode's alphabets."""
    alphabets = (*range(0x300, 0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x20000))
    marks = (char for char in map(chr, alphabets) if category(char).startswith("M"))
    letter = f"(?:[^\\W_]|[{''.join(marks)}])"
    return re.compile(rf"[^\W_]{letter}*+(?:'{letter}++)*+")
