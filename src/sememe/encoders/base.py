"""The base class of encoders, and what makes one of anybody's.

    class Lengths(BaseEncoder):
        modality = "text"

        def encode_with_receipt(self, items, *, batch_size=None, show_progress=False):
            rows = np.array([[len(text), 1] for text in items], np.float32).reshape(-1, 2)
            return Encoded(unit_rows(rows, 2), Receipt(items=len(rows)))

    encoder = Lengths(name="lengths", dim=2, space="lengths-1")

Code that is given an encoder calls `as_encoder` once and then relies on all that is declared here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._progress import progress
from sememe._types import Encoder, FloatArray, Modality
from sememe.encoders.receipt import Encoded, Receipt
from sememe.text.split import Span

if TYPE_CHECKING:
    from sememe.vectors.keyed import KeyedVectors


class BaseEncoder(ABC):
    """Encode items of one modality as unit vectors of one space.

    A subclass sets `modality`, passes the rest to `__init__` and implements `encode_with_receipt`.

    Attributes:
        name: How to load it again with `sememe.load`.
        dim: Width of a vector.
        modality: "text", "image" or "audio".
        stream_batch: Items of a batch in `encode_batches`, by default.
        window: Tokens of a text that are read at once; None where there is no limit.
        scale: Factor of cosines before a softmax, 1 / temperature, if training fitted one.
        reads_captions: Whether it was trained on captions, so that labels are best put into some.
        text_encoder: The text encoder whose space it shares by construction, as ConSE does.
        vectors: The word vectors it averages.
        usual_similarity: Mean and standard deviation of the cosines of unrelated texts, if known.
    """

    modality: Modality
    stream_batch = 1024
    window: int | None = None
    scale: float | None = None
    reads_captions = False
    text_encoder: BaseEncoder | None = None
    vectors: KeyedVectors | None = None
    usual_similarity: tuple[float, float] | None = None

    def __init__(self, *, name: str, dim: int, space: str | Callable[[], str]) -> None:
        """Take what every encoder has; `space` may be a function that computes it when needed."""
        self.name = name
        self.dim = dim
        self._space = space

    @cached_property
    def space(self) -> str:
        """Fingerprint of the vector space: equal if and only if vectors may be compared."""
        return self._space if isinstance(self._space, str) else self._space()

    @abstractmethod
    def encode_with_receipt(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Encode, collecting failures: rows of items that cannot be read are NaN.

        Returns the (n, dim) float32 vectors and a receipt that counts tokens and, in `failed`,
        gives the reason for each item that has no vector. Other errors are those of `encode`.
        """

    def encode(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, one unit row for each item.

        Args:
            items: Texts (str); images (paths, bytes of files, arrays (height, width, 3) of uint8
                or Pillow images); or audio (paths, bytes of files, (samples, sample rate) or
                `sememe.Clip`).
            batch_size: Texts tokenised at once. It bounds memory and does not change the vectors;
                images and audio are read a few at a time in any case.
            show_progress: Draw a progress bar on standard error.

        Raises:
            InvalidInputError: One item instead of a list, or an item of another type.
            TextTooLongError: overflow="error" and a text exceeds the window.
            CorruptFileError: An item cannot be read; `encode_with_receipt` goes on instead.
            MissingExtraError: Reading such items needs an extra that is not installed.
        """
        given = list(items) if isinstance(items, Iterator) else items  # read once, named in errors
        done = self.encode_with_receipt(given, batch_size=batch_size, show_progress=show_progress)
        raise_failures(given, done.receipt.failed)
        return done.vectors

    def encode_query(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Encode what is searched for; as `encode`, but for models with a prompt for queries."""
        return self.encode(items, batch_size=batch_size, show_progress=show_progress)

    def encode_document(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Encode what is searched; as `encode`, but for models with a prompt for documents."""
        encoder = self.documents
        return encoder.encode(items, batch_size=batch_size, show_progress=show_progress)

    @property
    def documents(self) -> BaseEncoder:
        """The encoder of what is searched; this one, unless the model has a prompt for it."""
        return self

    def encode_one(self, item: Any) -> FloatArray:
        """Return the (dim,) vector of one item."""
        row: FloatArray = self.encode([item])[0]
        return row

    def encode_batches(
        self, items: Iterable[Any], *, batch_size: int | None = None
    ) -> Iterator[FloatArray]:
        """Yield (batch_size, dim) arrays for a stream of items, in memory bounded by the batch."""
        check_batch_size(batch_size)
        stream = iter(items)
        while batch := list(islice(stream, batch_size or self.stream_batch)):
            yield self.encode(batch)

    def split(
        self, items: Sequence[str], *, headings: Sequence[str] | None = None
    ) -> list[list[Span]]:
        """Cut each text into the passages an index keeps; by default a text is one, blank none.

        headings: One for each text, to be put before its passages, which leave room for it.
        """
        return [[Span(0, len(text), 0)] if text.strip() else [] for text in items]

    def estimate_background(self, query: FloatArray) -> tuple[float, float] | None:
        """Return mean and deviation of a (dim,) text vector's similarity to unrelated items."""
        return None

    def release(self) -> None:  # noqa: B027, most hold none
        """Free memory that only makes the next call faster."""


class MediaEncoder(BaseEncoder):
    """Base of image and audio encoders, whose items are files that may be damaged."""

    _engine: Any = None  # of a network, if the encoder has one

    def encode_with_receipt(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Encode, collecting failures; see `BaseEncoder`."""
        check_batch_size(batch_size)
        given = self.check_items(items)
        rows, failed = self._encode(given, show_progress)
        return Encoded(rows, Receipt(items=len(given), failed=failed))

    @abstractmethod
    def check_items(self, items: Iterable[Any]) -> list[Any]:
        """Return the items as a list, or raise InvalidInputError."""

    @abstractmethod
    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        """Return (n, dim) unit rows, NaN for failures, and {index: reason}."""

    def release(self) -> None:
        """Free memory that only makes the next encode faster."""
        if self._engine is not None:
            self._engine.release()


def map_items(
    apply: Callable[[Any], FloatArray], items: Sequence[Any], *, dim: int, threads: int, show: bool
) -> tuple[FloatArray, dict[int, str]]:
    """Apply a function to items in threads, collecting failures: (n, dim), {index: reason}.

    apply: Returns the (dim,) row of an item. Failed rows are NaN.
    """
    import numpy as np

    def attempt(item: Any) -> FloatArray | str:
        try:
            return apply(item)
        except CorruptFileError as error:
            return str(error)

    rows = np.full((len(items), dim), np.nan, np.float32)
    failed: dict[int, str] = {}
    with (
        progress("encoding", total=len(items), show=show) as advance,
        ThreadPoolExecutor(threads) as pool,
    ):
        for index, row in enumerate(pool.map(attempt, items)):
            if isinstance(row, str):
                failed[index] = row
            else:
                rows[index] = row
            advance(index + 1)
    return rows, failed


class _Outsider(BaseEncoder):
    """An encoder of another class; what it lacks of `BaseEncoder` has the defaults."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(name=encoder.name, dim=encoder.dim, space=encoder.space)
        self.modality = encoder.modality
        self.wrapped: Any = encoder
        self.scale = getattr(encoder, "scale", None)
        self.usual_similarity = getattr(encoder, "usual_similarity", self.usual_similarity)
        self.vectors = getattr(encoder, "vectors", None)

    def encode(self, items: Sequence[Any], **options: Any) -> FloatArray:
        return self._call("encode", items, options)

    def encode_query(self, items: Sequence[Any], **options: Any) -> FloatArray:
        return self._call("encode_query", items, options)

    def encode_document(self, items: Sequence[Any], **options: Any) -> FloatArray:
        return self._call("encode_document", items, options)

    def encode_with_receipt(self, items: Sequence[Any], **options: Any) -> Encoded:
        if hasattr(self.wrapped, "encode_with_receipt"):
            done: Encoded = self.wrapped.encode_with_receipt(items, **options)
            return done
        rows = self.encode(items, **options)
        return Encoded(rows, Receipt(items=len(rows)))

    def split(
        self, items: Sequence[str], *, headings: Sequence[str] | None = None
    ) -> list[list[Span]]:
        cut = getattr(self.wrapped, "split", super().split)
        return cut(items, headings=headings)

    def release(self) -> None:
        getattr(self.wrapped, "release", super().release)()

    def _call(self, method: str, items: Sequence[Any], options: dict[str, Any]) -> FloatArray:
        rows: FloatArray = getattr(self.wrapped, method, self.wrapped.encode)(items, **options)
        return rows


def as_encoder(encoder: Encoder) -> BaseEncoder:
    """Return an encoder with all that `BaseEncoder` declares; one of another class is wrapped.

    Such a class needs what `sememe.Encoder` has; of `encode_query`, `encode_document`,
    `encode_with_receipt`, `split`, `release`, `scale` and `vectors` it may have any.

    Raises:
        InvalidInputError: If the object is no encoder.
    """
    if isinstance(encoder, BaseEncoder):
        return encoder
    if not isinstance(encoder, Encoder):
        raise InvalidInputError(
            f"got {type(encoder).__name__}, which has no encode, name, dim, modality and space. "
            "Give an encoder, such as sememe.load(NAME)."
        )
    return _Outsider(encoder)


def check_batch_size(batch_size: int | None) -> None:
    """Raise InvalidInputError if a batch size is below 1."""
    if batch_size is not None and batch_size < 1:
        raise InvalidInputError(f"batch_size={batch_size}; give a whole number of at least 1.")


def check_threads(threads: int | None) -> None:
    """Raise InvalidInputError if a number of threads is below 1."""
    if threads is not None and threads < 1:
        raise InvalidInputError(f"threads={threads}; give a whole number of at least 1, or None.")


def raise_failures(
    items: Iterable[Any], failed: dict[int, str], *, instead: str = "encode_with_receipt"
) -> None:
    """Raise CorruptFileError for the first item that failed, if any; `instead` collects them."""
    if failed:
        index = min(failed)
        item = list(items)[index]
        name = f" ({item})" if isinstance(item, str | PathLike) else ""
        more = f"; {len(failed) - 1} others cannot be read either" if len(failed) > 1 else ""
        raise CorruptFileError(
            f"item {index}{name}: {failed[index]}{more}. Leave it out, or use {instead}"
        )


def unit_rows(rows: FloatArray, dim: int) -> FloatArray:
    """Scale (n, dim) rows to unit length; a row of zeros becomes the all-equal direction."""
    import numpy as np

    if not len(rows):
        return np.empty((0, dim), np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    even = np.full_like(rows, dim**-0.5)
    return np.where(norms == 0, even, rows / np.where(norms == 0, 1, norms))
