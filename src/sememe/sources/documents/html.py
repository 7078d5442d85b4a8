"""HTML: visible text in paragraphs, and the title."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from sememe._errors import CorruptFileError
from sememe._types import Item, Skipped
from sememe.sources.documents import text
from sememe.sources.encoding import SAMPLE_BYTES
from sememe.sources.files import SourceFile
from sememe.sources.open_file import read_bytes

DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
UNSEEN = frozenset("script style template noscript iframe object svg math select".split())
PARAGRAPHS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol p pre section "
    "summary table tbody tfoot thead title tr ul".split()
)
MAX_TITLE = 1000


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read a page's visible text; the title is metadata, and prepended if the text lacks it."""
    text.refuse_binary(file)
    data = read_bytes(file.path)
    declared = DECLARED.search(data[:SAMPLE_BYTES])
    content, notes = text.decode_text(data, declared[1].decode("ascii") if declared else None)
    title, body = extract_text(content)
    if title and title not in body:
        body = f"{title}\n\n{body}".rstrip()
    yield from text.yield_item(file, body, {"title": title} if title else {}, notes)


def extract_text(page: str) -> tuple[str, str]:
    r"""Return the title and the visible text of a page, with empty lines between paragraphs.

    >>> extract_text("<title>T</title><p>Hello <b>world</b>.<p>안녕<br>하세요<script>x()</script>")
    ('T', 'Hello world.\n\n안녕\n하세요')
    """
    parser = _Parser()
    closed = page.rfind(">") + 1  # no tag starts after it; searching for its end takes n² time
    try:
        parser.feed(page[:closed] + page[closed:].replace("<", "&lt;"))
        parser.close()
    except (AssertionError, ValueError, RecursionError) as error:  # malformed declarations
        raise CorruptFileError(f"malformed HTML ({error})") from None
    title = " ".join("".join(parser.title).split())[:MAX_TITLE]
    return title, _collapse_breaks("".join(parser.parts))


def _collapse_breaks(raw: str) -> str:
    """Replace the marks of `_Parser` by paragraph, line and cell breaks."""
    raw = re.sub(r"[ \t\x1f]*\x1f[ \t\x1f]*", "\t", raw)
    raw = re.sub(r"[ \t]*\n[ \t]*", "\n", raw.replace("\x1d", "\n\n"))
    return re.sub(r"\n{3,}", "\n\n", raw).replace("\x1e", "\n").strip()


class _Parser(HTMLParser):
    r"""Collects text, with "\x1d" at paragraph bounds and "\x1f" at cell bounds."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self._unseen: list[str] = []
        self._in_title = False
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSEEN or self._unseen:
            self._unseen += [tag] if tag in UNSEEN else []
            return
        if tag == "title":
            self._in_title = not self.title
        elif tag == "br":
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append("\x1f")
        elif tag in PARAGRAPHS:
            self._in_title = False
            self.parts.append("\x1d")
        self._preformatted += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in UNSEEN:
            self.handle_starttag(tag, attrs)
            if tag != "br":
                self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN:
            if tag in self._unseen:
                del self._unseen[self._unseen.index(tag) :]
        elif tag in PARAGRAPHS and not self._unseen:
            self._in_title = False
            self.parts.append("\x1d")
        self._preformatted = max(0, self._preformatted - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._unseen:
            data = re.sub("[\x1c-\x1f]", " ", data)
            if not self._preformatted:
                data = re.sub(r"[ \t\n\f]+", " ", data)
                if self.parts and self.parts[-1].endswith((" ", "\n", "\x1d", "\x1f")):
                    data = data.lstrip(" ")
            self.parts.append(data)
