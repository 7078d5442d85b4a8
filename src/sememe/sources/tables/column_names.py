"""Names of columns in metadata, and which columns hold text, title and id."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

TEXT_NAMES = (
    *("text", "content", "contents", "body", "document", "passage", "sentence"),
    *("내용", "본문", "텍스트", "문서", "문장"),
)
TITLE_NAMES = ("title", "headline", "subject", "제목", "표제")
ID_NAMES = ("id", "_id")
RESERVED = frozenset(
    "id source modality text start end score part parts hash checksum terms".split()
)
RESERVED_PREFIXES = ("vector", "_row", "_distance", "_score", "_relevance")


class ColumnNames:
    """Maps each column name of a table to an SQL identifier, always the same one.

    Letters of any script, digits and "_" are kept; every run of other characters becomes one "_",
    and none is kept at the end. A name that would start with a digit gets a leading "_"; an empty
    one becomes "column". Names reserved by an index (`id`, `text`, `score`, `vector...`) and names
    already used (ignoring case) get a trailing "_".

    >>> names = ColumnNames()
    >>> [names[name] for name in ["가격(원)", "Price (KRW)", "price-krw", "id", "2024"]]
    ['가격_원', 'Price_KRW', 'price_krw_', 'id_', '_2024']
    """

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def __getitem__(self, name: str) -> str:
        if name not in self._given:
            self._given[name] = self._new(name)
        return self._given[name]

    def _new(self, name: str) -> str:
        kept = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name)).rstrip("_") or "column"
        if kept[0].isdigit():
            kept = "_" + kept
        folded = kept.casefold()
        if folded in RESERVED or folded.startswith(RESERVED_PREFIXES):
            kept += "_"
        while kept.casefold() in self._taken:
            kept += "_"
        self._taken.add(kept.casefold())
        return kept


def find_name(names: Sequence[str], wanted: tuple[str, ...]) -> str | None:
    """Return the first column, in the order of `wanted`, that the table has, ignoring case.

    >>> find_name(["Label", "Body"], TEXT_NAMES)
    'Body'
    """
    folded = {fold_name(name): name for name in names}
    return next((folded[name] for name in wanted if name in folded), None)


def find_roles(names: Sequence[str]) -> tuple[str | None, ...]:
    """Return the names of the text, title and id columns, None for those that are missing."""
    return tuple(find_name(names, wanted) for wanted in (TEXT_NAMES, TITLE_NAMES, ID_NAMES))


def fold_name(name: str) -> str:
    """Return a column name in NFC and lower case."""
    return unicodedata.normalize("NFC", name).strip().casefold()
