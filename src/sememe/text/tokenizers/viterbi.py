"""The most probable segmentation of a text into the pieces of a Unigram model.

Each piece has a log-probability, and the segmentation maximises their sum, found from left to right
(Viterbi). A character that no piece covers has its own id, at a price below the rarest piece.

Reference: Kudo 2018 (arXiv:1804.10959).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

UNKNOWN_PENALTY = 10.0  # score of an unknown character below that of the rarest piece


def segment(
    text: str,
    ids: Mapping[str, int],
    scores: Sequence[Any] | NDArray[Any],
    *,
    longest: int,
    unknown: int,
    unknown_score: Any,
) -> tuple[list[int], list[int]]:
    """Return the pieces' ids, and where each ends in the normalised text.

    ids: Piece -> id, without the unknown one. scores: By id; their type decides how sums are
    rounded. longest: Characters of the longest piece. Ties go to the longer last piece.

    >>> scores = [0.0, -1.0, -1.5, -2.0]
    >>> segment("abc?", {"a": 1, "b": 2, "abc": 3}, scores, longest=3, unknown=0,
    ...         unknown_score=-12.0)
    ([3, 0], [3, 4])
    """
    n = len(text)
    best: list[Any] = [scores[0] * 0] + [-1e30] * n  # of the best segmentation of text[:i]
    start = [0] * (n + 1)  # where its last piece begins
    piece = [unknown] * (n + 1)  # and which it is
    for i in range(n):
        here = best[i]
        known = False
        for j in range(i + 1, min(i + longest, n) + 1):
            id_ = ids.get(text[i:j])
            if id_ is None:
                continue
            known = known or j == i + 1
            total = here + scores[id_]
            if total > best[j]:
                best[j], start[j], piece[j] = total, i, id_
        if not known and here + unknown_score > best[i + 1]:
            best[i + 1], start[i + 1], piece[i + 1] = here + unknown_score, i, unknown
    path, ends = [], []
    while n:
        path.append(piece[n])
        ends.append(n)
        n = start[n]
    return path[::-1], ends[::-1]
