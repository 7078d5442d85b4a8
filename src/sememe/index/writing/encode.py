"""Encode, the fourth step of writing: vectors for each row, one batch ahead in the background."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from sememe._types import FloatArray
from sememe.encoders.base import BaseEncoder
from sememe.encoders.image.shared_pass import encode_and_describe
from sememe.index.encoders import Encoders
from sememe.index.writing.audio_windows import encode_windows
from sememe.index.writing.batch import Batch, PendingRow, Vectors, WriteLog
from sememe.sources.media.sequential_audio import SequentialReader
from sememe.text.normalize import compose


class _Encoded(NamedTuple):
    """Vectors of rows, and what is seen or heard in them, "" where nothing is recognised."""

    vectors: Vectors
    names: list[str]


@dataclass(frozen=True, slots=True)
class RowEncoder:
    """Encodes the rows of each modality with the encoders that store it."""

    encoders: Encoders
    reader: SequentialReader
    log: WriteLog

    def encode(self, batches: Iterable[Batch], background: ThreadPoolExecutor) -> Iterator[Batch]:
        """Set the vectors of each batch, and what is seen or heard in it.

        While one batch is encoded in the background, the next is read and chunked; it is not
        encoded before the first is stored, so that an interruption costs one batch at most.
        """
        underway: tuple[Batch, Future[_Encoded]] | None = None
        for batch in batches:
            if underway is not None:
                yield _finish(*underway)
            underway = (batch, background.submit(self._encode_rows, batch.rows))
            if batch.flush:
                yield _finish(*underway)
                underway = None
                self.reader.close()

    def _encode_rows(self, rows: Sequence[PendingRow]) -> _Encoded:
        done = _Encoded([{} for _ in rows], [""] * len(rows))
        for modality in dict.fromkeys(row.item.modality for row in rows):
            at = [i for i, row in enumerate(rows) if row.item.modality == modality]
            contents = [rows[i].content for i in at]
            columns = self.encoders.load_for_documents(modality)
            encoders = [encoder for _, encoder in columns]
            encoded: list[tuple[FloatArray, dict[int, str]]]
            names: Sequence[str] = ()
            if modality == "text":
                encoded = [(self._encode_texts(contents, encoder), {}) for encoder in encoders]
            elif modality == "audio":
                windows = encode_windows(encoders, contents, self.reader)
                names = next((one.names for one in windows if one.names), [])
                encoded = [(one.vectors, one.failed) for one in windows]
            else:
                encoded, names = encode_and_describe(encoders, contents)
            for i, name in zip(at, names, strict=False):  # none of texts
                done.names[i] = name
            for (column, _), (matrix, failed) in zip(columns, encoded, strict=True):
                for j, i in enumerate(at):
                    own = done.vectors[i]
                    if j in failed:
                        done.vectors[i] = failed[j]
                    elif not isinstance(own, str) and matrix[j, 0] == matrix[j, 0]:  # not NaN
                        own[column] = matrix[j]
        self._add_spoken(rows, done)
        return done

    def _add_spoken(self, rows: Sequence[PendingRow], done: _Encoded) -> None:
        """Encode what is spoken in windows of audio as text, too.

        Where audio has vectors of its own in the text column, they stay; keyword search alone then
        finds what is spoken. The name of an everyday sound gives way.
        """
        spoken = [i for i, row in enumerate(rows) if row.spoken]
        if spoken:
            ((column, encoder),) = self.encoders.load_for_documents("text")
            matrix = self._encode_texts([rows[i].spoken for i in spoken], encoder)
            for i, vector in zip(spoken, matrix, strict=True):
                own = done.vectors[i]
                if not isinstance(own, str) and (column not in own or done.names[i]):
                    own[column] = vector

    def _encode_texts(self, texts: Sequence[str], encoder: BaseEncoder) -> FloatArray:
        """Encode texts, composed and repeated ones once, and count their tokens."""
        index: dict[str, int] = {}
        which = [index.setdefault(compose(text), len(index)) for text in texts]
        done = encoder.encode_with_receipt(list(index))
        self.log.report.tokens += done.receipt.tokens
        self.log.report.unknown += done.receipt.unknown
        return done.vectors[which]


def _finish(batch: Batch, encoded: Future[_Encoded]) -> Batch:
    batch.vectors, batch.names = encoded.result()
    return batch
