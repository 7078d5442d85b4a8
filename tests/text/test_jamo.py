"""Letters of a keyboard and syllables: each way back is the other."""

from __future__ import annotations

import pytest

from sememe.text.jamo import compose, decompose


def test_every_syllable_comes_back():
    """All 11,172, alone and before a syllable that begins with ㅇ or with a consonant."""
    syllables = [chr(code) for code in range(0xAC00, 0xD7A4)]
    text = " ".join(syllables)
    assert compose(decompose(text)) == text
    for after in ("아", "가", "끼"):
        pairs = " ".join(one + after for one in syllables)
        assert compose(decompose(pairs)) == pairs


@pytest.mark.parametrize(
    ("letters", "text"),
    [
        ("ㄱㅏㅇㅏㅈㅣ", "가아지"),
        ("ㄱㅏㅇㅇㅏㅈㅣ", "강아지"),
        ("ㅇㅣㄹㄱㅇㅓㅆㄷㅏ", "일ㄱ었다"),  # two letters are not one
        ("ㅇㅣㄺㅇㅓㅆㄷㅏ", "읽었다"),
        ("ㅏㄱ ㅋㅋ", "ㅏㄱ ㅋㅋ"),
        ("", ""),
        ("cat 3", "cat 3"),
    ],
)
def test_by_hand(letters, text):
    assert compose(letters) == text
