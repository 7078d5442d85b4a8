"""Static text encoders: the mean of token vectors; no network, thousands of texts a second."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sememe._progress import progress
from sememe._types import FloatArray
from sememe.encoders.base import check_batch_size
from sememe.encoders.receipt import ChunkNote, Encoded, Receipt, find_duplicates
from sememe.encoders.text.encoder import TextEncoder, TextModel, check_texts
from sememe.encoders.text.word_vectors import draw_vector
from sememe.models.static.engine import StaticEngine
from sememe.models.static.folder import read_static_folder
from sememe.text.tokenizers.tokenizer_file import FileTokenizer

_BATCH = 1024  # texts at once
_CHARS = 200_000  # characters of a text, or of a batch, tokenised at once
_SPACE = re.compile(r"\s")


class StaticEncoder(TextEncoder):
    """Encode texts of any length as the mean of their tokens' vectors, at unit length.

    The rows of the table carry the tokens' weights. Unknown tokens are left out and counted in the
    receipt. A text without a known token gets a random vector seeded by its spelling, so that it
    is similar to no other text.

    Texts are never truncated: `overflow` has no effect.
    """

    def __init__(self, model: TextModel, tokenizer: FileTokenizer, engine: StaticEngine) -> None:
        super().__init__(model, tokenizer, engine, overflow="chunk")
        self._static = engine

    @classmethod
    def load(cls, folder: str | Path, *, name: str | None = None) -> StaticEncoder:
        """Open a folder that `sememe distil` or model2vec wrote; see `read_static_folder`.

        name: How to load it again; by default the folder's path.
        """
        path = Path(folder).resolve()
        contents = read_static_folder(path)
        tokenizer = FileTokenizer(contents.tokenizer)
        contents.check(tokenizer.vocab_size)
        rows = contents.rows
        if tokenizer.unknown >= 0:
            rows[tokenizer.unknown] = 0
        model = TextModel(
            name=name or str(path),
            dim=int(rows.shape[1]),
            window=8192,  # `split` counts the tokens of a text up to here without splitting it
            unknown=tokenizer.unknown,
            space=contents.digest[:16],
        )
        return cls(model, tokenizer, StaticEngine(rows))

    def encode(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, one unit row for each text; faster than with a receipt."""
        return self._encode(check_texts(items), None, batch_size, show_progress)

    def encode_with_receipt(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Encode, counting every token; see `encode`."""
        texts = check_texts(items)
        receipt = Receipt(items=len(texts), duplicates=find_duplicates(texts))
        return Encoded(self._encode(texts, receipt, batch_size, show_progress), receipt)

    def _encode(
        self, texts: list[str], receipt: Receipt | None, batch_size: int | None, show: bool
    ) -> FloatArray:
        check_batch_size(batch_size)
        vectors = np.empty((len(texts), self.dim), np.float32)
        with progress("encoding", total=len(texts), show=show) as advance:
            for first, stop in _batch_bounds(texts, batch_size or _BATCH):
                batch = texts[first:stop]
                parts = [_split_long(text) for text in batch]
                ids = self.tokenizer.encode([part for own in parts for part in own])
                counts = list(map(len, parts))
                vectors[first:stop] = self._pool(batch, counts, ids)
                if receipt is not None:
                    self._record_batch(receipt, first, batch, counts, ids)
                advance(stop)
        return vectors

    def _pool(self, texts: list[str], parts: list[int], ids: list[list[int]]) -> FloatArray:
        """Return unit rows. parts: Number of sequences in `ids` that belong to each text."""
        sums = self._static.sums(ids)
        if len(ids) > len(texts):
            owner = np.repeat(np.arange(len(texts)), parts)
            whole = np.zeros((len(texts), self.dim), np.float32)
            np.add.at(whole, owner, sums)
            sums = whole
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        for i in np.flatnonzero(lengths[:, 0] < 1e-12).tolist():
            sums[i] = draw_vector(texts[i].strip(), self.dim)
            lengths[i] = np.linalg.norm(sums[i])
        sums /= lengths
        return sums

    def _record_batch(
        self, receipt: Receipt, first: int, texts: list[str], parts: list[int], ids: list[list[int]]
    ) -> None:
        """Record the tokens of a batch in the receipt."""
        stream = iter(ids)
        for i, (text, count) in enumerate(zip(texts, parts, strict=True), start=first):
            own = [next(stream) for _ in range(count)]
            tokens = sum(map(len, own))
            receipt.tokens += tokens
            receipt.encoded += tokens
            receipt.unknown += sum(row.count(self.model.unknown) for row in own)
            if text.strip():
                receipt.chunks.append(ChunkNote(i, 0, len(text), tokens))
            else:
                receipt.empty.append(i)


def _batch_bounds(texts: list[str], size: int) -> Iterator[tuple[int, int]]:
    """Yield first and stop of batches with at most `size` texts and a bounded number of characters.

    >>> list(_batch_bounds(["a", "b", "c" * 300_000, "d"], 2))
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


def _split_long(text: str) -> list[str]:
    """Split a text of more characters than are tokenised at once, at white space if possible."""
    if len(text) <= _CHARS:
        return [text]
    parts, start = [], 0
    while len(text) - start > _CHARS:
        stop = start + _CHARS
        tail = text[stop - 1000 : stop]
        space = max((match.start() for match in _SPACE.finditer(tail)), default=0)
        stop = stop - 1000 + space if space else stop
        parts.append(text[start:stop])
        start = stop
    return [*parts, text[start:]]
