"""The Unigram tokenizer of SentencePiece: the most probable segmentation of a text into pieces.

Each piece has a log-probability, and the segmentation maximises their sum (Viterbi), computed by
the library `sentencepiece` in C++. Two things differ from its defaults, as the models here expect:
each unknown character of a run has its own id, and the names of control pieces ("<s>") in a text
are those pieces. For the second, and as a readable reference, `viterbi` computes the same in
Python; tests compare the two.

Reference: Kudo 2018 (arXiv:1804.10959); Kudo and Richardson 2018 (arXiv:1808.06226).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sememe._errors import CorruptFileError
from sememe.text.normalize import well_formed
from sememe.text.tokenizers.viterbi import UNKNOWN_PENALTY, segment

UNK, BOS, EOS = 0, 1, 2
_MANY = 16  # texts from which the library's batch call, which starts a thread, is faster
_BRACKET = re.compile("[>\uff1e\ufe65]")  # end of a control piece's name, before normalisation


class UnigramTokenizer:
    """Segment text with a SentencePiece Unigram model.

    Raises CorruptFileError if the bytes are not a SentencePiece `.model` file.
    """

    def __init__(self, model: bytes) -> None:
        from sentencepiece import SentencePieceProcessor

        self._model: Any = SentencePieceProcessor()
        try:
            self._model.load_from_serialized_proto(model)
        except (RuntimeError, ValueError) as error:
            message = f"not a SentencePiece model ({error}). Install its package again."
            raise CorruptFileError(message) from error

    @property
    def vocab_size(self) -> int:
        """Number of pieces."""
        return int(self._model.get_piece_size())

    def model_bytes(self) -> bytes:
        """Return the bytes of the SentencePiece model."""
        return bytes(self._model.serialized_model_proto())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's piece ids, without begin and end tokens.

        Text that is empty after normalisation ("", white space) gives the id of the unknown piece.
        Lone surrogates are read as U+FFFD.
        """
        clean = [well_formed(text) for text in texts]
        if len(clean) < _MANY:
            rows: list[list[int]] = [self._model.encode(text) for text in clean]
        else:
            rows = self._model.encode(clean, num_threads=1)
        for i, row in enumerate(rows):
            if not row:
                rows[i] = [UNK]
            elif _BRACKET.search(clean[i]):
                rows[i] = self.viterbi(clean[i])
            elif UNK in row:
                rows[i] = self._spread(clean[i], row)
        return rows

    def viterbi(self, text: str) -> list[int]:
        """Segment one text: the best path over its pieces, left to right."""
        ids, scores, price, longest = self._table
        text = self._model.normalize(text)
        path, _ = segment(text, ids, scores, longest=longest, unknown=UNK, unknown_score=price)
        return path or [UNK]

    def _spread(self, text: str, row: list[int]) -> list[int]:
        """Give each unknown character its own id; the library merges runs into one."""
        pieces = zip(row, self._model.encode(text, out_type=str), strict=True)
        return [i for id_, piece in pieces for i in ([UNK] * len(piece) if id_ == UNK else [id_])]

    @cached_property
    def _table(self) -> tuple[dict[str, int], list[float], float, int]:
        """Piece -> id, the pieces' scores, an unknown character's score, the longest piece."""
        every = list(range(self.vocab_size))
        ids = {piece: i for i, piece in enumerate(self._model.id_to_piece(every))}
        scores: list[float] = self._model.get_score(every)
        return ids, scores, min(scores) - UNKNOWN_PENALTY, max(map(len, ids))
