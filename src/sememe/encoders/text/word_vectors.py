"""Encode texts as the mean of their word vectors, plain or by SIF (Arora et al. 2017, ICLR).

SIF weights a word by a / (a + p(w)), so that frequent words count little, and removes from every
text its projection on the first principal component of texts. That component is fixed when the
encoder is made, from reference texts or from the vocabulary: a text's vector does not depend on its
batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._progress import progress
from sememe._types import FloatArray, Modality
from sememe.encoders.base import BaseEncoder, check_batch_size
from sememe.encoders.receipt import ChunkNote, Encoded, Receipt, find_duplicates
from sememe.encoders.text.encoder import check_texts
from sememe.encoders.text.word_tokens import WordSplitter
from sememe.text.split import Span, split

if TYPE_CHECKING:
    from sememe.vectors.keyed import KeyedVectors

Pooling = Literal["mean", "sif"]
_BATCH = 1024  # texts at once
_PASSAGE, _OVERLAP = 128, 24  # words of the passages an index keeps, and of their overlap
_A = 1e-3  # SIF's a; the paper recommends 1e-3 to 1e-4
_SENTENCE = 20  # words of the texts that the first principal component is estimated for
_VERSION = 1


class WordEncoder(BaseEncoder):
    """Encode texts as unit vectors by the vectors of their words.

    Words without a vector are left out and counted in the receipt. A text without a known word
    gets a random vector seeded by the spelling of its words, so that it is similar to texts with
    the same unknown words and to no other. With SubwordVectors this happens only to texts without
    any word, which the receipt lists as empty: "" and "🙂" differ.

    >>> from sememe.vectors.keyed import KeyedVectors
    >>> pets = KeyedVectors(["cat", "dog"], [[1, 0], [0, 1]])
    >>> encoder = WordEncoder(pets, pooling="mean")
    >>> encoder.encode(["Cat", "the dog"]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    modality: Modality = "text"
    vectors: KeyedVectors

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
            vectors: Word vectors. If no frequent word has a capital, texts are lower-cased.
            name: How to load it again.
            pooling: "sif" or "mean"; with GloVe on SciFact nDCG@10 is 0.25 and 0.17. Frequencies
                come from the vectors' counts, or by Zipf's law from the order of the keys.
            reference: Texts whose first principal component SIF removes; by default that of texts
                of 20 words drawn by frequency, which is computed from the vectors alone.
            tokens: How texts are tokenised: into "words" or at "whitespace".

        Raises:
            UnknownNameError: Another pooling or tokenisation.
            InvalidInputError: There are no vectors, or one holds NaN, as in a damaged file.
        """
        if not len(vectors):
            raise InvalidInputError(f"got {vectors!r}; an encoder needs one key at least.")
        if pooling not in get_args(Pooling):
            raise UnknownNameError.of("pooling", pooling, get_args(Pooling))
        super().__init__(name=name, dim=vectors.dim, space=self._fingerprint)
        self.vectors = vectors
        self.pooling: Pooling = pooling
        self._splitter = WordSplitter(vectors.keys, tokens)
        self._weights: NDArray[np.float64] | None = None
        self._component: NDArray[np.float64] | None = None
        if pooling == "sif":
            self._weights = np.asarray(_A / (_A + _frequencies(vectors)))
            self._component = self._find_component(reference)

    def _fingerprint(self) -> str:
        shape = f"{_VERSION} {self.vectors.fingerprint} {self.pooling} {self._splitter.tokens}"
        digest = hashlib.blake2b(f"{shape} {self._splitter.lower}".encode(), digest_size=8)
        if self._weights is not None and self._component is not None:
            digest.update(self._weights.tobytes())
            digest.update((np.round(self._component, 6) + 0.0).tobytes())
        return digest.hexdigest()

    def encode_with_receipt(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Encode, counting every word; see `encode`."""
        texts = check_texts(items)
        check_batch_size(batch_size)
        receipt = Receipt(items=len(texts), duplicates=find_duplicates(texts))
        vectors = np.empty((len(texts), self.dim), np.float32)
        size = batch_size or _BATCH
        with progress("encoding", total=len(texts), show=show_progress) as advance:
            for start in range(0, len(texts), size):
                batch = texts[start : start + size]
                vectors[start : start + len(batch)] = self._encode_batch(batch, start, receipt)
                advance(start + len(batch))
        return Encoded(vectors, receipt)

    def split(
        self, items: Sequence[str], *, headings: Sequence[str] | None = None
    ) -> list[list[Span]]:
        """Split each text into the passages an index keeps; see `TextEncoder.split`."""
        texts = check_texts(items)
        heads = self._count(headings) if headings is not None else [0] * len(texts)
        windows = [_PASSAGE - min(head, _PASSAGE // 2) for head in heads]
        return [
            split(text, count=self._count, window=window, overlap=_OVERLAP)
            for text, window in zip(texts, windows, strict=True)
        ]

    def _count(self, texts: Sequence[str]) -> list[int]:
        return [len(self._splitter.words(text)) for text in texts]

    def _encode_batch(self, texts: Sequence[str], first: int, receipt: Receipt) -> FloatArray:
        """Return unit rows and record the words in the receipt."""
        words = [self._splitter.words(text) for text in texts]
        sums, known = self._sum_words(words)
        _check_finite(sums)
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
                sums[i] = sum(draw_vector(word, self.dim) for word in own or [texts[i].strip()])
                lengths[i] = np.linalg.norm(sums[i])
        return np.asarray(sums / lengths[:, None], np.float32)

    def _sum_words(self, words: list[list[str]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return (n, dim) weighted sums of the words' vectors, and (n,) how many are known."""
        from sememe.vectors.keyed import SubwordVectors
        from sememe.vectors.ngram_rows import sum_ngram_rows

        index: dict[str, int] = {}
        ids = [index.setdefault(word, len(index)) for own in words for word in own]
        distinct = list(index)
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

    def _find_component(self, reference: Sequence[str] | None) -> NDArray[np.float64]:
        """Return the first principal component of texts, a (dim,) unit vector."""
        if reference is None:
            moment = _average_moment(self.vectors, self._weights)
        else:
            words = [self._splitter.words(text) for text in check_texts(reference)]
            sums, known = self._sum_words(words)
            means = sums[known > 0] / known[known > 0, None]
            if not len(means):
                raise InvalidInputError("no word of the reference has a vector; give other texts.")
            moment = means.T @ means
        _check_finite(moment)
        direction: NDArray[np.float64] = np.linalg.eigh(moment)[1][:, -1]
        return direction * (1 if direction[np.abs(direction).argmax()] > 0 else -1)


def _check_finite(values: NDArray[np.float64]) -> None:
    if not np.isfinite(values).all():
        raise InvalidInputError(
            "the word vectors hold NaN or infinity: their file is damaged. Fetch or write it again."
        )


def _frequencies(vectors: KeyedVectors) -> NDArray[np.float64]:
    """Return (n,) p(w), from the counts or, by Zipf's law, from the order of the keys."""
    counts = vectors.counts
    shares = 1 / np.arange(1.0, len(vectors) + 1)
    if counts is not None and counts.sum() > 0:
        shares = counts.astype(np.float64)
    return np.asarray(shares / shares.sum())


def _average_moment(
    vectors: KeyedVectors, weights: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the (dim, dim) expectation of m m', m being the mean of n words drawn by frequency.

    With x the weighted vector of one word, it is (1 - 1/n) E[x] E[x]' + E[x x'] / n.
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


def draw_vector(word: str, dim: int) -> NDArray[np.float64]:
    """Draw (dim,) standard normal numbers with the spelling of a word as the seed."""
    data = word.encode("utf-8", "surrogatepass")
    seed = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
    return np.random.default_rng(seed).normal(size=dim)
