"""Two texts as one sequence of token ids, as a cross-encoder reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sememe._errors import InvalidInputError
from sememe.text.normalize import well_formed
from sememe.text.tokenizers.subwords import SubwordTokenizer

Pair = tuple[str, str]
_PROBE = "a"


class PairTokens(NamedTuple):
    """A pair of texts in tokens, marks included.

    Attributes:
        ids: Of each token.
        types: Of each token, 0 for the first text and 1 for the second, as the tokenizer says.
        dropped: How many tokens of the two texts the window had no room for.
    """

    ids: list[int]
    types: list[int]
    dropped: int


class Marks(NamedTuple):
    """What stands around two texts in one sequence: (id, type) of each mark.

    Attributes:
        begin, middle, end: Before the first text, between the two, after the second.
        first, second: Types of the texts' own tokens.
    """

    begin: tuple[tuple[int, int], ...]
    middle: tuple[tuple[int, int], ...]
    end: tuple[tuple[int, int], ...]
    first: int
    second: int


class PairTokenizer:
    """Pairs of texts to ids as the network was trained on them; lone surrogates count as U+FFFD."""

    def __init__(self, path: Path, *, window: int, prompt: str = "") -> None:
        """Open a tokenizer.json.

        window: Tokens of a pair at most, marks included. prompt: What stands before the first text
        of every pair.

        Raises:
            InvalidInputError, CorruptFileError, MissingExtraError: See `SubwordTokenizer.load`; or
                a window that does not hold the marks and a token of each text.
        """
        self._tokenizer: Any = SubwordTokenizer.load(path).tokenizer
        self._marks = self._pair_marks()
        self._prompt = prompt
        self._room = window - sum(map(len, self._marks[:3]))
        if self._room < 2:
            raise InvalidInputError(
                f"a window of {window} tokens holds {self._room} beside the marks of {path}; give "
                "one that holds two or more"
            )

    def encode(self, pairs: Sequence[Pair]) -> list[PairTokens]:
        """Return each pair's tokens; of the longer text the end is cut where both do not fit."""
        sides = [(self._prompt + first, second) for first, second in pairs]
        places = {
            text: i for i, text in enumerate(dict.fromkeys(t for pair in sides for t in pair))
        }
        rows = self._ids(list(places))
        return [self._joined(rows[places[a]], rows[places[b]]) for a, b in sides]

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        clean = [well_formed(text) for text in texts]
        found = self._tokenizer.encode_batch_fast(clean, add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def _pair_marks(self) -> Marks:
        """Look where a known text comes to lie twice in a pair."""
        body = self._ids([_PROBE])[0]
        whole = self._tokenizer.encode(_PROBE, _PROBE)
        tokens = list(zip(whole.ids, whole.type_ids, strict=True))
        n = len(body)
        places = [i for i in range(len(tokens)) if whole.ids[i : i + n] == body]
        a = places[0]
        b = next(place for place in places if place >= a + n)
        around = tuple(tokens[:a]), tuple(tokens[a + n : b]), tuple(tokens[b + n :])
        return Marks(*around, first=tokens[a][1], second=tokens[b][1])

    def _joined(self, first: list[int], second: list[int]) -> PairTokens:
        begin, middle, end, a_type, b_type = self._marks
        n, m = longest_first(len(first), len(second), self._room)
        tokens = [
            *begin, *((i, a_type) for i in first[:n]),
            *middle, *((i, b_type) for i in second[:m]), *end,
        ]  # fmt: skip
        ids, types = [i for i, _ in tokens], [kind for _, kind in tokens]
        return PairTokens(ids, types, len(first) + len(second) - n - m)


def longest_first(n: int, m: int, room: int) -> tuple[int, int]:
    """Return how many tokens are kept of two texts with n and m: the longer one gives first.

    As `tokenizers` cuts pairs: where both are longer than half of the room, each gets half, and the
    longer one the odd token.

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
