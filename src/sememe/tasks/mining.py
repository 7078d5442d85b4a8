"""Similar texts among up to a million: the most similar pairs, and what to keep of them.

    encoder = sememe.load()
    for pair in sememe.mine_pairs(texts, encoder, threshold=0.8): ...
    kept = [texts[i] for i in sememe.deduplicate(texts, encoder).kept]

Memory holds the vectors, 2 KB for each text at dim 512, and a block of scores; see
`sememe.space.pairs` for the time, which grows with the square of the number of texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._progress import progress
from sememe._ties import rank
from sememe.encoders.text.encoder import check_texts
from sememe.space.duplicates import Duplicates, duplicates
from sememe.space.pairs import check_threshold, similar_pairs
from sememe.vectors.nearest import check_k

if TYPE_CHECKING:
    from sememe._types import Encoder, FloatArray

_BATCH = 4096  # texts given to the encoder at once


class TextPair(NamedTuple):
    """Two texts that are alike.

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
    """Return the pairs of texts that are most alike, highest score first; ties by position.

    A text that stands there m times is encoded and compared once, where it stands first, and makes
    m - 1 pairs of score 1 with that place, not m(m-1)/2. Texts without content take no part.

    Args:
        texts: n texts, two or more with content.
        encoder: Of texts: `sememe.load()`.
        max_pairs: The most pairs returned.
        threshold: Leave out pairs that score less, -1 to 1.
        repeats: Return pairs of equal texts too; they count towards `max_pairs`.
        show_progress: Draw bars on standard error.

    Raises:
        InvalidInputError: Fewer than two texts, something that is no text, or a number out of
            range.
    """
    max_pairs = check_k(max_pairs, "max_pairs")
    if threshold is not None:
        check_threshold(threshold)
    texts = check_texts(texts)
    firsts, copies = _first_places(texts)
    if len(firsts) + len(copies) < 2:
        raise InvalidInputError(
            f"got {len(firsts)} texts with content among {len(texts)}; allowed: two or more."
        )
    found = [(place, copy, 1.0) for copy, place in copies.items()] if repeats else []
    if len(firsts) > 1:
        vectors = _encoded(texts, firsts, encoder, show_progress=show_progress)
        pairs = similar_pairs(
            vectors, max_pairs=max_pairs, threshold=threshold, show_progress=show_progress
        )
        found += [(firsts[i], firsts[j], score) for i, j, score in pairs]
    ranked = rank([score for _, _, score in found], [(i, j) for i, j, _ in found])[:max_pairs]
    best = [(*found[place][:2], score) for place, score in ranked]
    return [TextPair(i, j, score, (texts[i], texts[j])) for i, j, score in best]


def deduplicate(
    texts: Sequence[str],
    encoder: Encoder,
    *,
    threshold: float = 0.9,
    show_progress: bool = False,
) -> Duplicates:
    """Say which texts to keep: the first of those that say the same.

    Greedy, in the order of the texts; see `sememe.space.duplicates`. A text equal to an earlier
    one is dropped with it, or for it with score 1. Texts without content are neither kept nor
    dropped: they are in none of the arrays.

    Args:
        texts: n texts, one or more with content.
        encoder: Of texts: `sememe.load()`.
        threshold: The cosine from which a text is a duplicate, -1 to 1.
        show_progress: Draw bars on standard error.

    Raises:
        InvalidInputError: No text with content, something that is no text, or a threshold out of
            range.
    """
    check_threshold(threshold)
    texts = check_texts(texts)
    firsts, copies = _first_places(texts)
    if not firsts:
        raise InvalidInputError(f"got {len(texts)} texts, none with content; give one or more.")
    vectors = _encoded(texts, firsts, encoder, show_progress=show_progress)
    found = duplicates(vectors, threshold=threshold, show_progress=show_progress)
    places = np.array(firsts, np.int64)
    of = dict.fromkeys(firsts, (-1, 1.0))  # -1: kept
    columns = (places[found.dropped], places[found.duplicate_of], found.scores)
    for row, kept, score in zip(*(column.tolist() for column in columns), strict=True):
        of[row] = kept, score
    for copy, first in copies.items():
        of[copy] = of[first] if of[first][0] >= 0 else (first, 1.0)
    dropped = sorted(row for row, (kept, _) in of.items() if kept >= 0)
    return Duplicates(
        places[found.kept],
        np.array(dropped, np.int64),
        np.array([of[row][0] for row in dropped], np.int64),
        np.array([of[row][1] for row in dropped], np.float32),
    )


def _first_places(texts: list[str]) -> tuple[list[int], dict[int, int]]:
    """Return where each different text stands first, and for each copy where its first stands."""
    seen: dict[str, int] = {}
    copies: dict[int, int] = {}
    for i, text in enumerate(texts):
        if text.strip() and seen.setdefault(text, i) != i:
            copies[i] = seen[text]
    return list(seen.values()), copies


def _encoded(
    texts: list[str], places: list[int], encoder: Encoder, *, show_progress: bool
) -> FloatArray:
    """Return (n, dim) vectors of some texts, encoded in batches to bound what an encoder notes."""
    vectors = np.empty((len(places), encoder.dim), np.float32)
    with progress("encoding", total=len(places), show=show_progress) as advance:
        for start in range(0, len(places), _BATCH):
            some = places[start : start + _BATCH]
            rows = encoder.encode([texts[i] for i in some])
            right = np.isfinite(rows).all(axis=1) & rows.any(axis=1)
            if not right.all():
                raise InvalidInputError(
                    f"{encoder.name} gives text {some[int(right.argmin())]} a vector of zeros, NaN "
                    "or infinity; leave the text out, or take another encoder."
                )
            vectors[start : start + len(some)] = rows
            advance(start + len(some))
    return vectors
