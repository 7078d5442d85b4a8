"""Similar texts among up to a million: the most similar pairs, and deduplication.

    encoder = sememe.load()
    for pair in sememe.mine_pairs(texts, encoder, threshold=0.8): ...
    kept = [texts[i] for i in sememe.deduplicate(texts, encoder).kept]

Memory holds the vectors, 2 KB for each text at dim 512, and a block of scores; see
`sememe.space.pairs` for the time, which grows with the square of the number of texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._progress import progress
from sememe._ties import rank
from sememe._types import Encoder, FloatArray
from sememe.encoders.receipt import find_duplicates
from sememe.encoders.text.encoder import check_texts
from sememe.space.duplicates import Duplicates, duplicates
from sememe.space.pairs import check_threshold, similar_pairs
from sememe.vectors.nearest import check_k

_BATCH = 4096  # texts given to the encoder at once


class TextPair(NamedTuple):
    """Two similar texts.

    Attributes:
        first: Position of the text that comes first.
        second: Position of the other one; `first < second`.
        score: Their cosine, in [-1, 1].
        texts: Both.
    """

    first: int
    second: int
    score: float
    texts: tuple[str, str]


def mine_pairs(
    texts: Sequence[str],
    encoder: Encoder,
    *,
    max_pairs: int = 100,
    threshold: float | None = None,
    repeats: bool = True,
    show_progress: bool = False,
) -> list[TextPair]:
    """Return the most similar pairs of texts, highest score first; ties by position.

    A text that occurs m times is encoded and compared once, at its first position, and makes m - 1
    pairs of score 1 with it, not m(m-1)/2. Texts without content are left out.

    Args:
        texts: n texts, two or more with content.
        encoder: Of texts: `sememe.load()`.
        max_pairs: The most pairs returned.
        threshold: Leave out pairs that score less, -1 to 1.
        repeats: Return pairs of equal texts too; they count towards `max_pairs`.
        show_progress: Draw bars on standard error.

    Raises:
        InvalidInputError: If there are fewer than two texts, something is not a text, or a number
            is out of range.
    """
    max_pairs = check_k(max_pairs, "max_pairs")
    if threshold is not None:
        check_threshold(threshold)
    texts = check_texts(texts)
    firsts, copies = _find_first_positions(texts)
    if len(firsts) + len(copies) < 2:
        raise InvalidInputError(
            f"got {len(firsts)} texts with content among {len(texts)}; allowed: two or more."
        )
    pairs = [(first, copy, 1.0) for copy, first in copies.items()] if repeats else []
    if len(firsts) > 1:
        vectors = _encode(texts, firsts, encoder, show_progress=show_progress)
        similar = similar_pairs(
            vectors, max_pairs=max_pairs, threshold=threshold, show_progress=show_progress
        )
        pairs += [(firsts[i], firsts[j], score) for i, j, score in similar]
    ranked = rank([score for _, _, score in pairs], [(i, j) for i, j, _ in pairs])[:max_pairs]
    best = [(*pairs[at][:2], score) for at, score in ranked]
    return [TextPair(i, j, score, (texts[i], texts[j])) for i, j, score in best]


def deduplicate(
    texts: Sequence[str], encoder: Encoder, *, threshold: float = 0.9, show_progress: bool = False
) -> Duplicates:
    """Return which texts to keep: the first of those with the same meaning.

    Greedy, in the order of the texts; see `sememe.space.duplicates`. A text equal to an earlier
    one is dropped with it, or for it with score 1. Texts without content are neither kept nor
    dropped: they are in none of the arrays.

    Args:
        texts: n texts, one or more with content.
        encoder: Of texts: `sememe.load()`.
        threshold: The cosine from which a text is a duplicate, -1 to 1.
        show_progress: Draw bars on standard error.

    Raises:
        InvalidInputError: If no text has content, something is not a text, or the threshold is out
            of range.
    """
    check_threshold(threshold)
    texts = check_texts(texts)
    firsts, copies = _find_first_positions(texts)
    if not firsts:
        raise InvalidInputError(f"got {len(texts)} texts, none with content; give one or more.")
    vectors = _encode(texts, firsts, encoder, show_progress=show_progress)
    result = duplicates(vectors, threshold=threshold, show_progress=show_progress)
    positions = np.array(firsts, np.int64)
    of = dict.fromkeys(firsts, (-1, 1.0))  # -1: kept
    columns = (positions[result.dropped], positions[result.duplicate_of], result.scores)
    for row, kept, score in zip(*(column.tolist() for column in columns), strict=True):
        of[row] = kept, score
    for copy, first in copies.items():
        of[copy] = of[first] if of[first][0] >= 0 else (first, 1.0)
    dropped = sorted(row for row, (kept, _) in of.items() if kept >= 0)
    return Duplicates(
        positions[result.kept],
        np.array(dropped, np.int64),
        np.array([of[row][0] for row in dropped], np.int64),
        np.array([of[row][1] for row in dropped], np.float32),
    )


def _find_first_positions(texts: list[str]) -> tuple[list[int], dict[int, int]]:
    """Return the positions of distinct texts with content, and {copy: its first}."""
    copies = {i: first for i, first in find_duplicates(texts).items() if texts[i].strip()}
    return [i for i, text in enumerate(texts) if text.strip() and i not in copies], copies


def _encode(
    texts: list[str], positions: list[int], encoder: Encoder, *, show_progress: bool
) -> FloatArray:
    """Return (n, dim) vectors of some texts, encoded in batches to bound an encoder's memory."""
    vectors = np.empty((len(positions), encoder.dim), np.float32)
    with progress("encoding", total=len(positions), show=show_progress) as advance:
        for start in range(0, len(positions), _BATCH):
            some = positions[start : start + _BATCH]
            rows = encoder.encode([texts[i] for i in some])
            valid = np.isfinite(rows).all(axis=1) & rows.any(axis=1)
            if not valid.all():
                raise InvalidInputError(
                    f"{encoder.name} gives text {some[int(valid.argmin())]} a vector of zeros, NaN "
                    "or infinity; leave the text out, or take another encoder."
                )
            vectors[start : start + len(some)] = rows
            advance(start + len(some))
    return vectors
