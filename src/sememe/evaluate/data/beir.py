"""Folders in BEIR's layout: corpus.jsonl, queries.jsonl and qrels/<split>.tsv.

Reference: Thakur et al. 2021, BEIR (arXiv:2104.08663).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sememe._errors import DuplicateIdError, InvalidInputError, UnknownNameError
from sememe.evaluate.data.lines import SUFFIXES, is_title, line_error, parse_number, read_lines
from sememe.evaluate.metrics.ranking import Qrels

Corpus = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RetrievalData:
    """A corpus, queries and relevance judgements.

    Attributes:
        corpus: {id: text}, or a restartable iterable of (id, text), streamed once.
        queries: {id: text}; those without a judgement are ignored.
        qrels: {query id: {document id: relevance}}.
    """

    corpus: Corpus
    queries: Mapping[str, str]
    qrels: Qrels


@dataclass(frozen=True, slots=True)
class BeirCorpus:
    """The documents of a corpus file as (id, title and text), streamed on every pass."""

    path: Path

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield (id, text), with the title prepended, as in BEIR."""
        for identifier, record in _records(self.path):
            yield identifier, f"{record.get('title') or ''} {record['text']}".strip()


def read_beir(folder: str | Path, *, split: str = "test") -> RetrievalData:
    """Read a BEIR folder; corpus and queries may be compressed (.gz, .xz).

    Raises:
        UnknownNameError: The folder has no qrels of that split.
        InvalidInputError: A file is missing, or a line is malformed (names the line).
    """
    root = Path(folder)
    corpus, queries = _find(root, "corpus.jsonl"), _find(root, "queries.jsonl")
    splits = {
        path.name.split(".tsv")[0]: path
        for suffix in SUFFIXES
        for path in sorted((root / "qrels").glob(f"*.tsv{suffix}"))
    }
    if split not in splits:
        raise UnknownNameError.of("split", split, sorted(splits) or ["(no file in qrels/)"])
    texts = {identifier: str(record["text"]) for identifier, record in _records(queries)}
    return RetrievalData(BeirCorpus(corpus), texts, read_qrels(splits[split]))


def read_qrels(path: str | Path) -> dict[str, dict[str, float]]:
    """Read judgements: query-id, corpus-id, score with or without a header, or TREC's four columns.

    A repeated judgement is kept once; two different scores for one pair are an error.
    """
    file = Path(path)
    qrels: dict[str, dict[str, float]] = {}
    for row, (number, line) in enumerate(pair for pair in read_lines(file) if pair[1].strip()):
        cells = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]
        if len(cells) not in (3, 4):
            raise _bad_judgement(file, number, got=f"{len(cells)} columns")
        query, document, score = cells[0], cells[-2], parse_number(cells[-1])
        if score is None:
            if row == 0 and is_title(cells[-1]):  # the header
                continue
            raise _bad_judgement(file, number, got=f"{cells[-1][:40]!r} as score")
        if qrels.setdefault(query, {}).setdefault(document, score) != score:
            raise _bad_judgement(file, number, got=f"a second score for {query}, {document}")
    if not qrels:
        raise InvalidInputError(f"{file} holds no judgement. Give rows of query, document, score.")
    return qrels


def _bad_judgement(path: Path, number: int, *, got: str) -> InvalidInputError:
    allowed = "query-id, corpus-id, score, or query-id, 0, corpus-id, score"
    return line_error(path, number, got=got, allowed=allowed, do="Correct the row or remove it.")


def _find(root: Path, name: str) -> Path:
    for suffix in SUFFIXES:
        if (root / f"{name}{suffix}").is_file():
            return root / f"{name}{suffix}"
    raise InvalidInputError(
        f"{root} has no {name}[.gz|.xz]; allowed: a folder with corpus.jsonl, queries.jsonl and "
        "qrels/<split>.tsv. Give such a folder."
    )


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (id, record) of a JSON Lines file; each has a distinct `_id` and a `text`."""
    seen: set[str] = set()
    for number, line in read_lines(path):
        if not line.strip():
            continue
        record = _record(path, number, line)
        identifier = str(record["_id"])
        if identifier in seen:
            raise DuplicateIdError(
                f"{path}, line {number}: got _id {identifier!r} a second time; allowed: once. "
                "Remove one of the two."
            )
        seen.add(identifier)
        yield identifier, record


def _record(path: Path, number: int, line: str) -> dict[str, Any]:
    allowed, do = '{"_id": "...", "title": "...", "text": "..."}', "Correct the line or remove it."
    malformed = partial(line_error, path, number, allowed=allowed, do=do)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise malformed(got=f"no JSON ({error})") from error
    if not isinstance(record, dict):
        raise malformed(got=f"JSON of type {type(record).__name__}")
    identifier, title = record.get("_id"), record.get("title")
    if isinstance(identifier, bool) or not isinstance(identifier, str | int):
        raise malformed(got=f"_id {identifier!r}")
    if not isinstance(record.get("text"), str) or not isinstance(title, str | None):
        raise malformed(got="no text of type string")
    return record
