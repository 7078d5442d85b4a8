"""A corpus of texts: a file, plain or compressed, or a restartable iterable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.sources.open_file import open_bytes, reason

Corpus = str | Path | Iterable[str]  # a str is a path


def check_corpus(corpus: Corpus) -> None:
    """Refuse a corpus that cannot be read twice, as training does.

    Raises InvalidInputError for a file that does not exist, or an iterator.
    """
    if isinstance(corpus, str | Path):
        if not Path(corpus).is_file():
            raise InvalidInputError(
                f"corpus {str(corpus)[:200]!r} is not a file. Give the path of a text file (plain, "
                ".gz or .xz) or a list of texts."
            )
    elif not isinstance(corpus, Iterable) or isinstance(corpus, Iterator):
        raise InvalidInputError(
            f"corpus is of type {type(corpus).__name__}, which cannot be read twice; allowed: a "
            "path, a list of texts, or an object whose __iter__ starts anew. Type: list(corpus)."
        )


def read_texts(corpus: Corpus) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 file without line ends, or the texts of an iterable.

    Only \n ends a line; a \r before it and a byte order mark are dropped.

    Raises:
        InvalidInputError: A line that is not UTF-8, or an item that is not a str.
        CorruptFileError: The file cannot be read to its end.
    """
    if isinstance(corpus, str | Path):
        yield from _lines(Path(corpus))
        return
    for number, text in enumerate(corpus, 1):
        if not isinstance(text, str):
            raise InvalidInputError(
                f"item {number} of the corpus is of type {type(text).__name__}; allowed: str. Give "
                "whole texts, not lists of tokens."
            )
        yield text


def _lines(path: Path) -> Iterator[str]:
    try:
        with open_bytes(path) as stream:
            for number, raw in enumerate(stream, 1):
                yield _decode_line(raw, path, number)
    except CorruptFileError as error:
        raise CorruptFileError(f"{path}: {error}. Fetch or compress it again.") from error
    except OSError as error:
        raise InvalidInputError(f"{path}: {reason(error)}. Check its permissions.") from error


def _decode_line(raw: bytes, path: Path, number: int) -> str:
    encoding = "utf-8-sig" if number == 1 else "utf-8"
    try:
        return raw.removesuffix(b"\n").removesuffix(b"\r").decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{path}, line {number}: byte {raw[error.start]:#04x} is not UTF-8. Convert the file "
            "first: iconv -f ENCODING -t UTF-8."
        ) from error
