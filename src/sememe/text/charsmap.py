"""SentencePiece's precompiled normaliser: a table of replacements, walked longest match first.

A SentencePiece model carries its Unicode normalisation as a *precompiled charsmap*: a double-array
trie (Aoe 1989, in the layout of darts-clone) from UTF-8 byte sequences to replacements. Walking it
in Python costs a microsecond a byte, so characters that the table can neither change nor combine
are passed over by a regular expression, and only the rest is walked.

Reference: Kudo and Richardson 2018 (arXiv:1808.06226), section 3.2.
"""

from __future__ import annotations

import re
import struct

# Characters that nmt_nfkc neither replaces nor joins to the character before them. Ranges, so that
# the pattern stays small; `tests/text/test_charsmap.py` checks each against the whole trie.
_INERT = (
    "\x20-\x9f\xbf-\u0131\u014a-\u017e\u0180-\u01c3\u0388-\u03cf\u03fa-\u0586\u0588-\u0652"
    "\u0656-\u0674\u0679-\u093b\u0e01-\u0e32\u0e34-\u0eb2\u20a9-\u20ff\u3001-\u3035\u303b-\u3098"
    "\u30a0-\u30fe\u3400-\u9fff\uac00-\ud7a3\U0001f300-\U0001faff"
)
# A stretch to walk: active characters, with the inert one before them, which they may modify.
_ACTIVE = re.compile(f"[{_INERT}]?[^{_INERT}]+")
_SPACES = re.compile(" +")
_SURROGATE = re.compile("[\ud800-\udfff]")
SPACE = "\u2581"


def well_formed(text: str) -> str:
    r"""Replace lone surrogates, which no encoding can carry, by U+FFFD.

    >>> well_formed("a\ud800b") == "a\ufffdb"
    True
    """
    return _SURROGATE.sub("\ufffd", text)


class Charsmap:
    """Apply a precompiled charsmap and SentencePiece's treatment of white space."""

    def __init__(self, blob: bytes) -> None:
        (size,) = struct.unpack_from("<I", blob)
        self._units = struct.unpack_from(f"<{size // 4}I", blob, 4)
        self._replacements = blob[4 + size :]

    def normalize(self, text: str) -> str:
        """Return the normalised text: replacements done, words marked by U+2581.

        Runs of spaces become one mark, one mark stands before the first word, none after the last.
        Text of white space alone gives "".
        """
        text = _ACTIVE.sub(self._walk, well_formed(text))
        text = _SPACES.sub(SPACE, text.lstrip(" "))
        return (SPACE + text).rstrip(SPACE)

    def _walk(self, match: re.Match[str]) -> str:
        data = match.group().encode()
        out = bytearray()
        start = 0
        while start < len(data):
            end, value = self._longest(data, start)
            if end == start:  # nothing starts here: keep the character as it is
                end = start + 1
                while end < len(data) and data[end] & 0xC0 == 0x80:
                    end += 1
                out += data[start:end]
            else:
                out += self._replacements[value : self._replacements.index(0, value)]
            start = end
        return out.decode()

    def _longest(self, data: bytes, start: int) -> tuple[int, int]:
        """Return the end of the longest key at `start`, and where its replacement stands."""
        units = self._units
        found, value = start, 0
        unit = units[0]
        node = _offset(unit)
        for i in range(start, len(data)):
            node ^= data[i]
            unit = units[node]
            if unit & 0x800000FF != data[i]:
                break
            node ^= _offset(unit)
            if unit & 0x100:
                found, value = i + 1, units[node] & 0x7FFFFFFF
        return found, value


def _offset(unit: int) -> int:
    return (unit >> 10) << ((unit & 0x200) >> 6)
