"""Prediction targets of training: neighbours unchanged, or their stems in Korean.

A Korean noun or verb has dozens of forms (학교, 학교는, 학교에서도...), most of them rare: six
million words of Wikipedia have 134,000 forms of 52,000 stems. A single form is too rare to be a
useful target; the forms of a stem together indicate the topic of the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from sememe.text.hangul import stems

if TYPE_CHECKING:
    from numpy.typing import NDArray

Targets = Literal["stems", "words"]
_SYLLABLE = re.compile("[가-힣]")


def stem_rows(keys: Sequence[str]) -> NDArray[np.int32]:
    """Return (n,): for each key the row of the first key with the same stem.

    Words without Hangul are their own stem. Rows do not change when keys are appended.

    >>> stem_rows(["학교는", "school", "학교에서", "schools", "학교"]).tolist()
    [0, 1, 0, 3, 0]
    """
    first: dict[str, int] = {}
    rows = np.arange(len(keys), dtype=np.int32)
    for row, key in enumerate(keys):
        if _SYLLABLE.search(key):
            rows[row] = first.setdefault(stems(key)[0] or key, row)
    return rows
