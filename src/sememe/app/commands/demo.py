"""The tour: index the bundled samples, then search by words, by meaning, across languages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sememe._types import Item
from sememe.app import terminal

if TYPE_CHECKING:
    from rich.console import Console

    from sememe.index.index import Index
    from sememe.index.querying.hits import Mode

_TOP_K = 3
_HEADINGS = {
    "meaning": "The meaning, not the words",
    "ko-en": "A Korean question, an English answer",
    "en-ko": "An English question, a Korean answer",
}


def read_samples() -> Iterator[Item]:
    """Yield the bundled documents, Korean and English."""
    for line in _read("samples.jsonl").splitlines():
        record = json.loads(line)
        yield Item(
            id=record["id"],
            content=f"{record['title']}\n{record['text']}",
            source="samples",
            metadata={name: record[name] for name in ("title", "lang", "topic")},
        )


def demo() -> None:
    """Index the bundled samples and search them in two languages: a tour, offline."""
    import tempfile

    from rich.console import Console

    from sememe.index.index import Index

    console = Console()
    queries = json.loads(_read("queries.json"))
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        index = Index.create(Path(folder) / "index")
        added = index.add(read_samples()).added
        taken = time.monotonic() - started
        console.print(f"{added} short documents, Korean and English, indexed in {taken:.1f} s")
        _compare_modes(index, console)
        for shows, heading in _HEADINGS.items():
            console.print(f"\n[bold]{heading}[/bold]")
            for query in queries:
                if query["shows"] == shows:
                    _print_answers(index, console, query["query"])
        console.print("\nNow your own folder:  sememe index FOLDER --into my-index")
        console.print('                      sememe search my-index "무엇이든 물어보세요"')


def _compare_modes(index: Index, console: Console) -> None:
    console.print("\n[bold]자동차 (car), by words and by meaning[/bold]")
    modes: tuple[Mode, ...] = ("keyword", "semantic")
    for mode in modes:
        hits = index.search("자동차", k=6, mode=mode)
        titles = ", ".join(str(hit.metadata["title"]) for hit in hits)
        console.print(f"  {mode:<9}{titles}", no_wrap=True, overflow="ellipsis")


def _print_answers(index: Index, console: Console, query: str) -> None:
    console.print(f"  [cyan]{query}[/cyan]")
    for hit in index.search(query, k=_TOP_K, mode="semantic"):
        title = str(hit.metadata["title"])
        line = f"    {hit.score:.2f}  {title}: {terminal.shorten(hit.text[len(title) :])}"
        console.print(line, no_wrap=True, overflow="ellipsis", markup=False, highlight=False)


def _read(name: str) -> str:
    from importlib.resources import files

    return (files("sememe.app") / "samples" / name).read_text(encoding="utf-8")
