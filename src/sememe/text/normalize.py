"""Unicode normalisation, so that texts that look the same give the same terms.

The normal form is NFKC with full case folding (Unicode Standard Annex #15 and chapter 3.13),
without invisible characters: it equates composed and decomposed Hangul, full-width and plain
letters, upper and lower case.
"""

from __future__ import annotations

import re
import unicodedata

# Soft hyphen, joiners, direction marks, word joiner, variation selectors, byte order mark: these
# affect rendering only.
_UNSEEN = "\u00ad\u034f\u061c\u180b-\u180e\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
_UNSEEN_MORE = "\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff"
INVISIBLE = re.compile(f"[{_UNSEEN}{_UNSEEN_MORE}]")
# A zero-width space is a word boundary; controls and lone surrogates can only separate words.
_SEPARATORS = re.compile("[\x00-\x1f\x7f-\x9f\u200b\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def well_formed(text: str) -> str:
    r"""Replace lone surrogates, which cannot be encoded, by U+FFFD.

    >>> well_formed("a\ud800b") == "a\ufffdb"
    True
    """
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def compose(text: str) -> str:
    r"""Return the text in NFC: decomposed letters and syllables, as macOS writes names, are joined.

    >>> compose("\u1112\u1161\u11ab")
    '한'
    """
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def normalize(text: str) -> str:
    """Return the normal form in which terms are compared.

    Idempotent, and equal for composed (NFC) and decomposed (NFD) input. Line breaks and other
    controls become spaces: the form is for matching, not for display, and its offsets are not
    offsets into the text.

    >>> normalize("ＳＵＶ 차량")
    'suv 차량'
    >>> normalize("Straße") == normalize("STRASSE")
    True
    """
    if text.isascii():
        return _SEPARATORS.sub(" ", text).lower()
    text = _SEPARATORS.sub(" ", INVISIBLE.sub("", text))
    for _ in range(4):  # folding may undo composition and vice versa: iterate to a fixed point
        folded = INVISIBLE.sub("", unicodedata.normalize("NFKC", text).casefold())
        settled = unicodedata.normalize("NFKC", folded)
        if settled == text:
            break
        text = settled
    return text


def strip_accents(word: str) -> str:
    """Return the word without its combining marks, for Latin, Greek and Cyrillic letters.

    >>> strip_accents("café")
    'cafe'
    """
    if word.isascii():
        return word
    letters = unicodedata.normalize("NFD", word)
    kept = "".join(letter for letter in letters if not "\u0300" <= letter <= "\u036f")
    return unicodedata.normalize("NFC", kept)
