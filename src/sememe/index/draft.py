"""Items to rows-to-be: cut into chunks, with terms, not yet encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

from sememe._types import Encoder, Item
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
        start, end: Its characters in the item's text.
        heading: What is encoded before the chunk, so that it is read in context; "" for none.
        terms: What this row carries for itself and the rows after it, joined by spaces, or None.
    """

    item: Item
    hash: str
    part: int
    parts: int
    start: int
    end: int
    heading: str
    terms: str | None

    @property
    def text(self) -> str:
        """The chunk; "" of what is no text."""
        return str(self.item.content[self.start : self.end]) if self.end else ""

    @property
    def encoded_text(self) -> str:
        """What the encoder is given: the chunk, under its heading unless it begins with it."""
        if not self.heading or self.text.startswith(self.heading):
            return self.text
        return f"{self.heading}\n{self.text}"


def draft(
    items: Sequence[Item], hashes: Sequence[str], encoder: Encoder, analyzer: Analyzer
) -> list[list[Draft]]:
    """Cut text items as `encoder` reads them; an item without text gives no draft.

    The title of a document (its metadata "title") heads every chunk: a passage from the middle of
    a page is found by what the page is about. What is no text is one draft, which words find by the
    name of its file.
    """
    texts = [item for item in items if item.modality == "text"]
    headings = [_heading(item) for item in texts]
    cut = getattr(encoder, "split", None)
    if cut is None:
        spans = [[Span(0, len(item.content), 0)] if item.content.strip() else [] for item in texts]
    else:
        spans = cut([item.content for item in texts], headings=headings)
    of_texts = iter(zip(spans, headings, strict=True))
    return [
        list(_drafts(item, hash_, *next(of_texts), analyzer))
        if item.modality == "text"
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


def _terms_of_name(item: Item, analyzer: Analyzer) -> str:
    """Return the terms of a file's name, without folders and without its ending, and its title."""
    name = PurePosixPath(item.source or item.id).stem
    return " ".join(analyzer.analyze(f"{_heading(item)} {re.sub(r'[_.-]+', ' ', name)}"))


def _heading(item: Item) -> str:
    title: Any = item.metadata.get("title")
    return title.strip() if isinstance(title, str) else ""
