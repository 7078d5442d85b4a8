"""Split long text into overlapping chunks at paragraph and sentence bounds, with offsets.

A chunk holds whole sentences as long as they fit the window; a longer sentence is split between
words, and a longer word between characters. The next chunk repeats the last sentences of the one
before, as many as the overlap allows, so that text at a border is seen in context once. Together
the chunks cover every character but white space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

Count = Callable[[Sequence[str]], list[int]]

# End of a sentence: its end mark with closing quotes, and white space; CJK marks need no space.
# Runs are matched from their first character only, so that a megabyte of dots takes linear time.
_BOUND = re.compile(
    r"(?<![.!?…؟۔])[.!?…؟۔]++[\"'”’»)\]]*+\s+|[。！？｡]+[」』”’）]*\s*|(?<!\s)[^\S\n]*+\n\s*"
)
# A dot after these does not end a sentence: initials, titles and other abbreviations.
_ABBREVIATION = re.compile(
    r"\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Rev|Gen|vs|cf|ca|pp|al|No|Nos|Fig|Eq|Vol)\Z"
)
_LONGEST_ABBREVIATION = 5
_PARAGRAPH = re.compile(r"\n\s*\n")
_CHARS = 8  # characters per token of the window; longer sentences are split before counting
_FILL = 0.9  # fraction of the window that the pieces of a long sentence should fill
_BATCH = 4096  # sentences counted at once, so that memory does not grow with the text


@dataclass(frozen=True, slots=True)
class Span:
    """Characters start to end (exclusive) of a text, and their number of tokens.

    `repeated` is the number of tokens shared with the end of the previous span.
    """

    start: int
    end: int
    tokens: int
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class _Unit:
    start: int
    end: int
    tokens: int
    ends_paragraph: bool


def split(text: str, *, count: Count, window: int, overlap: int) -> list[Span]:
    """Split `text` into spans of at most `window` tokens that overlap by up to `overlap`.

    count: Returns the number of tokens of each text of a list. The tokens of a span are the sum
    over its sentences. White space alone gives no span. A single character is never split, even if
    it has more tokens.

    >>> by_words = lambda texts: [len(text.split()) for text in texts]
    >>> text = "One two three. Four five. Six seven eight nine."
    >>> for span in split(text, count=by_words, window=6, overlap=2):
    ...     print(span.tokens, text[span.start : span.end])
    5 One two three. Four five.
    6 Four five. Six seven eight nine.
    """
    spans: list[Span] = []
    held: list[_Unit] = []  # sentences of the current chunk
    repeated = 0  # tokens among them that end the previous chunk
    fresh = False  # whether there are others
    for unit in _units(text, count, window):
        used = sum(u.tokens for u in held)
        full = used + unit.tokens > window
        rounded = bool(held) and held[-1].ends_paragraph and used > 0.75 * window
        if fresh and (full or rounded):
            spans.append(_span(held, repeated))
            held = _tail(held, min(overlap, window - unit.tokens))
            repeated = sum(u.tokens for u in held)
        held.append(unit)
        fresh = True
    if fresh:
        spans.append(_span(held, repeated))
    return spans


def _span(units: Sequence[_Unit], repeated: int) -> Span:
    return Span(units[0].start, units[-1].end, sum(u.tokens for u in units), repeated)


def _tail(units: Sequence[_Unit], overlap: int) -> list[_Unit]:
    """Return the last units with at most `overlap` tokens in total, but not all units."""
    first, tokens = len(units), 0
    while first > 1 and tokens + units[first - 1].tokens <= overlap:
        first -= 1
        tokens += units[first].tokens
    return list(units[first:])


def _units(text: str, count: Count, window: int) -> Iterator[_Unit]:
    """Yield sentences in order with their tokens, split if they exceed the window."""
    sentences = _sentences(text, window * _CHARS)
    while batch := list(islice(sentences, _BATCH)):
        yield from _count_tokens(text, batch, count, window)


def _count_tokens(
    text: str, bounds: list[tuple[int, int, bool]], count: Count, window: int
) -> Iterator[_Unit]:
    tokens = count([text[start:end] for start, end, _ in bounds]) if bounds else []
    for (start, end, last), n in zip(bounds, tokens, strict=True):
        if n <= window or end - start == 1:
            yield _Unit(start, end, n, last)
        else:
            longest = max(1, int(_FILL * window / n * (end - start)))
            pieces = list(_trim(text, _cuts(text, start, end, longest), last))
            yield from _count_tokens(text, pieces, count, window)


def find_sentences(text: str, *, longest: int) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence; of one longer than `longest` characters, its pieces.

    >>> find_sentences("It rained. 우산이 없다.", longest=100)
    [(0, 10), (11, 18)]
    """
    return [(start, end) for start, end, _ in _sentences(text, longest)]


def _sentences(text: str, longest: int) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, ends a paragraph) of each sentence, none longer than `longest`."""
    start = 0
    for match in _BOUND.finditer(text):
        dot = match.start()
        before = max(0, dot - _LONGEST_ABBREVIATION)
        if match.group() == ". " and _ABBREVIATION.search(text, before, dot):
            continue
        last = bool(_PARAGRAPH.search(match.group()))
        yield from _trim(text, _cuts(text, start, match.end(), longest), last)
        start = match.end()
    yield from _trim(text, _cuts(text, start, len(text), longest), True)


def _cuts(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """Yield pieces of at most `longest` characters, split after white space if there is any."""
    while end - start > longest:
        at = max(text.rfind(space, start + 1, start + longest) for space in " \t\n")
        cut = at + 1 if at > 0 else start + longest
        yield start, cut
        start = cut
    yield start, end


def _trim(
    text: str, pieces: Iterator[tuple[int, int]], last: bool
) -> Iterator[tuple[int, int, bool]]:
    """Strip white space from pieces, and drop empty ones."""
    for start, end in pieces:
        piece = text[start:end]
        left = start + len(piece) - len(piece.lstrip())
        right = left + len(piece.strip())
        if left < right:
            yield left, right, last
