"""The tokenizer of a checkpoint: tokenizer.json, run by Hugging Face's `tokenizers`."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sememe.text.normalize import well_formed
from sememe.text.tokenizers.subwords import SubwordTokenizer, encode_plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PROBE = "a"


@dataclass(frozen=True, eq=False, slots=True)
class Pieces:
    """The pieces of a text.

    Attributes:
        ids: Piece ids.
        spans: (n, 2) int64, start and end of each piece in the text, in characters.
        words: (n,) int64, index of the word a piece belongs to; -1 for none.
    """

    ids: list[int]
    spans: NDArray[np.int64]
    words: NDArray[np.int64]


class FileTokenizer:
    """Tokenizes texts as the network was trained; lone surrogates are read as U+FFFD.

    Attributes:
        path: The file.
        begin, end: Ids of the special tokens around each sequence; `begin` ends with the prompt.
        unknown: Id of unknown tokens, -1 if there is none.
        marks: Number of special tokens in `begin`, before the prompt.
    """

    def __init__(self, path: Path, *, prompt: str = "") -> None:
        """Open a tokenizer.json.

        prompt: Prefix of every text.
        Raises the errors of `SubwordTokenizer.load`.
        """
        self.path = path
        self._tokenizer: Any = SubwordTokenizer.load(path).tokenizer
        self._set_prompt(prompt)
        self.unknown = self._unknown()

    def with_prompt(self, prompt: str) -> Self:
        """Return the tokenizer with another prompt."""
        other = copy(self)
        other._set_prompt(prompt)
        return other

    def _set_prompt(self, prompt: str) -> None:
        self._prompt = prompt
        whole, body = self._tokenizer.encode(_PROBE).ids, self._ids([_PROBE])[0]
        at = next(i for i in range(len(whole)) if whole[i : i + len(body)] == body)
        prefix = self._ids([prompt.rstrip()])[0] if prompt else []
        self.begin: tuple[int, ...] = (*whole[:at], *prefix)
        self.end: tuple[int, ...] = tuple(whole[at + len(body) :])
        self.marks = at

    @property
    def vocab_size(self) -> int:
        """Number of ids, special tokens included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids, without special tokens and prompt."""
        if not self._prompt:
            return self._ids(texts)
        n = len(self.begin) - self.marks
        return [ids[n:] for ids in self._ids([self._prompt + text for text in texts])]

    def encode_marked(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids with special tokens and prompt."""
        return [[*self.begin, *ids, *self.end] for ids in self.encode(texts)]

    def pieces(self, text: str) -> Pieces:
        """Return a text's pieces with their spans, without special tokens and prompt."""
        encoding = self._tokenizer.encode(well_formed(text), add_special_tokens=False)
        words = [-1 if word is None else word for word in encoding.word_ids]
        spans = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        return Pieces(encoding.ids, spans, np.array(words, np.int64))

    def names(self, ids: Sequence[int]) -> list[str]:
        """Return the pieces as written in the vocabulary."""
        return [self._tokenizer.id_to_token(i) or "" for i in ids]

    def special_ids(self) -> frozenset[int]:
        """Return the ids of special and unknown tokens."""
        added = self._tokenizer.get_added_tokens_decoder()
        marks = {number for number, token in added.items() if token.special}
        return frozenset(marks | {*self.begin[: self.marks], *self.end, self.unknown} - {-1})

    def keep_whole(self, name: str) -> bool:
        """Make a piece special, so that it is never split; return False if that is impossible."""
        number = self._tokenizer.token_to_id(name)
        if number is None:
            return False
        if number not in self._tokenizer.get_added_tokens_decoder():
            self._tokenizer.add_special_tokens([name])
        return self._ids([name])[0].count(number) == 1

    def render_pieces(self, ids: Sequence[int]) -> list[str]:
        """Return each piece as it reads after another word: " word", or "ing" for "##ing"."""
        before = self._ids([_PROBE])[0]
        start = len(self._decode(before))
        return [self._decode([*before, number])[start:] for number in ids]

    def _decode(self, ids: list[int]) -> str:
        if self._tokenizer.decoder is not None:
            return str(self._tokenizer.decode(ids, skip_special_tokens=False))
        inner = getattr(self._tokenizer.model, "continuing_subword_prefix", None)
        words = [f" {name}" for name in self.names(ids)]
        return "".join(word.replace(f" {inner}", "", 1) if inner else word for word in words)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return encode_plain(self._tokenizer, texts)

    def _unknown(self) -> int:
        model = self._tokenizer.model
        number = getattr(model, "unk_id", None)
        if number is None and (name := getattr(model, "unk_token", None)):
            number = self._tokenizer.token_to_id(name)
        return -1 if number is None else int(number)
