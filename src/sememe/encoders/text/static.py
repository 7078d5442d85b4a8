"""Encode text with a static encoder: no window, no network, thousands of texts a second."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sememe._progress import progress
from sememe.encoders.base import check_batch_size
from sememe.encoders.receipt import ChunkNote, Encoded, Receipt, duplicates
from sememe.encoders.text.encoder import TextEncoder, TextModel, checked_texts
from sememe.encoders.text.word_vectors import drawn
from sememe.models.static.engine import StaticEngine
from sememe.models.static.folder import read_static_folder
from sememe.text.tokenizers.tokenizer_file import FileTokenizer

if TYPE_CHECKING:
    from sememe._types import FloatArray

_BATCH = 1024  # texts at once
_CHARS = 200_000  # of a text, or of a batch, tokenised at once
_SPACE = re.compile(r"\s")


class StaticEncoder(TextEncoder):
    """Turn texts into unit vectors by the rows of their tokens, whatever their length.

    A vector is the mean of the tokens' rows at unit length; the rows carry the tokens' weights.
    Unknown tokens are left out and counted in the receipt. A text of which no token is known has a
    vector all the same: numbers drawn from its spelling, so that it is like no other text.

    Nothing is ever cut off: `overflow` changes nothing here.
    """

    def __init__(self, model: TextModel, tokenizer: FileTokenizer, engine: StaticEngine) -> None:
        super().__init__(model, tokenizer, engine, overflow="chunk")
        self._static = engine

    @classmethod
    def load(cls, folder: str | Path, *, name: str | None = None) -> StaticEncoder:
        """Open a folder that `sememe distil` or model2vec wrote.

        name: How to load it again; the folder's path unless told.

        Raises:
            InvalidInputError, CorruptFileError, MissingExtraError: See `read_static_folder`.
        """
        place = Path(folder).resolve()
        found = read_static_folder(place)
        tokenizer = FileTokenizer(found.tokenizer)
        found.check(tokenizer.vocab_size)
        rows = found.rows
        if tokenizer.unknown >= 0:
            rows[tokenizer.unknown] = 0
        model = TextModel(
            name=name or str(place),
            dim=int(rows.shape[1]),
            window=8192,  # up to so many tokens, `split` need not cut a text to count them
            passage=128,
            overlap=24,
            begin=(),
            end=(),
            unknown=tokenizer.unknown,
            space=found.digest[:16],
        )
        return cls(model, tokenizer, StaticEngine(rows))

    def encode(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, one unit row for each text.

        batch_size: texts at once; it bounds memory and does not change the vectors.

        Raises:
            InvalidInputError: An item is not a str, or `items` is a single str.
        """
        return self._encode(checked_texts(items), None, batch_size, show_progress)

    def encode_with_receipt(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Return the vectors as `encode` does, and the account of every token."""
        texts = checked_texts(items)
        receipt = Receipt(items=len(texts), duplicates=duplicates(texts))
        return Encoded(self._encode(texts, receipt, batch_size, show_progress), receipt)

    def _encode(
        self, texts: list[str], receipt: Receipt | None, batch_size: int | None, show: bool
    ) -> FloatArray:
        check_batch_size(batch_size)
        vectors = np.empty((len(texts), self.dim), np.float32)
        with progress("encoding", total=len(texts), show=show) as advance:
            for first, stop in _batches(texts, batch_size or _BATCH):
                some = texts[first:stop]
                parts = [_parts(text) for text in some]
                ids = self._tokenizer.encode([part for own in parts for part in own])
                vectors[first:stop] = self._rows(some, list(map(len, parts)), ids)
                if receipt is not None:
                    self._account(receipt, first, some, list(map(len, parts)), ids)
                advance(stop)
        return vectors

    def _rows(self, texts: list[str], parts: list[int], ids: list[list[int]]) -> FloatArray:
        """Return unit rows; `parts` says how many of the sequences each text has."""
        sums = self._static.sums(ids)
        if len(ids) > len(texts):
            owner = np.repeat(np.arange(len(texts)), parts)
            whole = np.zeros((len(texts), self.dim), np.float32)
            np.add.at(whole, owner, sums)
            sums = whole
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        for i in np.flatnonzero(lengths[:, 0] < 1e-12).tolist():
            sums[i] = drawn(texts[i].strip(), self.dim)
            lengths[i] = np.linalg.norm(sums[i])
        sums /= lengths
        return sums

    def _account(
        self, receipt: Receipt, first: int, texts: list[str], parts: list[int], ids: list[list[int]]
    ) -> None:
        """Write the tokens of a batch into the receipt."""
        stream = iter(ids)
        for i, (text, many) in enumerate(zip(texts, parts, strict=True), start=first):
            own = [next(stream) for _ in range(many)]
            tokens = sum(map(len, own))
            receipt.tokens += tokens
            receipt.encoded += tokens
            receipt.unknown += sum(row.count(self.model.unknown) for row in own)
            if text.strip():
                receipt.chunks.append(ChunkNote(i, 0, len(text), tokens))
            else:
                receipt.empty.append(i)


def _batches(texts: list[str], size: int) -> Iterator[tuple[int, int]]:
    """Yield first and stop of batches of at most `size` texts, and few characters.

    >>> list(_batches(["a", "b", "c" * 300_000, "d"], 2))
    [(0, 2), (2, 3), (3, 4)]
    """
    first, chars = 0, 0
    for i, text in enumerate(texts):
        if i > first and (i - first == size or chars + len(text) > _CHARS):
            yield first, i
            first, chars = i, 0
        chars += len(text)
    if texts:
        yield first, len(texts)


def _parts(text: str) -> list[str]:
    """Cut a text of more characters than are tokenised at once, before white space if it can be."""
    if len(text) <= _CHARS:
        return [text]
    parts, start = [], 0
    while len(text) - start > _CHARS:
        stop = start + _CHARS
        tail = text[stop - 1000 : stop]
        space = max((found.start() for found in _SPACE.finditer(tail)), default=0)
        stop = stop - 1000 + space if space else stop
        parts.append(text[start:stop])
        start = stop
    return [*parts, text[start:]]
