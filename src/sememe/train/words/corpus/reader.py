"""Corpora of word vectors: a text file or lists of tokens, read in pieces.

Both give for each piece an Arrow array of chunks (text between spaces, or a token of a list) with a
mark after each sentence. Arrow counts and encodes them outside Python, so that threads run in
parallel.
"""

from __future__ import annotations

import importlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._progress import progress
from sememe.sources.encoding import guess_encoding, looks_binary
from sememe.sources.open_file import PACKED, open_bytes, reason
from sememe.text.normalize import well_formed
from sememe.text.words import LINE_END, PLAIN, Tokens, check_tokens, separate, words_of
from sememe.train.words.subprocess_call import call, can_call

PIECE_BYTES = 1 << 20
PIECE_TOKENS = 50_000
_CUT_BYTES = 1 << 16  # from the end of a piece in which a longer line is split, at a space
_HOW = "Give a path, a list of token lists, or an object whose __iter__ starts anew each time"

P = TypeVar("P")
R = TypeVar("R")
Source = str | os.PathLike[str] | Iterable[Sequence[str]]
Report = Callable[[int], None]  # takes how much of a corpus has been read
Corpus: TypeAlias = "TextCorpus | ListCorpus"


def open_corpus(corpus: Source | Corpus, *, tokens: Tokens = "words") -> Corpus:
    """Return a corpus that can be read repeatedly.

    Args:
        corpus: Path of a UTF-8 text file (plain, .gz or .xz), one sentence or paragraph per line;
            or a restartable iterable of token lists.
        tokens: Tokenization of a file: "words" (lower-cased words, see `sememe.text.words`) or
            "whitespace" (the text is tokenised already). Token lists are not changed.

    Raises:
        InvalidInputError: Anything else: a generator, a folder, a missing or empty file, text in
            another encoding, plain strings instead of token lists.
    """
    check_tokens(tokens)
    if isinstance(corpus, (TextCorpus, ListCorpus)):
        return corpus
    if isinstance(corpus, (str, os.PathLike)):
        return TextCorpus(Path(corpus), tokens)
    return ListCorpus(corpus)


class TextCorpus:
    """A text file, one sentence or paragraph per line.

    Attributes:
        path: Path of the file.
        tokens: Its tokenization.
        n_words: Number of words in the first pass; None before it.
        notes: What the first pass replaced or left out.
    """

    unit = "MB"  # of its length

    def __init__(self, path: Path, tokens: Tokens) -> None:
        """Check that the file is there and holds UTF-8 text."""
        self.path = path
        self.tokens: Tokens = tokens
        self.n_words: int | None = None
        self.notes: list[str] = []
        if not path.is_file():
            missing = "no regular file" if path.exists() else "there is no such file"
            what = "a folder, not a file" if path.is_dir() else missing
            raise InvalidInputError(f"corpus {str(path)[:80]!r}: {what}. {_HOW}")
        with _name_errors(path), open_bytes(path) as stream:
            _check_text(path, stream.read(_CUT_BYTES))

    @property
    def is_large(self) -> bool:
        """Whether reading it takes longer than starting a subprocess."""
        return self.path.stat().st_size > (1 << 20 if self.path.suffix in PACKED else 4 << 20)

    @property
    def length(self) -> int | None:
        """Size in megabytes; None if the file is compressed."""
        return None if self.path.suffix in PACKED else self.path.stat().st_size // 1_000_000

    def length_of(self, piece: Any) -> float:
        """Return how much of the length a piece is."""
        return len(piece) / 1_000_000

    def pieces(self) -> Iterator[bytes]:
        """Yield the text in pieces of about 1 MB that end at line ends.

        A line much longer than a piece is split at a space.
        """
        with _name_errors(self.path), open_bytes(self.path) as stream:
            rest = stream.read(3).removeprefix(b"\xef\xbb\xbf")
            while block := stream.read(PIECE_BYTES):
                piece, rest = _cut(rest + block + stream.readline(PIECE_BYTES))
                yield piece
            if rest:
                yield rest

    def chunks(self, piece: bytes) -> Any:
        """Split a piece at spaces and punctuation, by Arrow."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        text = separate(piece if piece.endswith(b"\n") else piece + b"\n", self.tokens).strip()
        bounds = np.array([0, len(text)], dtype=np.int32).tobytes()
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(text)]
        whole = pa.Array.from_buffers(pa.string(), 1, buffers)
        return pc.ascii_split_whitespace(whole).flatten().view(pa.binary())

    def plain(self, chunks: Any) -> Any:
        """Return which chunks are certainly one word unchanged, as an Arrow array of bool."""
        import pyarrow.compute as pc

        return pc.match_substring_regex(chunks.view("string"), PLAIN[self.tokens])

    def words_of(self, chunk: bytes) -> list[str]:
        """Return the words of a chunk of this text."""
        return words_of(chunk, self.tokens)


class ListCorpus:
    """A restartable iterable of token lists.

    Attributes:
        sentences: The lists.
        n_words: Number of words in the first pass; None before it.
        counted: Sum of hash x count of the words in the first pass, modulo 2**64; None before it.
        notes: What the first pass replaced or left out.
    """

    unit = "sentences"

    def __init__(self, sentences: Iterable[Sequence[str]]) -> None:
        """Check that it is iterable and restartable."""
        if not isinstance(sentences, Iterable):
            raise InvalidInputError(f"corpus is a {type(sentences).__name__}. {_HOW}")
        if isinstance(sentences, Iterator):
            raise InvalidInputError(
                f"corpus is a {type(sentences).__name__}, which can be read only once; training "
                f"reads it twice. {_HOW}"
            )
        self.sentences = sentences
        self.n_words: int | None = None
        self.counted: int | None = None
        self.notes: list[str] = []

    @property
    def length(self) -> int | None:
        """Number of sentences, if it is known beforehand."""
        return len(self.sentences) if isinstance(self.sentences, Sized) else None

    def length_of(self, piece: Any) -> float:
        """Return how much of the length a piece is."""
        return float(piece[1])

    def pieces(self) -> Iterator[tuple[list[Any], int]]:
        """Yield (tokens with None after each sentence, number of sentences)."""
        flat: list[Any] = []
        count = 0
        for number, sentence in enumerate(self.sentences):
            if isinstance(sentence, (str, bytes)) or not isinstance(sentence, Iterable):
                raise InvalidInputError(
                    f"sentence {number} of the corpus is a {type(sentence).__name__} "
                    f"({sentence!r:.40}), not a list of tokens. Type: [text.split() for text in "
                    "corpus]"
                )
            flat += (*sentence, None)
            count += 1
            if len(flat) > PIECE_TOKENS:
                yield flat, count
                flat, count = [], 0
        if flat:
            yield flat, count

    def chunks(self, piece: tuple[list[Any], int]) -> Any:
        """Make an Arrow array of the tokens."""
        import pyarrow as pa

        flat, count = piece
        for kind in set(map(type, flat)) - {str, type(None)}:
            if not issubclass(kind, str):
                odd = next(token for token in flat if type(token) is kind)
                raise InvalidInputError(
                    f"token {odd!r} is a {kind.__name__}, not a str. Type: [[str(t) for t in s] "
                    "for s in corpus]"
                )
        try:
            array = pa.array(flat, type=pa.string())
        except UnicodeEncodeError:  # lone surrogates
            array = pa.array([t if t is None else well_formed(t) for t in flat], type=pa.string())
        if array.null_count != count:
            raise InvalidInputError("a token is None, not a str. Leave such tokens out")
        return array.cast(pa.binary()).fill_null(LINE_END)

    def plain(self, chunks: Any) -> Any:
        """Return which chunks are tokens, as an Arrow array of bool: not empty and no end."""
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.invert(pc.is_in(chunks, value_set=pa.array([b"", LINE_END])))

    def words_of(self, chunk: bytes) -> list[str]:
        """Return the token itself, or nothing if it is empty."""
        return [chunk.decode()] if chunk else []


def report_progress(corpus: Corpus, report: Report) -> Iterator[Any]:
    """Yield the pieces of a corpus, and report how much of its length has been read."""
    done = 0.0
    for piece in corpus.pieces():
        yield piece
        done += corpus.length_of(piece)
        report(int(done))


def read_corpus(
    work: Callable[..., Any], corpus: Corpus, what: str, *, show: bool, workers: int, **options: Any
) -> Any:
    """Return work(corpus, report, workers=..., **options), in a subprocess if the file is large.

    work: A function of a module; its options and result are JSON. what: The title of a progress
    bar on standard error, drawn if `show`. Lists are read under Python's lock, by one worker.
    """
    options["workers"] = int(workers) if isinstance(corpus, TextCorpus) else 1
    with progress(what, total=corpus.length, show=show) as advance:

        def report(done: int) -> None:
            advance(done, corpus.unit)

        if not (isinstance(corpus, TextCorpus) and corpus.is_large and can_call()):
            return work(corpus, report, **options)
        file = {"path": str(corpus.path.absolute()), "tokens": corpus.tokens}
        function = {"module": work.__module__, "function": work.__name__}
        return call(__name__, "read_file", {**file, **function, "options": options}, report)


def read_file(
    path: str, tokens: Tokens, module: str, function: str, options: dict[str, Any], report: Report
) -> Any:
    """Call a function on a text file, in the subprocess of `read_corpus`."""
    work = getattr(importlib.import_module(module), function)
    return work(TextCorpus(Path(path), tokens), report, **options)


def extract_words(corpus: Corpus, piece: Any) -> Any:
    """Return the words of a piece as an Arrow array of bytes, `LINE_END` after each sentence."""
    import numpy as np
    import pyarrow as pa

    encoded = corpus.chunks(piece).dictionary_encode()
    table = encoded.dictionary
    plain = corpus.plain(table).to_numpy(zero_copy_only=False)
    begins, lengths = np.arange(len(table)), np.ones(len(table), dtype=np.int64)
    words: list[bytes] = []
    for i in np.flatnonzero(~plain).tolist():
        if (chunk := table[i].as_py()) != LINE_END:
            new = corpus.words_of(chunk)
            begins[i], lengths[i] = len(table) + len(words), len(new)
            words += (word.encode() for word in new)
    chunks = encoded.indices.to_numpy()
    length = lengths[chunks]
    shift = begins[chunks] - (np.cumsum(length) - length)
    indices = np.repeat(shift, length) + np.arange(length.sum())
    return pa.concat_arrays([table, pa.array(words, type=pa.binary())]).take(pa.array(indices))


def in_order(work: Callable[[P], R], pieces: Iterable[P], *, workers: int) -> Iterator[R]:
    """Yield work(piece) in the order of the pieces, at most `workers` pieces ahead."""
    if workers == 1:
        yield from map(work, pieces)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _cut(text: bytes) -> tuple[bytes, bytes]:
    """Return (a piece, the rest of a line that is too long for it)."""
    if text.endswith(b"\n") or len(text) < 2 * PIECE_BYTES:
        return text, b""
    near = len(text) - _CUT_BYTES
    cut = max(text.rfind(space, near) for space in (b" ", b"\t", b"\r")) + 1
    if not cut:  # no space: between two characters
        cut = len(text) - 1
        while cut > near and text[cut] & 0xC0 == 0x80:
            cut -= 1
    return text[:cut], text[cut:]


def _check_text(path: Path, head: bytes) -> None:
    """Raise if the first bytes of a file show that it is not UTF-8 text."""
    if not head:
        raise InvalidInputError(f"corpus {str(path)!r}: the file is empty. {_HOW}")
    if looks_binary(head):
        raise InvalidInputError(f"corpus {str(path)!r}: a binary file, it holds no text. {_HOW}")
    wide = b"\0" in head or head.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = head.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    if not wide and bad <= max(3, 0.02 * len(text)):
        return
    encoding = guess_encoding(head)
    if not encoding.startswith("utf-8"):
        raise InvalidInputError(
            f"corpus {str(path)!r}: the text looks like {encoding}, not UTF-8. Type: iconv -f "
            f"{encoding} -t utf-8 {path.name} > {path.stem}-utf8{path.suffix}"
        )


@contextmanager
def _name_errors(path: Path) -> Iterator[None]:
    """Add the name of the file to reading errors."""
    try:
        yield
    except CorruptFileError as error:
        raise CorruptFileError(f"corpus {str(path)!r}: {error}") from None
    except OSError as error:
        raise InvalidInputError(f"corpus {str(path)!r}: {reason(error)}. {_HOW}") from None
