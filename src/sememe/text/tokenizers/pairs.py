"""Tokenize pairs of texts into one sequence, for cross-encoders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sememe._errors import InvalidInputError
from sememe.text.tokenizers.subwords import SubwordTokenizer, encode_plain

Pair = tuple[str, str]
_PROBE = "a"


class PairTokens(NamedTuple):
    """The tokens of a pair of texts, special tokens included.

    Attributes:
        ids: Token ids.
        types: Token types: in most models 0 for the first text and 1 for the second.
        dropped: Number of tokens truncated to fit the window.
    """

    ids: list[int]
    types: list[int]
    dropped: int


class PairTokenizer:
    """Tokenizes pairs of texts for a cross-encoder; lone surrogates are read as U+FFFD."""

    def __init__(self, path: Path, *, window: int, prompt: str = "") -> None:
        """Open a tokenizer.json.

        window: Maximum number of tokens of a pair, special tokens included. prompt: Prefix of the
        first text of every pair.
        Raises the errors of `SubwordTokenizer.load`, and InvalidInputError if the window is too
        small.
        """
        self._tokenizer: Any = SubwordTokenizer.load(path).tokenizer
        self._find_marks()
        self._prompt = prompt
        self._room = window - sum(map(len, self._marks))
        if self._room < 2:
            raise InvalidInputError(
                f"a window of {window} tokens leaves {self._room} besides the special tokens of "
                f"{path}; give one that leaves two or more"
            )

    def encode(self, pairs: Sequence[Pair]) -> list[PairTokens]:
        """Return each pair's tokens; if both do not fit, the end of the longer text is cut."""
        sides = [(self._prompt + first, second) for first, second in pairs]
        texts = list(dict.fromkeys(text for pair in sides for text in pair))
        ids = dict(zip(texts, encode_plain(self._tokenizer, texts), strict=True))
        return [self._join(ids[a], ids[b]) for a, b in sides]

    def _find_marks(self) -> None:
        """Find the special tokens and token types by encoding a pair of equal texts."""
        body = encode_plain(self._tokenizer, [_PROBE])[0]
        whole = self._tokenizer.encode(_PROBE, _PROBE)
        tokens = tuple(zip(whole.ids, whole.type_ids, strict=True))
        n = len(body)
        a, *others = (i for i in range(len(tokens)) if whole.ids[i : i + n] == body)
        b = next(start for start in others if start >= a + n)
        # (id, type) of the tokens before the first text, between the two, after the second
        self._marks = tokens[:a], tokens[a + n : b], tokens[b + n :]
        self._types = tokens[a][1], tokens[b][1]

    def _join(self, first: list[int], second: list[int]) -> PairTokens:
        begin, middle, end = self._marks
        n, m = longest_first(len(first), len(second), self._room)
        a = ((i, self._types[0]) for i in first[:n])
        b = ((i, self._types[1]) for i in second[:m])
        tokens = [*begin, *a, *middle, *b, *end]
        ids, types = [i for i, _ in tokens], [kind for _, kind in tokens]
        return PairTokens(ids, types, len(first) + len(second) - n - m)


def longest_first(n: int, m: int, room: int) -> tuple[int, int]:
    """Return how many of n and m tokens of two texts are kept: the longer text is cut first.

    As in `tokenizers`: if both are longer than half of the room, each gets half, and the longer one
    the odd token.

    >>> longest_first(9, 2, 8), longest_first(9, 6, 9), longest_first(2, 3, 8)
    ((6, 2), (5, 4), (2, 3))
    """
    if n + m <= room:
        return n, m
    if n > m:
        kept = longest_first(m, n, room)
        return kept[1], kept[0]
    short = min(n, room // 2)
    return short, room - short
