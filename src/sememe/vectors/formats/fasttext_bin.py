"""fastText's .bin, versions 11 and 12: word rows, n-gram rows and training arguments.

Unsupervised models are read and written; supervised and quantised ones are refused. All numbers
are little-endian. After two int32 (magic number, version) come twelve int32 and a double (the
arguments), the dictionary (each word's bytes, a zero, its count as int64, its type as int8), and
two matrices, input and output, each as a flag (quantised?), two int64 (its shape) and float32 rows.

The input matrix holds one row per word, then one per bucket. A word's vector is the mean of its own
row and those of its n-grams; "</s>" has its own row alone. Written files open in the official tool
and in gensim (`load_facebook_vectors`); the output matrix is written as zeros, so training cannot
be resumed from them.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from sememe._atomic import write_atomically
from sememe._errors import CorruptFileError, InvalidInputError
from sememe._types import FloatArray
from sememe.text.ngrams import Ngrams
from sememe.vectors.formats import file_errors
from sememe.vectors.formats.file_errors import error_at_byte, show_bytes
from sememe.vectors.ngram_rows import average_with_ngrams, sum_ngram_rows
from sememe.vectors.record import SubwordTable, VectorRecord

MAGIC = struct.pack("<i", 793712314)
_VERSIONS = (11, 12)
_ARGUMENTS = struct.Struct("<12id")  # dim, window, epochs, min count, negatives, word n-grams,
# loss, model, buckets, min_n, max_n, update rate, subsampling
_DICTIONARY = struct.Struct("<3iqq")  # size, words, labels, tokens, pruned
_ENTRY = struct.Struct("<qb")  # count, type
_SHAPE = struct.Struct("<?qq")  # quantised?, rows, columns
_SUPERVISED, _SKIPGRAM, _NEGATIVES = 3, 2, 2
_END = "</s>"
_BLOCK = 1 << 20  # bytes of the dictionary read at once
_ROWS = 16_384  # rows read or written at once
_AGAIN = "Fetch the file again"
_CONVERT = "Write its vectors as .vec with the official tool, and read that"


def read(file: IO[bytes], path: Path) -> VectorRecord:
    """Read vectors from an open file, from its first byte.

    The record has no n-gram rows if the model has none (max_n = 0).

    Raises:
        CorruptFileError: The file is cut short or damaged, of another version, supervised or
            quantised.
    """
    source = _Source(file, path)
    mark, version = source.take(4), source.unpack(struct.Struct("<i"))[0]
    if mark != MAGIC or version not in _VERSIONS:
        problem = f"mark {mark.hex()}, version {version}; read are {MAGIC.hex()}, 11 and 12"
        raise error_at_byte(path, 0, problem, do="Give a .bin of fastText 0.1 or later.")
    arguments = source.unpack(_ARGUMENTS)
    dim, model, buckets, min_n, max_n = (int(arguments[i]) for i in (0, 7, 8, 9, 10))
    if model == _SUPERVISED:
        raise CorruptFileError(f"{path} is a supervised model, a classifier. {_CONVERT}.")
    words, counts = _read_dictionary(source)
    quantised, rows, columns = source.unpack(_SHAPE)
    if quantised:
        raise CorruptFileError(f"{path} is quantised. Use the model before quantising it.")
    buckets = buckets if max_n else 0
    if (rows, columns) != (len(words) + buckets, dim) or not dim:
        raise source.error(
            f"the input matrix is {rows} x {columns}, the header gives {len(words)} words, "
            f"{buckets} buckets and {dim} numbers"
        )
    keys = file_errors.check_distinct(words, path)
    own, ngrams = source.rows(len(words), dim), source.rows(buckets, dim)
    if not max_n or not buckets:
        return VectorRecord(keys, own, counts)
    try:
        subwords = Ngrams(max(min_n, 1), max_n, buckets, hangul="syllables")
    except InvalidInputError as error:
        raise source.error(f"its n-grams cannot be: {error}") from error
    matrix = average_with_ngrams(words, own, ngrams=ngrams, subwords=subwords, short="none")
    if (end := keys.find(_END)) >= 0:
        matrix[end] = own[end]
    return VectorRecord(keys, matrix, counts, SubwordTable(ngrams, subwords))


def write(vectors: VectorRecord, path: Path) -> Path:
    """Write vectors with their subwords.

    Raises:
        InvalidInputError: Vectors without subwords, n-grams over jamo, or a key the format cannot
            hold.
    """
    if (table := vectors.table) is None:
        raise InvalidInputError(
            "these vectors have no subwords, which fasttext-bin is for. Write them with "
            "format='fasttext-vec' or 'word2vec-binary'."
        )
    if table.subwords.hangul != "syllables":
        raise InvalidInputError(
            "these n-grams are over jamo, and fasttext-bin has no word for it: a reader would look "
            "in the wrong buckets. Write in the own format (format='sememe'), or the keys alone "
            "with format='fasttext-vec'."
        )
    encoded = [_encode_key(key, row) for row, key in enumerate(vectors.keys)]
    with write_atomically(path) as file:
        file.write(MAGIC + struct.pack("<i", _VERSIONS[-1]))
        file.write(_pack_arguments(vectors.dim, table.subwords))
        file.write(_pack_dictionary(encoded, vectors.counts))
        file.write(_SHAPE.pack(False, len(vectors) + table.subwords.buckets, vectors.dim))
        for start in range(0, len(vectors), _ROWS):
            own = _compute_own_rows(vectors, table, start, min(start + _ROWS, len(vectors)))
            file.write(own.astype("<f4").tobytes())
        for start in range(0, len(table.ngrams), _ROWS):
            file.write(table.ngrams[start : start + _ROWS].astype("<f4").tobytes())
        file.write(_SHAPE.pack(False, len(vectors), vectors.dim))
        for start in range(0, len(vectors), _ROWS):
            file.write(bytes(4 * vectors.dim * min(_ROWS, len(vectors) - start)))
    return path


def _pack_arguments(dim: int, subwords: Ngrams) -> bytes:
    sizes = (subwords.buckets, subwords.min_n, subwords.max_n)
    return _ARGUMENTS.pack(dim, 5, 5, 1, 5, 1, _NEGATIVES, _SKIPGRAM, *sizes, 100, 1e-4)


def _pack_dictionary(words: list[bytes], counts: NDArray[np.int64] | None) -> bytes:
    """Return the dictionary; counts that are unknown are written as n, n - 1, ... to keep order."""
    n = len(words)
    seen = range(n, 0, -1) if counts is None else np.maximum(counts, 1).tolist()
    pairs = zip(words, seen, strict=True)
    entries = (word + b"\0" + _ENTRY.pack(count, 0) for word, count in pairs)
    return _DICTIONARY.pack(n, n, 0, sum(seen), -1) + b"".join(entries)


def _compute_own_rows(
    vectors: VectorRecord, table: SubwordTable, start: int, end: int
) -> NDArray[np.float64]:
    """Return the word rows whose mean with the n-gram rows is the vector, (end - start, dim)."""
    keys = vectors.keys[start:end]
    offsets, ids = table.subwords.ids_of_many(keys, short="none")
    sizes = np.diff(offsets)[:, None] + 1
    own: NDArray[np.float64] = vectors.matrix[start:end].astype(np.float64) * sizes
    own -= sum_ngram_rows(table.ngrams, offsets, ids)
    if (mark := vectors.keys.find(_END)) in range(start, end):
        own[mark - start] = vectors.matrix[mark]
    return own


def _encode_key(key: str, row: int) -> bytes:
    try:
        data = key.encode()
    except UnicodeEncodeError:
        data = b""
    if not data or b"\0" in data:
        raise InvalidInputError(
            f"key {key!r} in row {row} is empty, holds a NUL or half of a surrogate pair, and "
            "fasttext-bin cannot hold it. Write in the own format (format='sememe'), or leave such "
            "keys out with subset()."
        )
    return data


def _read_dictionary(source: _Source) -> tuple[list[str], NDArray[np.int64]]:
    size, words, labels, _, pruned = source.unpack(_DICTIONARY)
    if labels:
        raise CorruptFileError(f"{source.path} has {labels} labels: a classifier. {_CONVERT}.")
    if pruned > 0:
        raise CorruptFileError(
            f"{source.path} is pruned, as quantised models are. Use the model before quantising it."
        )
    if size != words or size < 1:
        raise source.error(f"the dictionary has {size} entries, {words} of them words")
    keys: list[str] = []
    counts: list[int] = []
    for _ in range(size):
        word = source.until_zero()
        count, kind = source.unpack(_ENTRY)
        if kind != 0 or count < 0:
            raise source.error(f"entry {show_bytes(word)} has count {count}, type {kind}")
        try:
            keys.append(word.decode())
        except UnicodeDecodeError:
            raise source.error(f"the word {show_bytes(word)} is not UTF-8") from None
        counts.append(count)
    return keys, np.array(counts, np.int64)


class _Source:
    """Sequential reader that tracks its position for error messages."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.path = path
        self._file = file
        self._data = b""
        self._at = 0  # within _data
        self._base = 0  # of _data within the file

    def error(self, problem: str) -> CorruptFileError:
        return error_at_byte(self.path, self._base + self._at, problem, do=f"{_AGAIN}.")

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            self._more(size)
        data = self._data[self._at : self._at + size]
        if len(data) < size:
            raise self.error("the file ends here, and more must follow")
        self._at += size
        return data

    def unpack(self, form: struct.Struct) -> tuple[int, ...]:
        return form.unpack(self.take(form.size))

    def until_zero(self) -> bytes:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            self._more(_BLOCK)
            end = self._data.find(b"\0", self._at)
        if end < 0:
            raise self.error("the file ends within a word, or a word is a megabyte long")
        word, self._at = self._data[self._at : end], end + 1
        return word

    def rows(self, count: int, dim: int) -> FloatArray:
        """Read (count, dim) float32, all finite."""
        matrix = np.empty((min(count, _ROWS), dim), np.float32)
        for start in range(0, count, _ROWS):
            some = min(_ROWS, count - start)
            file_errors.reserve_rows(matrix, start + some)
            block = np.frombuffer(self.take(4 * dim * some), "<f4").reshape(some, dim)
            if not np.isfinite(block).all():
                raise self.error(f"one of the {some} rows before here holds NaN or infinity")
            matrix[start : start + some] = block
        matrix.resize((count, dim), refcheck=False)
        return matrix

    def _more(self, size: int) -> None:
        self._base += self._at
        rest = self._data[self._at :]
        self._data = rest + self._file.read(max(size - len(rest), _BLOCK))
        self._at = 0
