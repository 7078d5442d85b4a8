"""The Unigram tokenizer of SentencePiece: text to piece ids, most probable segmentation first.

Each piece has a log-probability; a text is cut where the sum is highest (Viterbi). Two forms give
the same ids: Hugging Face `tokenizers` in Rust for many texts, which takes a second to build, and
a loop to read in Python for few, which takes none.

Reference: Kudo 2018 (arXiv:1804.10959).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sememe._errors import CorruptFileError
from sememe.text.charsmap import Charsmap

UNK, BOS, EOS = 0, 1, 2
_UNK_PENALTY = 10.0  # SentencePiece: an unknown character costs this beyond the rarest piece
_FEW = 2_000  # characters that the Python loop segments in less time than Rust needs to build


@dataclass(frozen=True)
class SentencePieceModel:
    """What a SentencePiece `.model` file holds: pieces, their log-probabilities, the charsmap."""

    pieces: list[str]
    scores: list[float]
    charsmap: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> SentencePieceModel:
        """Read the file's protobuf message.

        Raises:
            CorruptFileError: The bytes are not a SentencePiece model.
        """
        try:
            return cls(*_parse_model(memoryview(data)))
        except (IndexError, ValueError, struct.error) as error:
            message = f"not a SentencePiece model ({error}). Install its package again."
            raise CorruptFileError(message) from error


class UnigramTokenizer:
    """Segment text with a SentencePiece Unigram model, to the ids of the model's own library."""

    def __init__(self, model: SentencePieceModel) -> None:
        self._model = model
        self._charsmap = Charsmap(model.charsmap)
        self._unk_score = min(model.scores) - _UNK_PENALTY
        self._longest = max(map(len, model.pieces))

    @property
    def vocab_size(self) -> int:
        """Number of pieces."""
        return len(self._model.pieces)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's piece ids, without begin and end marks; no text gives no ids.

        Text of which nothing is left after normalisation (white space, control characters) gives
        the single id of the unknown piece. An unknown stretch counts one id for each character.
        """
        normalized = [self._charsmap.normalize(text) for text in texts]
        if "_rust" in self.__dict__ or sum(map(len, normalized)) > _FEW:
            return self._encode_rust(normalized)
        return [self._viterbi(text) for text in normalized]

    def _encode_rust(self, normalized: list[str]) -> list[list[int]]:
        ids: list[list[int]] = []
        for text, encoding in zip(
            normalized,
            self._rust.encode_batch(normalized, add_special_tokens=False),
            strict=True,
        ):
            row = encoding.ids
            if UNK in row:  # Rust joins neighbouring unknown characters into one
                row = self._viterbi(text) if "<unk>" in text else _spread_unknown(encoding)
            ids.append(row or [UNK])
        return ids

    @cached_property
    def _rust(self) -> Any:
        from tokenizers import Tokenizer
        from tokenizers.models import Unigram

        vocab = list(zip(self._model.pieces, self._model.scores, strict=True))
        return Tokenizer(Unigram(vocab, UNK, False))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self._model.pieces)}

    def _viterbi(self, text: str) -> list[int]:
        """Segment normalised text: the best path over its pieces, left to right."""
        ids, scores, longest = self._ids, self._model.scores, self._longest
        n = len(text)
        best = [0.0] + [-1e38] * n  # best[i]: score of the best segmentation of text[:i]
        start = [0] * (n + 1)  # where its last piece begins
        piece = [UNK] * (n + 1)  # and which it is
        for i in range(n):
            known = False
            for j in range(i + 1, min(i + longest, n) + 1):
                id_ = ids.get(text[i:j])
                if id_ is None:
                    continue
                known = known or j == i + 1
                if best[i] + scores[id_] > best[j]:  # strictly: ties go to the longer piece
                    best[j], start[j], piece[j] = best[i] + scores[id_], i, id_
            if not known and best[i] + self._unk_score > best[i + 1]:
                best[i + 1], start[i + 1], piece[i + 1] = best[i] + self._unk_score, i, UNK
        path = []
        while n:
            path.append(piece[n])
            n = start[n]
        return path[::-1] or [UNK]


def _spread_unknown(encoding: Any) -> list[int]:
    row: list[int] = []
    for id_, token in zip(encoding.ids, encoding.tokens, strict=True):
        row.extend([UNK] * len(token) if id_ == UNK else [id_])
    return row


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: memoryview) -> list[tuple[int, memoryview]]:
    """Split one protobuf message into (field number, bytes of the value)."""
    fields, at = [], 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            end = _varint(data, at)[1]
        elif kind == 2:
            length, at = _varint(data, at)
            end = at + length
        else:
            end = at + {1: 8, 5: 4}[kind]
        if end > len(data):
            raise ValueError(f"a field ends at byte {end} of {len(data)}")
        fields.append((key >> 3, data[at:end]))
        at = end
    return fields


def _parse_model(data: memoryview) -> tuple[list[str], list[float], bytes]:
    """Read pieces (field 1: piece 1, score 2) and the charsmap (normaliser, 3: charsmap 2)."""
    pieces, scores, at = _leading_pieces(data)
    charsmap = b""
    for number, value in _fields(data[at:]):
        if number == 1:
            fields = dict(_fields(value))
            pieces.append(bytes(fields[1]).decode())
            scores.append(struct.unpack("<f", fields[2])[0] if 2 in fields else 0.0)
        elif number == 3:
            charsmap = bytes(dict(_fields(value)).get(2, b""))
    if not pieces or not charsmap:
        raise ValueError(f"{len(pieces)} pieces, {len(charsmap)} bytes of charsmap")
    return pieces, scores, charsmap


def _leading_pieces(data: memoryview) -> tuple[list[str], list[float], int]:
    """Read the run of pieces in their usual form, ten times as fast as `_fields` would.

    The form is: 0x0A, length, 0x0A, length of the piece, the piece, 0x15, score as float32, and
    possibly a type. Stops at the first entry of another form and returns its place.
    """
    raw = bytes(data)
    texts, places, at = [], [], 0
    while raw[at] == 0x0A and raw[at + 1] < 0x80 and raw[at + 2] == 0x0A:
        score = at + 4 + raw[at + 3]
        if raw[score] != 0x15 or score + 5 > at + 2 + raw[at + 1]:
            break
        texts.append(raw[at + 4 : score])
        places.append(score + 1)
        at += 2 + raw[at + 1]
    unpack = struct.Struct("<f").unpack_from
    return [text.decode() for text in texts], [unpack(raw, p)[0] for p in places], at
