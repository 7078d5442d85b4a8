"""Read the items of one file of any format."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sememe._errors import MissingExtraError
from sememe._types import Item, Skipped
from sememe.sources.files import SourceFile
from sememe.sources.formats import format_of
from sememe.sources.open_file import reason

Reader = Callable[[SourceFile], Iterator[Item | Skipped]]


def read_file(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read the items of a file lazily; what cannot be used is yielded as `Skipped`, not raised.

    The suffix decides the format, ignoring case and a final .gz or .xz ("notes.txt.gz"). Text,
    Markdown, HTML, PDF and DOCX give one item per file, with the source as id, and so do images and
    audio, whose content is their path. CSV, TSV, JSON Lines and Parquet give one item per record,
    with the id `source#<id or row number>`. A file with any other suffix is read as text if it
    holds text.

    A `Skipped` after items concerns part of the file: rows that could not be used, characters that
    were replaced.

    Args:
        file: As listed by `find_files`.
    """
    name, unread = format_of(file.path.name)
    if unread is not None:
        yield Skipped(file.source, unread)
        return
    try:
        yield from _reader(name)(file)
    except MissingExtraError as error:
        yield Skipped(file.source, str(error))
    except (OSError, MemoryError) as error:
        yield Skipped(file.source, reason(error))


def _reader(name: str) -> Reader:
    """Import the reader of a format, which imports its own libraries."""
    if name == "audio":
        from sememe.sources.media.audio import read
    elif name == "csv":
        from sememe.sources.tables.csv_table import read
    elif name == "docx":
        from sememe.sources.documents.docx import read
    elif name == "html":
        from sememe.sources.documents.html import read
    elif name == "image":
        from sememe.sources.media.image import read
    elif name == "jsonl":
        from sememe.sources.tables.jsonl import read
    elif name == "markdown":
        from sememe.sources.documents.markdown import read
    elif name == "parquet":
        from sememe.sources.tables.parquet import read
    elif name == "pdf":
        from sememe.sources.documents.pdf import read
    else:
        from sememe.sources.documents.text import read
    return read
