"""Items to rows-to-be: cut into chunks, with terms, not yet encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Protocol

from sememe._types import Item
from sememe.encoders.base import BaseEncoder
from sememe.index.recordings import PER_SECOND, Window
from sememe.sources.sound import Clip
from sememe.text.split import Span

TERM_ROWS = 32  # chunks whose terms stand together on the first of them: a document, mostly


class Analyzer(Protocol):
    """Text to the terms that keyword search counts."""

    def analyze(self, text: str) -> list[str]:
        """Return the terms in order, repeated as often as they occur."""
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """A row without its vectors.

    Attributes:
        item: What it is a chunk of.
        hash: Of the whole item.
        part, parts: Which chunk of how many.
        start, end: Its characters in the item's text; its milliseconds in a recording.
        heading: What is encoded before the chunk, so that it is read in context; "" for none.
        terms: What this row carries for itself and the rows after it, joined by spaces, or None.
        said: The words of a recording's window.
    """

    item: Item
    hash: str
    part: int
    parts: int
    start: int
    end: int
    heading: str
    terms: str | None
    said: str = ""

    @property
    def content(self) -> Any:
        """What an encoder of its modality is given."""
        if self.item.modality == "text":
            return self.encoded_text
        if self.parts == 1:
            return self.item.content
        return Clip(self.item.content, self.start / PER_SECOND, self.end / PER_SECOND)

    @property
    def text(self) -> str:
        """The chunk, or what is said in it; "" of a picture."""
        if self.item.modality == "audio":
            return self.said
        return str(self.item.content[self.start : self.end]) if self.end else ""

    @property
    def encoded_text(self) -> str:
        """What the encoder is given: the chunk, under its heading unless it begins with it."""
        if not self.heading or self.text.startswith(self.heading):
            return self.text
        return f"{self.heading}\n{self.text}"


def draft(
    items: Sequence[Item],
    hashes: Sequence[str],
    encoder: BaseEncoder,
    analyzer: Analyzer,
    recordings: Mapping[str, Sequence[Window]] = MappingProxyType({}),
) -> list[list[Draft]]:
    """Cut text items as `encoder` reads them; an item without text gives no draft.

    The title of a document (its metadata "title") heads every chunk: a passage from the middle of
    a page is found by what the page is about. A picture is one draft, which words find by the name
    of its file; a recording, one for each window, which they find by what is said, too.

    recordings: Id -> windows, of the items that are sound.
    """
    texts = [item for item in items if item.modality == "text"]
    headings = [_heading(item) for item in texts]
    spans = encoder.split([item.content for item in texts], headings=headings)
    of_texts = iter(zip(spans, headings, strict=True))
    return [
        list(_drafts(item, hash_, *next(of_texts), analyzer))
        if item.modality == "text"
        else list(_windows(item, hash_, recordings[item.id], analyzer))
        if item.modality == "audio"
        else [Draft(item, hash_, 0, 1, 0, 0, "", _terms_of_name(item, analyzer))]
        for item, hash_ in zip(items, hashes, strict=True)
    ]


def _drafts(
    item: Item, hash_: str, spans: Sequence[Span], heading: str, analyzer: Analyzer
) -> Iterator[Draft]:
    for part, span in enumerate(spans):
        terms = None
        if part % TERM_ROWS == 0:
            after = part + TERM_ROWS
            end = spans[after].start if after < len(spans) else len(item.content)
            terms = " ".join(analyzer.analyze(item.content[span.start : end]))
        yield Draft(item, hash_, part, len(spans), span.start, span.end, heading, terms)


def _windows(
    item: Item, hash_: str, windows: Sequence[Window], analyzer: Analyzer
) -> Iterator[Draft]:
    for part, window in enumerate(windows):
        terms = None
        if part % TERM_ROWS == 0:
            said = " ".join(one.said for one in windows[part : part + TERM_ROWS])
            name = "" if part else _terms_of_name(item, analyzer)
            terms = " ".join([name, *analyzer.analyze(said)]).strip()
        start, end, said = window
        yield Draft(item, hash_, part, len(windows), start, end, "", terms, said)


def _terms_of_name(item: Item, analyzer: Analyzer) -> str:
    """Return the terms of a file's name, without folders and without its ending, and its title."""
    name = PurePosixPath(item.source or item.id).stem
    return " ".join(analyzer.analyze(f"{_heading(item)} {re.sub(r'[_.-]+', ' ', name)}"))


def _heading(item: Item) -> str:
    title: Any = item.metadata.get("title")
    return title.strip() if isinstance(title, str) else ""
