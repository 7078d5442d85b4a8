"""Stop words, left out of a query if other words remain.

They are kept in the index, so that "the who" or "무엇" alone can be searched. Dropping them from
queries adds 2.5 points of nDCG@10 on MIRACL-ko train.
"""

from __future__ import annotations

# Stems, as returned by `sememe.text.hangul.stems`.
KOREAN = frozenset(
    "무엇 무언 뭐 뭔 언제 언젠 어디 어딘 누구 누군 누가 몇 어느 어떤 어떻 어떻게 "
    "얼마 얼마나 왜 무슨 있 없 이 그 저 것 거 수 및 등 또는 또한 하 되 중 때 대해 "
    "대하 대한 위해 위한 통해".split()
)
ENGLISH = frozenset(
    "a about above after again against all am an and any are as at be because been before being "
    "below between both but by can could did do does doing down during each few for from further "
    "had has have having he her here hers herself him himself his how i if in into is it its "
    "itself just me more most my myself no nor not of off on once only or other our ours out over "
    "own same she should so some such than that the their theirs them then there these they this "
    "those through to too under until up very was we were what when where which while who whom "
    "why will with would you your yours".split()
)
