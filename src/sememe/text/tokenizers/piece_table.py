"""A Unigram tokenizer that is given as a table of pieces, not as a SentencePiece file.

    text   -> each character replaced by the table, runs of spaces made one, a space in front
           -> the most probable segmentation into pieces

The library `sentencepiece` segments many texts fast, but takes a second to take in 250,000 pieces;
the first few short texts of a process are segmented in Python (`sememe.text.tokenizers.viterbi`).
Both give the same ids. Each unknown character has its own.

Reference: Kudo 2018 (arXiv:1804.10959); Kudo and Richardson 2018 (arXiv:1808.06226).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe.text.normalize import well_formed
from sememe.text.tokenizers.tokenizer_file import Pieces
from sememe.text.tokenizers.viterbi import UNKNOWN_PENALTY, segment

SPACE = "\u2581"  # a space, in the names of pieces
_FEW = 20_000  # characters segmented in Python, before the library is loaded
_SPACES = re.compile(" {2,}")


@dataclass(frozen=True, eq=False, slots=True)
class PieceTable:
    """The pieces of a Unigram model.

    Attributes:
        names: Pieces in the order of their ids, U+2581 for a space.
        scores: (pieces,) float32 log-probabilities.
        begin, end, pad, unknown: Ids of the special pieces.
        normalization: Code point -> what it is replaced by, maybe nothing.
    """

    names: list[str]
    scores: NDArray[np.float32]
    begin: int
    end: int
    pad: int
    unknown: int
    normalization: Mapping[int, str]


class PieceTokenizer:
    """Tokenizes texts, each after a prompt; lone surrogates are read as U+FFFD.

    Attributes:
        table: The pieces.
        begin, end: Ids of the special tokens around each sequence; `begin` ends with the prompt.
        unknown: Id of unknown characters.
        marks: Number of special tokens in `begin`, before the prompt.
    """

    marks = 1

    def __init__(self, table: PieceTable, *, prompt: str = "") -> None:
        """Take the pieces; prompt: Prefix of every text, which ends in a space if there is one."""
        self.table = table
        self.unknown = table.unknown
        self._segmenter = _Segmenter(table)
        self._set_prompt(prompt)

    def with_prompt(self, prompt: str) -> PieceTokenizer:
        """Return a tokenizer of the same pieces with another prompt."""
        other = copy(self)
        other._set_prompt(prompt)
        return other

    @property
    def vocab_size(self) -> int:
        """Number of pieces, special tokens included."""
        return len(self.table.names)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids, without special tokens and prompt."""
        n = len(self.begin) - self.marks
        return [ids[n:] for ids in self._segmenter.encode([self._prompt + text for text in texts])]

    def encode_marked(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids with special tokens and prompt."""
        return [[*self.begin, *ids, *self.end] for ids in self.encode(texts)]

    def pieces(self, text: str) -> Pieces:
        """Return a text's pieces with their spans, without special tokens and prompt."""
        return self._segmenter.pieces(text)

    def names(self, ids: Sequence[int]) -> list[str]:
        """Return the pieces as written in the vocabulary."""
        return [self.table.names[i] for i in ids]

    def _set_prompt(self, prompt: str) -> None:
        self._prompt = prompt
        words = self._segmenter.encode([prompt.rstrip()])[0] if prompt else []
        self.begin: tuple[int, ...] = (self.table.begin, *words)
        self.end: tuple[int, ...] = (self.table.end,)


class _Segmenter:
    """Texts to ids."""

    def __init__(self, table: PieceTable) -> None:
        self._table = table
        self._budget = _FEW

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        clean = [self._normalize(well_formed(text)) for text in texts]
        self._budget -= sum(map(len, clean))
        if self._budget >= 0:
            return [self._segment(text)[0] for text in clean]
        rows: list[list[int]] = self._library.encode(clean, num_threads=1)
        unknown = self._table.unknown
        for i, row in enumerate(rows):
            if unknown in row:
                rows[i] = self._spread(clean[i], row)
        return rows

    def pieces(self, text: str) -> Pieces:
        """Return the pieces of a text; the space before a word is no part of the word's span."""
        text = well_formed(text)
        places, parts = [], []  # of each normalised character: its place in the text
        for at, character in enumerate(text):
            part = self._table.normalization.get(ord(character), character)
            places += [at] * len(part)
            parts.append(part)
        written = "".join(parts)
        kept = [i for i, c in enumerate(written) if c != " " or written[i - 1 : i] != " "]
        written = "".join(written[i] for i in kept).replace(" ", SPACE)
        places = [places[i] for i in kept]
        if not written.startswith(SPACE):
            written, places = SPACE + written, [0, *places]
        ids, ends = self._segment(written)
        spans = []
        for start, end in zip([0, *ends], ends, strict=False):
            first = start + 1 if written[start] == SPACE and end > start + 1 else start
            spans.append((places[first], places[end - 1] + (written[end - 1] != SPACE)))
        begins = [written[start] == SPACE for start in [0, *ends[:-1]]]
        words = np.array(list(accumulate(begins)), np.int64) - 1
        return Pieces(ids, np.array(spans, np.int64).reshape(-1, 2), words)

    def _normalize(self, text: str) -> str:
        text = _SPACES.sub(" ", text.translate(self._table.normalization))
        return (text if text.startswith(" ") else f" {text}").replace(" ", SPACE)

    def _segment(self, text: str) -> tuple[list[int], list[int]]:
        ids, scores, longest = self._lookup
        unknown, price = self._table.unknown, scores.min() - np.float32(UNKNOWN_PENALTY)
        return segment(text, ids, scores, longest=longest, unknown=unknown, unknown_score=price)

    def _spread(self, text: str, row: list[int]) -> list[int]:
        """Give each unknown character its own id; the library merges runs into one."""
        pieces = zip(row, self._library.encode(text, out_type=str), strict=True)
        unknown = self._table.unknown
        return [i for id_, p in pieces for i in ([id_] * len(p) if id_ == unknown else [id_])]

    @cached_property
    def _lookup(self) -> tuple[dict[str, int], NDArray[np.float32], int]:
        """Piece -> id, but for the unknown one; the scores; the longest piece."""
        ids = dict(zip(self._table.names, range(len(self._table.names)), strict=True))
        del ids[self._table.names[self._table.unknown]]
        return ids, self._table.scores, max(map(len, ids))

    @cached_property
    def _library(self) -> Any:
        from sentencepiece import SentencePieceProcessor

        processor = SentencePieceProcessor()
        processor.load_from_serialized_proto(write_model(self._table))
        return processor


def write_model(table: PieceTable) -> bytes:
    """Return a SentencePiece model of the pieces, for text that is normalised already.

    All pieces but the unknown one are ordinary, so that their names in a text are those pieces.
    The format is `sentencepiece_model.proto`, a protocol buffer, written here by hand: a field is
    its number times 8 plus the kind of its value.
    """
    heads = [_field(1, 2) + _number(size) for size in range(256)]
    scores = table.scores.astype("<f4").tobytes()
    parts = []
    for i, name in enumerate(table.names):
        data = name.encode()
        more = b"\x18\x02" if i == table.unknown else b""  # field 3, type: 2, unknown
        body = b"\x0a" + _number(len(data)) + data + b"\x15" + scores[4 * i : 4 * i + 4] + more
        parts.append(heads[len(body)] + body)
    ids = {40: table.unknown, 41: table.begin, 42: table.end, 43: table.pad, 3: 1}  # 3: Unigram
    trainer = b"".join(_field(f, 0) + _number(value) for f, value in ids.items())
    normalizer = b"".join(_field(f, 0) + _number(v) for f, v in ((3, 0), (4, 0), (5, 1)))
    for number, message in ((2, trainer), (3, normalizer)):
        parts.append(_field(number, 2) + _number(len(message)) + message)
    return b"".join(parts)


def _field(number: int, kind: int) -> bytes:
    return _number(number << 3 | kind)


def _number(value: int) -> bytes:
    """Return a whole number in base 128, lowest digit first, all but the last marked."""
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return struct.pack(f"{len(digits) + 1}B", *digits, value)
