"""DOCX (extra `documents`): paragraphs and tables in their order."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from sememe._errors import CorruptFileError
from sememe._lazy import require
from sememe._types import Item, Skipped
from sememe.sources.documents import text
from sememe.sources.files import SourceFile
from sememe.sources.open_file import MAX_TEXT_BYTES, open_seekable, reason
from sememe.sources.sanitize import Sanitizer


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read a document, with empty lines between paragraphs and tabs between table cells.

    Headers, footers, footnotes, comments and text boxes are left out.
    """
    docx = require("docx", "reading DOCX files")
    with open_seekable(file.path) as stream:
        try:
            _refuse_bomb(stream)
            document = docx.Document(stream)
            content = "\n\n".join(part for part in _blocks(document) if part.strip())
            metadata = text.read_metadata(lambda: document.core_properties)
        except CorruptFileError:
            raise
        except Exception as error:  # damaged files raise any exception in the parser
            raise CorruptFileError(f"truncated or broken DOCX ({reason(error)})") from None
    sanitizer = Sanitizer()
    yield from text.yield_item(file, sanitizer.sanitize(content), metadata, sanitizer.notes())


def _blocks(container: Any) -> Iterator[str]:
    """Yield the texts of the paragraphs and tables of a document or cell, nested ones included."""
    for block in container.iter_inner_content():
        yield "\n".join(map(_row, block.rows)) if hasattr(block, "rows") else block.text


def _row(row: Any) -> str:
    """Join the cells of a row; a merged cell, which python-docx repeats, counts once."""
    cells = {id(cell._tc): cell for cell in row.cells}
    return "\t".join(" ".join("\n".join(_blocks(cell)).split()) for cell in cells.values())


def _refuse_bomb(stream: BinaryIO) -> None:
    with zipfile.ZipFile(stream) as archive:
        size = sum(f.file_size for f in archive.infolist() if f.filename.endswith("xml"))
    if size > MAX_TEXT_BYTES:
        raise CorruptFileError(f"unpacks to more than {MAX_TEXT_BYTES >> 20} MB")
    stream.seek(0)
