"""PDF (extra `documents`): text page by page, with a form feed between pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sememe._errors import CorruptFileError
from sememe._lazy import require
from sememe._types import Item, Skipped
from sememe.sources.documents import text
from sememe.sources.files import SourceFile
from sememe.sources.open_file import MAX_TEXT_BYTES, open_seekable, reason
from sememe.sources.sanitize import Sanitizer

PAGE_BREAK = "\n\n\f"


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read a document; metadata: `pages`, and `title` and `author` if it has them."""
    pypdf = require("pypdf", "reading PDF files")
    with open_seekable(file.path) as stream, _mute_logger("pypdf"):
        try:
            pages, metadata, notes = _extract(pypdf.PdfReader(stream))
        except CorruptFileError:
            raise
        except Exception as error:  # damaged files raise any exception in the parser
            raise CorruptFileError(f"truncated or broken PDF ({reason(error)})") from None
    sanitizer = Sanitizer()
    content = sanitizer.sanitize(PAGE_BREAK.join(pages)) if any(pages) else ""
    if not content.strip():
        notes.append(f"no text on its {len(pages)} pages; are they scanned images?")
        yield from (Skipped(file.source, note) for note in notes)
        return
    yield from text.yield_item(file, content, metadata, notes + sanitizer.notes())


def _extract(reader: Any) -> tuple[list[str], dict[str, str | int], list[str]]:
    """Return the pages' texts, the metadata, and which pages could not be read."""
    if reader.is_encrypted and not reader.decrypt(""):
        raise CorruptFileError("encrypted: it opens with a password only")
    pages: list[str] = []
    notes: list[str] = []
    size = 0
    for number, page in enumerate(reader.pages, 1):
        try:
            pages.append(page.extract_text().strip())
        except Exception as error:  # the other pages may be readable
            notes.append(f"page {number}: unreadable ({reason(error)})")
            pages.append("")
        size += len(pages[-1])
        if size > MAX_TEXT_BYTES:
            raise CorruptFileError(f"more than {MAX_TEXT_BYTES >> 20} million characters")
    return pages, {"pages": len(pages), **text.read_metadata(lambda: reader.metadata)}, notes


@contextmanager
def _mute_logger(name: str) -> Iterator[None]:
    """Silence the warnings of a library's logger."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
