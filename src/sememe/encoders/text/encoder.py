"""Encode text of any length with a tokenizer and a network that knows short sequences."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, get_args

from sememe._errors import InvalidInputError, TextTooLongError, UnknownNameError
from sememe._progress import progress
from sememe._types import Modality
from sememe.encoders.base import Streams, check_batch_size
from sememe.encoders.receipt import ChunkNote, Encoded, Receipt, duplicates
from sememe.text.split import Span, split

if TYPE_CHECKING:
    from sememe._types import FloatArray

Overflow = Literal["chunk", "truncate", "error"]
_BATCH = 256  # texts tokenised at once
_SURELY_LONG = 32  # characters for each token of the window: such a text is cut unseen


class Tokenizer(Protocol):
    """Texts to token ids, without begin and end marks."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids."""
        ...


class Engine(Protocol):
    """Sequences of token ids, marks included, to unit rows (n, dim).

    Attributes:
        tokens_at_once: How many it is given in one call, at most, but for a longer sequence.
    """

    tokens_at_once: int

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return one row for each sequence."""
        ...

    def release(self) -> None:
        """Give back the memory that only makes the next call faster."""
        ...


@dataclass(frozen=True, slots=True)
class TextModel:
    """What a text encoder needs to know of its model.

    Attributes:
        window: Tokens that the network reads well at once; longer text is cut.
        passage: Tokens of the pieces an index keeps, so that a hit shows what answers.
        overlap: Tokens that a chunk or passage repeats of the one before, at most.
        begin, end: Ids put around each sequence; `window` does not count them.
        unknown: Id of tokens that the vocabulary does not know.
        space: Fingerprint of weights, tokenizer, pooling, normalisation and dtype.
    """

    name: str
    dim: int
    window: int
    passage: int
    overlap: int
    begin: tuple[int, ...]
    end: tuple[int, ...]
    unknown: int
    space: str

    def around(self, begin: tuple[int, ...], end: tuple[int, ...]) -> TextModel:
        """Return the model with other ids around each sequence, its window the smaller for more."""
        more = len(begin) + len(end) - len(self.begin) - len(self.end)
        return replace(self, begin=begin, end=end, window=self.window - max(more, 0))


class TextEncoder(Streams):
    """Turn texts into unit vectors, whatever their length, and account for every token.

    A text that exceeds the model's window is cut into overlapping chunks at sentence and paragraph
    bounds. What then happens is `overflow`: "chunk" encodes all of them, and the text's vector is
    their mean, weighted by tokens, at unit length; "truncate" encodes the first and says in the
    receipt how many tokens were dropped; "error" raises TextTooLongError.

    Text without content ("", white space) has a unit vector too, the one the network gives to an
    unknown word, and is listed as empty in the receipt. Lone surrogates count as U+FFFD.
    """

    modality: Modality = "text"

    def __init__(
        self, model: TextModel, tokenizer: Tokenizer, engine: Engine, *, overflow: Overflow
    ) -> None:
        if overflow not in get_args(Overflow):
            raise UnknownNameError.of("overflow", overflow, get_args(Overflow))
        self.model = model
        self.overflow: Overflow = overflow
        self._tokenizer = tokenizer
        self._engine = engine

    @property
    def name(self) -> str:
        """How to load it again with `sememe.load`."""
        return self.model.name

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.model.dim

    @property
    def space(self) -> str:
        """Fingerprint of the vector space: equal if and only if vectors may be compared."""
        return self.model.space

    def encode(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, one unit row for each text.

        batch_size: texts tokenised at once; it bounds memory and does not change the vectors.

        Raises:
            InvalidInputError: An item is not a str, or `items` is a single str.
            TextTooLongError: overflow="error" and a text exceeds the window.
        """
        return self.encode_with_receipt(
            items, batch_size=batch_size, show_progress=show_progress
        ).vectors

    def release(self) -> None:
        """Give back the memory that only makes the next encode faster."""
        self._engine.release()

    def encode_with_receipt(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Return the vectors as `encode` does, and the account of every token."""
        import numpy as np

        texts = checked_texts(items)
        check_batch_size(batch_size)
        receipt = Receipt(items=len(texts), duplicates=duplicates(texts))
        vectors = np.zeros((len(texts), self.dim), np.float32)
        plan = self._plan(texts, receipt, batch_size or _BATCH)
        with progress("encoding", total=len(texts), show=show_progress) as advance:
            for batch in _ahead(within_budget(plan, self._engine.tokens_at_once), len(texts)):
                rows = self._engine.forward([self._marked(chunk.ids) for chunk in batch])
                items_of = [chunk.item for chunk in batch]
                weights = np.array([chunk.weight for chunk in batch], np.float32)
                np.add.at(vectors, items_of, rows * weights[:, None])
                advance(items_of[-1] + 1)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Encoded(vectors, receipt)

    def split(
        self, items: Sequence[str], *, headings: Sequence[str] | None = None
    ) -> list[list[Span]]:
        """Cut each text into the passages an index keeps: character offsets and tokens.

        One passage for a text that fits, several for a longer one, none for white space. Each is
        encoded by itself: `encode([text[span.start:span.end]])`.

        headings: one for each text, to be put before its passages; they leave room for it, up to
        half of their size.
        """
        texts = checked_texts(items)
        size = self.model.passage
        counts = self._count(headings) if headings is not None else [0] * len(texts)
        sizes = [size - min(n, size // 2) for n in counts]
        return [spans for spans, _ in self._spans(texts, sizes)]

    def _spans(
        self, texts: Sequence[str], windows: Sequence[int]
    ) -> list[tuple[list[Span], list[int] | None]]:
        """Each text's chunks of its window, and its token ids where it is one chunk."""
        bound = self.model.window * _SURELY_LONG
        short = [i for i, text in enumerate(texts) if len(text) <= bound]
        rows = dict(zip(short, self._tokenizer.encode([texts[i] for i in short]), strict=True))
        found: list[tuple[list[Span], list[int] | None]] = []
        for i, (text, window) in enumerate(zip(texts, windows, strict=True)):
            ids = rows.get(i)
            if ids is not None and len(ids) <= window:
                body = text.strip()
                start = text.index(body)
                spans = [Span(start, start + len(body), len(ids))] if body else []
                found.append((spans, ids))
            else:
                overlap = min(self.model.overlap, window // 4)
                spans = split(text, count=self._count, window=window, overlap=overlap)
                found.append((spans, None))
        return found

    def _count(self, texts: Sequence[str]) -> list[int]:
        return list(map(len, self._tokenizer.encode(texts)))

    def _marked(self, ids: Sequence[int]) -> list[int]:
        return [*self.model.begin, *ids, *self.model.end]

    def _plan(self, texts: Sequence[str], receipt: Receipt, batch_size: int) -> Iterator[_Chunk]:
        """Yield the chunks to encode, entering each in the receipt."""
        for first in range(0, len(texts), batch_size):
            group = texts[first : first + batch_size]
            windows = [self.model.window] * len(group)
            for i, (spans, ids) in enumerate(self._spans(group, windows), start=first):
                if not spans:
                    receipt.empty.append(i)
                    yield _Chunk(i, 1.0, self._tokenizer.encode([""])[0])
                elif ids is not None:
                    self._enter(receipt, i, spans[0], ids)
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
            yield self._plan_beginning(item, text, spans[0].start, receipt)
            return
        for first in range(0, len(spans), _BATCH):
            some = spans[first : first + _BATCH]
            rows = self._tokenizer.encode([text[span.start : span.end] for span in some])
            for span, ids in zip(some, rows, strict=True):
                self._enter(receipt, item, span, ids)
                yield _Chunk(item, float(len(ids)), ids)

    def _plan_beginning(self, item: int, text: str, start: int, receipt: Receipt) -> _Chunk:
        """Take the tokens that the window holds, to the last one, and count the others."""
        window = self.model.window
        ids = self._tokenizer.encode([text])[0]
        end = bisect_right(
            range(len(text)), window, lo=start, key=lambda end: self._count([text[:end]])[0]
        )
        receipt.tokens += len(ids) - window
        receipt.dropped += len(ids) - window
        self._enter(receipt, item, Span(start, end - 1, window), ids[:window])
        return _Chunk(item, 1.0, ids[:window])

    def _enter(self, receipt: Receipt, item: int, span: Span, ids: list[int]) -> None:
        new = max(len(ids) - span.repeated, 0)
        receipt.tokens += new
        receipt.encoded += new
        receipt.repeated += len(ids) - new
        receipt.unknown += ids.count(self.model.unknown)
        receipt.chunks.append(ChunkNote(item, span.start, span.end, len(ids)))


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Token ids to encode as one sequence, and their share in the item's vector."""

    item: int
    weight: float
    ids: list[int]


class _WithIds(Protocol):
    @property
    def ids(self) -> Sequence[int]: ...


_Some = TypeVar("_Some", bound=_WithIds)


def within_budget(pieces: Iterable[_Some], budget: int) -> Iterator[list[_Some]]:
    """Group pieces of text by a budget of tokens, so that memory follows the batch."""
    batch: list[_Some] = []
    tokens = 0
    for piece in pieces:
        if batch and tokens + len(piece.ids) > budget:
            yield batch
            batch, tokens = [], 0
        batch.append(piece)
        tokens += len(piece.ids)
    if batch:
        yield batch


def _ahead(batches: Iterator[list[_Chunk]], n_texts: int) -> Iterator[list[_Chunk]]:
    """Yield batches, each next one being made ready in a thread while this one is encoded."""
    if n_texts <= _BATCH:
        yield from batches
        return
    with ThreadPoolExecutor(1, thread_name_prefix="sememe-tokens") as beside:
        following = beside.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = beside.submit(next, batches, None)
            yield batch


def digest(**facts: Any) -> str:
    """Return 16 hex digits of facts in the types of JSON: a vector space's fingerprint."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def checked_texts(items: Sequence[str]) -> list[str]:
    """Return the texts as a list, or say which is none."""
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
