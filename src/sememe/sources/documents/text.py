"""Plain text, source code and any other file of characters: one item per file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sememe._errors import CorruptFileError
from sememe._types import Item, Skipped
from sememe.sources.encoding import MAX_REPLACED, SAMPLE_BYTES, decode, looks_binary
from sememe.sources.files import SourceFile
from sememe.sources.lines import describe_replaced
from sememe.sources.magic_bytes import describe_format
from sememe.sources.open_file import open_bytes, read_bytes
from sememe.sources.sanitize import Sanitizer


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    r"""Read a text file; its line ends become "\n"."""
    text, notes = load(file)
    yield from yield_item(file, text, {}, notes)


def load(file: SourceFile) -> tuple[str, list[str]]:
    """Return the text of a file and notes on what was lost.

    Raises CorruptFileError if it is binary, too large, or damaged.
    """
    refuse_binary(file)
    return decode_text(read_bytes(file.path))


def decode_text(data: bytes, declared: str | None = None) -> tuple[str, list[str]]:
    """Decode and sanitize the bytes of a text; return it and notes on what was lost."""
    decoded, notes, sanitizer = decode(data, declared), [], Sanitizer()
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n")
    if decoded.replaced > MAX_REPLACED * len(text):
        raise CorruptFileError(f"{decoded.replaced} of {len(text)} characters are undecodable")
    if decoded.replaced:
        line = 1 + text.count("\n", 0, text.index("\ufffd"))
        notes.append(describe_replaced(decoded.replaced, decoded.encoding, str(line)))
    text = sanitizer.sanitize(text)
    return text, notes + sanitizer.notes()


def refuse_binary(file: SourceFile) -> None:
    """Raise CorruptFileError if the start of a file is not text."""
    with open_bytes(file.path) as stream:
        head = stream.read(SAMPLE_BYTES)
    if known := describe_format(head):
        raise CorruptFileError(f"binary file: by its first bytes {known}")
    if looks_binary(head):
        raise CorruptFileError("binary file: it holds no text")


def read_metadata(get_properties: Callable[[], Any]) -> dict[str, str]:
    """Return the title and author of a document's properties, as far as they are readable."""
    try:
        properties = get_properties()
        values = {name: getattr(properties, name) for name in ("title", "author")}
    except Exception:  # no properties, or damaged ones: the text counts
        return {}
    return {
        name: Sanitizer().sanitize(value).strip()
        for name, value in values.items()
        if isinstance(value, str) and value.strip() and value != "python-docx"
    }


def yield_item(
    file: SourceFile, text: str, metadata: Mapping[str, str | int | float | bool], notes: list[str]
) -> Iterator[Item | Skipped]:
    """Yield the item of a whole file, or that it is empty, then the notes on it."""
    if text.strip():
        yield Item(file.source, text, "text", file.source, metadata)
    else:
        yield Skipped(file.source, "empty: it holds no text")
    for note in notes:
        yield Skipped(file.source, note)
