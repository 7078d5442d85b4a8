"""Texts as the mean of their words' vectors, plain or by SIF (Arora et al. 2017, ICLR).

SIF weighs a word by a / (a + p(w)), so that frequent words count little, and takes from every text
its part along the first principal component of texts. That component is fixed when the encoder is
made, from a reference or from the vocabulary: the vector of a text does not depend on its batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._progress import progress
from sememe._types import FloatArray, Modality
from sememe.encoders.base import Streams, check_batch_size
from sememe.encoders.receipt import ChunkNote, Encoded, Receipt, duplicates
from sememe.encoders.text.encoder import checked_texts
from sememe.encoders.text.word_tokens import WordSplitter
from sememe.text.split import Span, split

if TYPE_CHECKING:
    from sememe.vectors.keyed import KeyedVectors

Pooling = Literal["mean", "sif"]
_BATCH = 1024  # texts at once
_PASSAGE, _OVERLAP = 128, 24  # words of the pieces an index keeps, and what they repeat
_A = 1e-3  # of SIF; the paper finds 1e-3 to 1e-4 good
_SENTENCE = 20  # words of the texts the vocabulary is thought to make
_VERSION = 1


class WordEncoder(Streams):
    """Turn texts into unit vectors by the vectors of their words.

    Words without a vector are left out and counted in the receipt. A text of which no word is
    known has a vector all the same: numbers drawn from the spelling of its words, so that it is
    like texts with the same unknown words and like no other. With SubwordVectors that cannot
    happen but to texts without any word, which the receipt lists as empty: "" and "🙂" differ.

    >>> from sememe.vectors.keyed import KeyedVectors
    >>> pets = KeyedVectors(["cat", "dog"], [[1, 0], [0, 1]])
    >>> encoder = WordEncoder(pets, pooling="mean")
    >>> encoder.encode(["Cat", "the dog"]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    modality: Modality = "text"

    def __init__(
        self,
        vectors: KeyedVectors,
        *,
        name: str = "words",
        pooling: Pooling = "sif",
        reference: Sequence[str] | None = None,
        tokens: Literal["words", "whitespace"] = "words",
    ) -> None:
        """Make an encoder of vectors.

        Args:
            vectors: Of words. If none of the frequent ones has a capital, texts are lower-cased.
            name: How to load it again.
            pooling: "sif" or "mean"; with GloVe on SciFact nDCG@10 is 0.25 and 0.17. Frequencies
                come from the vectors' counts, or by Zipf's law from the order of the keys.
            reference: Texts whose first principal component SIF takes away; by default that of
                texts of 20 words drawn by frequency, which needs no texts.
            tokens: How texts are cut: "words" or at "whitespace".

        Raises:
            UnknownNameError: Another pooling or way to cut.
            InvalidInputError: There are no vectors, or one holds NaN, as a damaged file may.
        """
        if not len(vectors):
            raise InvalidInputError(f"got {vectors!r}; an encoder needs one key at least.")
        if pooling not in get_args(Pooling):
            raise UnknownNameError.of("pooling", pooling, get_args(Pooling))
        self.vectors = vectors
        self.pooling: Pooling = pooling
        self._name = name
        self._splitter = WordSplitter(vectors.keys, tokens)
        self._weights = _sif_weights(vectors) if pooling == "sif" else None
        self._component: NDArray[np.float64] | None = None
        if self._weights is not None:
            self._component = self._component_of(reference)

    @property
    def name(self) -> str:
        """How to load it again with `sememe.load`."""
        return self._name

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.vectors.dim

    @cached_property
    def space(self) -> str:
        """Fingerprint of the vector space: equal if and only if vectors may be compared."""
        shape = f"{_VERSION} {self.vectors.fingerprint} {self.pooling} {self._splitter.tokens}"
        digest = hashlib.blake2b(f"{shape} {self._splitter.lower}".encode(), digest_size=8)
        if self._weights is not None and self._component is not None:
            digest.update(self._weights.tobytes())
            digest.update((np.round(self._component, 6) + 0.0).tobytes())
        return digest.hexdigest()

    def encode(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, one unit row for each text.

        batch_size: texts at once; it bounds memory and does not change the vectors.

        Raises:
            InvalidInputError: An item is not a str, or `items` is a single str.
        """
        return self.encode_with_receipt(
            items, batch_size=batch_size, show_progress=show_progress
        ).vectors

    def encode_with_receipt(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Return the vectors as `encode` does, and the account of every word."""
        texts = checked_texts(items)
        check_batch_size(batch_size)
        receipt = Receipt(items=len(texts), duplicates=duplicates(texts))
        vectors = np.empty((len(texts), self.dim), np.float32)
        size = batch_size or _BATCH
        with progress("encoding", total=len(texts), show=show_progress) as advance:
            for start in range(0, len(texts), size):
                some = texts[start : start + size]
                vectors[start : start + len(some)] = self._batch(some, start, receipt)
                advance(start + len(some))
        return Encoded(vectors, receipt)

    def split(
        self, items: Sequence[str], *, headings: Sequence[str] | None = None
    ) -> list[list[Span]]:
        """Cut each text into the passages an index keeps: character offsets and words.

        headings: one for each text, to be put before its passages; they leave room for it, up to
        half of their size.
        """
        texts = checked_texts(items)
        heads = self._count(headings) if headings is not None else [0] * len(texts)
        found = []
        for text, head in zip(texts, heads, strict=True):
            window = _PASSAGE - min(head, _PASSAGE // 2)
            found.append(split(text, count=self._count, window=window, overlap=_OVERLAP))
        return found

    def _count(self, texts: Sequence[str]) -> list[int]:
        return [len(self._splitter.words(text)) for text in texts]

    def _batch(self, texts: Sequence[str], first: int, receipt: Receipt) -> FloatArray:
        """Return unit rows and enter the words in the receipt."""
        words = [self._splitter.words(text) for text in texts]
        sums, known = self._sums(words)
        _refuse_nan(sums)
        if self._component is not None:
            sums -= (sums @ self._component)[:, None] * self._component
        lengths = np.linalg.norm(sums, axis=1)
        for i, own in enumerate(words):
            receipt.tokens += len(own)
            receipt.encoded += len(own)
            receipt.unknown += len(own) - int(known[i])
            if own:
                receipt.chunks.append(ChunkNote(first + i, 0, len(texts[i]), len(own)))
            else:
                receipt.empty.append(first + i)
            if not known[i] or lengths[i] < 1e-9:
                sums[i] = sum(drawn(word, self.dim) for word in own or [texts[i].strip()])
                lengths[i] = np.linalg.norm(sums[i])
        return np.asarray(sums / lengths[:, None], np.float32)

    def _sums(self, words: list[list[str]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return (n, dim) weighted sums of the words' vectors, and (n,) how many are known."""
        from sememe.vectors.keyed import SubwordVectors
        from sememe.vectors.ngram_rows import sum_ngram_rows

        place: dict[str, int] = {}
        ids = [place.setdefault(word, len(place)) for own in words for word in own]
        distinct = list(place)
        rows = np.fromiter(map(self.vectors.keys.find, distinct), np.int64, len(distinct))
        table = np.zeros((len(distinct), self.dim))
        if isinstance(self.vectors, SubwordVectors):
            table[:] = self.vectors.rows(distinct)
            has = np.ones(len(distinct), np.int64)
        else:
            table[rows >= 0] = self.vectors.matrix[rows[rows >= 0]]
            has = (rows >= 0).astype(np.int64)
        if self._weights is not None:
            table *= np.where(rows >= 0, self._weights[rows], 1)[:, None]
        offsets = np.zeros(len(words) + 1, np.int64)
        np.cumsum([len(own) for own in words], out=offsets[1:])
        at = np.array(ids, np.int64)
        known = np.concatenate([[0], np.cumsum(has[at])])
        return sum_ngram_rows(table, offsets, at), known[offsets[1:]] - known[offsets[:-1]]

    def _component_of(self, reference: Sequence[str] | None) -> NDArray[np.float64]:
        """Return the (dim,) unit direction that texts have most in common."""
        if reference is None:
            moment = _expected_moment(self.vectors, self._weights)
        else:
            words = [self._splitter.words(text) for text in checked_texts(reference)]
            sums, known = self._sums(words)
            means = sums[known > 0] / known[known > 0, None]
            if not len(means):
                raise InvalidInputError("no word of the reference is known; give other texts.")
            moment = means.T @ means
        _refuse_nan(moment)
        direction: NDArray[np.float64] = np.linalg.eigh(moment)[1][:, -1]
        return direction * (1 if direction[np.abs(direction).argmax()] > 0 else -1)


def _refuse_nan(values: NDArray[np.float64]) -> None:
    if not np.isfinite(values).all():
        raise InvalidInputError(
            "the word vectors hold NaN or infinity: their file was damaged. Fetch or write it anew."
        )


def _frequencies(vectors: KeyedVectors) -> NDArray[np.float64]:
    """Return (n,) p(w): of the counts, or by Zipf's law of the order."""
    counts = vectors.counts
    known = counts is not None and counts.sum() > 0
    shares = counts.astype(np.float64) if known and counts is not None else None  # for mypy
    if shares is None:
        shares = 1 / np.arange(1.0, len(vectors) + 1)
    total = shares.sum()
    return np.asarray(shares / (total or 1))


def _sif_weights(vectors: KeyedVectors) -> NDArray[np.float64]:
    return np.asarray(_A / (_A + _frequencies(vectors)))


def _expected_moment(
    vectors: KeyedVectors, weights: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return (dim, dim), the mean of m m' where m is the mean of n words drawn by frequency.

    With x the weighted vector of one word, this is (1 - 1/n) E[x] E[x]' + E[x x'] / n.
    """
    shares = _frequencies(vectors)
    mean = np.zeros(vectors.dim)
    square = np.zeros((vectors.dim, vectors.dim))
    for start in range(0, len(vectors), 65_536):
        part = slice(start, start + 65_536)
        rows = vectors.matrix[part].astype(np.float64)
        rows *= weights[part, None] if weights is not None else 1
        mean += shares[part] @ rows
        square += (rows * shares[part, None]).T @ rows
    return np.asarray((1 - 1 / _SENTENCE) * np.outer(mean, mean) + square / _SENTENCE)


def drawn(word: str, dim: int) -> NDArray[np.float64]:
    """Return numbers drawn from the spelling of a word that has no vector."""
    data = word.encode("utf-8", "surrogatepass")
    seed = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
    return np.random.default_rng(seed).normal(size=dim)
