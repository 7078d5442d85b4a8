"""Read the items of one file of any format."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from sememe._errors import MissingExtraError
from sememe._types import Item, Skipped
from sememe.sources.files import SourceFile
from sememe.sources.formats import READERS, format_of
from sememe.sources.open_file import reason


def read_file(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read the items of a file lazily; what cannot be used is yielded as `Skipped`, not raised.

    The suffix decides the format, ignoring case and a final .gz or .xz ("notes.txt.gz"). Text,
    Markdown, HTML, PDF and DOCX give one item per file, with the source as id, and so do images and
    audio, whose content is their path. CSV, TSV, JSON Lines and Parquet give one item per record,
    with the id `source#<id or row number>`. A file with any other suffix is read as text if it
    holds text.

    A `Skipped` after items concerns part of the file: rows that could not be used, characters that
    were replaced.
    """
    name, unread = format_of(file.path.name)
    if unread is not None:
        yield Skipped(file.source, unread)
        return
    try:
        module = importlib.import_module(f"sememe.sources.{READERS[name][0]}")
        yield from module.read(file)
    except MissingExtraError as error:
        yield Skipped(file.source, str(error))
    except (OSError, MemoryError) as error:
        yield Skipped(file.source, reason(error))
