"""Hangul syllables from the letters of a keyboard, and back: ㅎㅏㄴ is 한.

The letters of a keyboard (U+3131 to U+3163) do not say whether a consonant begins a syllable or
ends one. It begins one if a vowel follows, else it ends the one before: so 한국 and 하늘 are
written in one way only.
"""

from __future__ import annotations

import re
import unicodedata

_FIRST = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_LAST = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
# A vowel with the consonant before it, and the one after it unless that begins a syllable itself.
_SYLLABLE = re.compile(f"([{_FIRST}])([{_VOWELS}])(?:([{_LAST}])(?![{_VOWELS}]))?")


def is_keyboard(text: str) -> bool:
    """Say whether a text is of letters as a keyboard has them.

    >>> is_keyboard("ㅏ"), is_keyboard("가"), is_keyboard("")
    (True, False, False)
    """
    return bool(text) and all("\u3131" <= letter <= "\u3163" for letter in text)


def compose(text: str) -> str:
    """Put letters of a keyboard together to syllables; all else stays.

    >>> compose("ㅎㅏㄴㄱㅡㄹ"), compose("ㅎㅏㄴㅡㄹ"), compose("ㅇㅓㅄㅇㅓ ㅋㅋ ok")
    ('한글', '하늘', '없어 ㅋㅋ ok')
    """
    return _SYLLABLE.sub(lambda found: _syllable(found[1], found[2], found[3]), text)


def decompose(text: str) -> str:
    """Write each syllable in letters of a keyboard; all else stays.

    >>> decompose("한글 ok")
    'ㅎㅏㄴㄱㅡㄹ ok'
    """
    return "".join(_letters(one) if "가" <= one <= "힣" else one for one in text)


def _syllable(first: str, vowel: str, last: str | None) -> str:
    final = 0 if last is None else _LAST.index(last) + 1
    return chr(0xAC00 + (_FIRST.index(first) * 21 + _VOWELS.index(vowel)) * 28 + final)


def _letters(syllable: str) -> str:
    parts = unicodedata.normalize("NFD", syllable)
    found = _FIRST[ord(parts[0]) - 0x1100] + _VOWELS[ord(parts[1]) - 0x1161]
    return found + (_LAST[ord(parts[2]) - 0x11A8] if len(parts) > 2 else "")
