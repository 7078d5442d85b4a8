"""Markdown: text as written, with front matter as metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sememe._types import Item, Skipped
from sememe.sources.documents import text
from sememe.sources.files import SourceFile
from sememe.sources.tables.column_names import ColumnNames
from sememe.sources.tables.csv_values import infer_kind, parse

FRONT_MATTER = re.compile(r"(?sm)---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
PAIR = re.compile(r"([^\s:#\-][^:\n]*):[ \t]+(\S.*)")  # no indent: nested keys are left out
HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
MAX_FRONT_MATTER = 1 << 16


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read a file; front matter is metadata, and so is the first heading, as `title`."""
    content, notes = text.load(file)
    metadata, body = split_front_matter(content)
    if not isinstance(metadata.get("title"), str) and (title := first_heading(body)):
        metadata["title"] = title
    yield from text.yield_item(file, body, metadata, notes)


def split_front_matter(content: str) -> tuple[dict[str, str | int | float | bool], str]:
    r"""Split "key: value" lines between `---` from the text; lists and nested keys are left out.

    >>> split_front_matter("---\ntitle: '여행'\nyear: 2024\n---\n본문")
    ({'title': '여행', 'year': 2024}, '본문')
    """
    front = FRONT_MATTER.match(content, 0, MAX_FRONT_MATTER) if content[:3] == "---" else None
    if front is None:
        return {}, content
    names = ColumnNames()
    metadata: dict[str, str | int | float | bool] = {}
    for line in front[1].splitlines():
        pair = PAIR.fullmatch(line.rstrip())
        if pair and (value := _scalar(pair[2])) is not None:
            metadata[names[pair[1].strip()]] = value
    return metadata, content[front.end() :]


def first_heading(body: str) -> str | None:
    r"""Return the first heading, "# heading" or underlined, outside code blocks.

    >>> first_heading("```\n# not this\n```\n## 이것")
    '이것'
    """
    fence, before = "", ""
    for match in re.finditer(r".*\n?", body):
        line = match[0].rstrip("\n")
        mark = line.lstrip()[:3]
        if mark in ("```", "~~~") and (not fence or mark == fence):
            fence = "" if fence else mark
        elif not fence:
            if (heading := HEADING.fullmatch(line)) and heading[1]:
                return heading[1]
            if before and UNDERLINE.fullmatch(line):
                return before
            before = line.strip()
    return None


def _scalar(value: str) -> str | int | float | bool | None:
    if value[0] in "[{|>&*!":
        return None
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    value = value.split(" #")[0].rstrip()
    return parse(value, infer_kind(value))
