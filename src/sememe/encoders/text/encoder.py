"""Encode text of any length with a tokenizer and a network that reads short sequences."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar, get_args

from sememe._errors import InvalidInputError, TextTooLongError, UnknownNameError
from sememe._progress import progress
from sememe._types import FloatArray, Modality
from sememe.encoders.base import BaseEncoder, check_batch_size
from sememe.encoders.receipt import ChunkNote, Encoded, Receipt, find_duplicates
from sememe.text.split import Span, split

Overflow = Literal["chunk", "truncate", "error"]
_BATCH = 256  # texts tokenised at once
_LONG = 32  # characters per token of the window: a longer text is split before it is tokenised


class Tokenizer(Protocol):
    """Texts to token ids, without begin and end marks."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids."""


class Engine(Protocol):
    """Sequences of token ids, marks included, to unit rows (n, dim).

    Attributes:
        tokens_at_once: Most tokens of one call, unless a single sequence is longer.
    """

    tokens_at_once: int

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return one row for each sequence."""

    def release(self) -> None:
        """Free memory that only makes the next call faster."""


@dataclass(frozen=True, slots=True)
class TextModel:
    """Description of a model for `TextEncoder`.

    Attributes:
        name: How to load it again with `sememe.load`.
        dim: Width of its vectors.
        window: Tokens that the network reads at once; longer text is split.
        unknown: Id of tokens outside the vocabulary.
        space: Fingerprint of weights, tokenizer, pooling, normalisation and dtype.
        begin, end: Ids put around each sequence; `window` does not count them.
        passage: Tokens of the passages an index keeps.
        overlap: Most tokens that a chunk or passage repeats of the previous one.
        scale, reads_captions: As in `BaseEncoder`, for models trained with images or audio.
    """

    name: str
    dim: int
    window: int
    unknown: int
    space: str
    begin: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    passage: int = 128
    overlap: int = 24
    scale: float | None = None
    reads_captions: bool = False

    def replace_marks(self, begin: tuple[int, ...], end: tuple[int, ...]) -> TextModel:
        """Return the model with other ids around each sequence; more of them shrink the window."""
        more = len(begin) + len(end) - len(self.begin) - len(self.end)
        return replace(self, begin=begin, end=end, window=self.window - max(more, 0))


class TextEncoder(BaseEncoder):
    """Encode texts of any length as unit vectors, with an account of every token.

    A text that exceeds the model's window is split into overlapping chunks at sentence and
    paragraph boundaries. `overflow` decides what follows: "chunk" encodes all of them, and the
    text's vector is their mean, weighted by tokens, at unit length; "truncate" encodes the first
    window and counts the dropped tokens in the receipt; "error" raises TextTooLongError.

    Text without content ("", white space) has a unit vector too, that of an unknown word, and is
    listed as empty in the receipt. Lone surrogates count as U+FFFD.

    Attributes:
        model: Description of the model.
        overflow: Treatment of texts longer than the window.
        tokenizer: Tokenizer of the model.
        engine: What runs its network.
    """

    modality: Modality = "text"

    def __init__(
        self, model: TextModel, tokenizer: Tokenizer, engine: Engine, *, overflow: Overflow
    ) -> None:
        if overflow not in get_args(Overflow):
            raise UnknownNameError.of("overflow", overflow, get_args(Overflow))
        super().__init__(name=model.name, dim=model.dim, space=model.space)
        self.model = model
        self.window = model.window
        self.scale = model.scale
        self.reads_captions = model.reads_captions
        self.overflow: Overflow = overflow
        self.tokenizer = tokenizer
        self.engine = engine

    def release(self) -> None:
        """Free memory that only makes the next encode faster."""
        self.engine.release()

    def encode_with_receipt(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Encode, counting every token; see `encode`."""
        import numpy as np

        texts = check_texts(items)
        check_batch_size(batch_size)
        receipt = Receipt(items=len(texts), duplicates=find_duplicates(texts))
        vectors = np.zeros((len(texts), self.dim), np.float32)
        plan = self._plan(texts, receipt, batch_size or _BATCH)
        with progress("encoding", total=len(texts), show=show_progress) as advance:
            for batch in _prefetch(batch_by_tokens(plan, self.engine.tokens_at_once), len(texts)):
                rows = self._forward([self._add_marks(chunk.ids) for chunk in batch])
                weights = np.array([chunk.weight for chunk in batch], np.float32)
                np.add.at(vectors, [chunk.item for chunk in batch], rows * weights[:, None])
                advance(batch[-1].item + 1)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Encoded(vectors, receipt)

    def split(
        self, items: Sequence[str], *, headings: Sequence[str] | None = None
    ) -> list[list[Span]]:
        """Split each text into the passages an index keeps: character offsets and tokens.

        One passage for a text that fits, several for a longer one, none for white space. Each is
        encoded by itself: `encode([text[span.start:span.end]])`.

        headings: One for each text, to be put before its passages; they leave room for it, up to
            half of their size.
        """
        texts = check_texts(items)
        size = self.model.passage
        counts = self._count(headings) if headings is not None else [0] * len(texts)
        sizes = [size - min(n, size // 2) for n in counts]
        return [spans for spans, _ in self._split(texts, sizes)]

    def _split(
        self, texts: Sequence[str], windows: Sequence[int]
    ) -> Iterator[tuple[list[Span], list[int] | None]]:
        """Yield the chunks of each text, and its token ids where it is a single chunk."""
        bound = self.model.window * _LONG
        short = [i for i, text in enumerate(texts) if len(text) <= bound]
        rows = dict(zip(short, self.tokenizer.encode([texts[i] for i in short]), strict=True))
        for i, (text, window) in enumerate(zip(texts, windows, strict=True)):
            ids = rows.get(i)
            if ids is not None and len(ids) <= window:
                body = text.strip()
                start = text.index(body)
                yield [Span(start, start + len(body), len(ids))] if body else [], ids
            else:
                overlap = min(self.model.overlap, window // 4)
                yield split(text, count=self._count, window=window, overlap=overlap), None

    def _count(self, texts: Sequence[str]) -> list[int]:
        return list(map(len, self.tokenizer.encode(texts)))

    def _add_marks(self, ids: Sequence[int]) -> list[int]:
        return [*self.model.begin, *ids, *self.model.end]

    def _forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        return self.engine.forward(ids)

    def _plan(self, texts: Sequence[str], receipt: Receipt, batch_size: int) -> Iterator[_Chunk]:
        """Yield the chunks to encode, recording each in the receipt."""
        for first in range(0, len(texts), batch_size):
            group = texts[first : first + batch_size]
            windows = [self.model.window] * len(group)
            for i, (spans, ids) in enumerate(self._split(group, windows), start=first):
                if not spans:
                    receipt.empty.append(i)
                    yield _Chunk(i, 1.0, self.tokenizer.encode([""])[0])
                elif ids is not None:
                    self._record(receipt, i, spans[0], ids)
                    yield _Chunk(i, 1.0, ids)
                else:
                    yield from self._plan_long(i, texts[i], spans, receipt)

    def _plan_long(
        self, item: int, text: str, spans: list[Span], receipt: Receipt
    ) -> Iterator[_Chunk]:
        if self.overflow == "error" and len(spans) > 1:
            raise TextTooLongError(
                f"item {item} makes {len(spans)} chunks of at most {self.model.window} tokens; "
                "overflow='error' allows one. Shorten it, or use overflow='chunk' to encode all "
                "of it, or 'truncate' to encode its beginning."
            )
        if self.overflow == "truncate":
            yield self._plan_truncated(item, text, spans[0].start, receipt)
            return
        for first in range(0, len(spans), _BATCH):
            some = spans[first : first + _BATCH]
            rows = self.tokenizer.encode([text[span.start : span.end] for span in some])
            for span, ids in zip(some, rows, strict=True):
                self._record(receipt, item, span, ids)
                # A span is counted sentence by sentence; as a whole it may have more tokens.
                for at in range(0, len(ids), self.model.window):
                    part = ids[at : at + self.model.window]
                    yield _Chunk(item, float(len(part)), part)

    def _plan_truncated(self, item: int, text: str, start: int, receipt: Receipt) -> _Chunk:
        """Take as many tokens as the window holds, and count the others as dropped."""
        window = self.model.window
        ids = self.tokenizer.encode([text])[0]
        ends = range(len(text))
        end = bisect_right(ends, window, lo=start, key=lambda i: self._count([text[:i]])[0])
        receipt.tokens += len(ids) - window
        receipt.dropped += len(ids) - window
        self._record(receipt, item, Span(start, end - 1, window), ids[:window])
        return _Chunk(item, 1.0, ids[:window])

    def _record(self, receipt: Receipt, item: int, span: Span, ids: list[int]) -> None:
        new = max(len(ids) - span.repeated, 0)
        receipt.tokens += new
        receipt.encoded += new
        receipt.repeated += len(ids) - new
        receipt.unknown += ids.count(self.model.unknown)
        receipt.chunks.append(ChunkNote(item, span.start, span.end, len(ids)))


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Token ids to encode as one sequence, and their weight in the item's vector."""

    item: int
    weight: float
    ids: list[int]


class _WithIds(Protocol):
    @property
    def ids(self) -> Sequence[int]: ...


_Some = TypeVar("_Some", bound=_WithIds)


def batch_by_tokens(sequences: Iterable[_Some], budget: int) -> Iterator[list[_Some]]:
    """Group sequences into batches of at most `budget` tokens; a longer one is a batch alone."""
    batch: list[_Some] = []
    tokens = 0
    for sequence in sequences:
        if batch and tokens + len(sequence.ids) > budget:
            yield batch
            batch, tokens = [], 0
        batch.append(sequence)
        tokens += len(sequence.ids)
    if batch:
        yield batch


def _prefetch(batches: Iterator[list[_Chunk]], n_texts: int) -> Iterator[list[_Chunk]]:
    """Yield batches, preparing the next one in a thread while the caller encodes this one."""
    if n_texts <= _BATCH:
        yield from batches
        return
    with ThreadPoolExecutor(1, thread_name_prefix="sememe-tokens") as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch


def check_texts(items: Sequence[str]) -> list[str]:
    """Return the texts as a list; InvalidInputError for a single str or an item of another type."""
    if isinstance(items, str):
        raise InvalidInputError(
            "encode takes a list of texts, got one str. Use encode([text]) or encode_one(text)."
        )
    texts = list(items)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInputError(
                f"item {i} is {type(text).__name__}, a text encoder takes str. "
                "Decode bytes first, or leave the item out."
            )
    return texts
