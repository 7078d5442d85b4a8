"""Hangul syllables from keyboard letters (compatibility jamo), and back: ㅎㅏㄴ is 한.

Keyboard letters (U+3131 to U+3163) do not distinguish initial from final consonants. A consonant is
an initial if a vowel follows, else the final of the syllable before: so 한국 and 하늘 have only one
spelling.
"""

from __future__ import annotations

import re

FIRST_SYLLABLE, LAST_SYLLABLE = "가", "힣"  # the blocks, ordered by initial, vowel, final
INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
# A consonant, a vowel, and the next consonant unless it begins a syllable itself.
_SYLLABLE = re.compile(f"([{INITIALS}])([{VOWELS}])(?:([{FINALS}])(?![{VOWELS}]))?")


def is_keyboard(text: str) -> bool:
    """Return whether a text consists of keyboard letters.

    >>> is_keyboard("ㅏ"), is_keyboard("가"), is_keyboard("")
    (True, False, False)
    """
    return bool(text) and all("\u3131" <= letter <= "\u3163" for letter in text)


def compose(text: str) -> str:
    """Combine keyboard letters into syllables; other characters are unchanged.

    >>> compose("ㅎㅏㄴㄱㅡㄹ"), compose("ㅎㅏㄴㅡㄹ"), compose("ㅇㅓㅄㅇㅓ ㅋㅋ ok")
    ('한글', '하늘', '없어 ㅋㅋ ok')
    """
    return _SYLLABLE.sub(_join, text)


def decompose(text: str, *, no_final: str = "") -> str:
    """Split each syllable into keyboard letters; other characters are unchanged.

    no_final: Written after a syllable without a final consonant.

    >>> decompose("한글 ok"), decompose("가", no_final="∅")
    ('ㅎㅏㄴㄱㅡㄹ ok', 'ㄱㅏ∅')
    """
    return "".join(
        _split(char, no_final) if FIRST_SYLLABLE <= char <= LAST_SYLLABLE else char for char in text
    )


def _join(letters: re.Match[str]) -> str:
    final = FINALS.index(letters[3]) + 1 if letters[3] else 0
    index = INITIALS.index(letters[1]) * len(VOWELS) + VOWELS.index(letters[2])
    return chr(ord(FIRST_SYLLABLE) + index * (len(FINALS) + 1) + final)


def _split(syllable: str, no_final: str) -> str:
    rest, final = divmod(ord(syllable) - ord(FIRST_SYLLABLE), len(FINALS) + 1)
    initial, vowel = divmod(rest, len(VOWELS))
    return INITIALS[initial] + VOWELS[vowel] + (FINALS[final - 1] if final else no_final)
