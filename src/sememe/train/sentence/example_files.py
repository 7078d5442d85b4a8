"""Files of training examples: rows with the names that `examples` knows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.sources.formats import format_of, kind_of_file
from sememe.sources.lines import open_lines
from sememe.sources.open_file import reason
from sememe.sources.tables.csv_rows import Rows
from sememe.sources.tables.jsonl import parse_line

_SAME = {  # our name of a column -> others in use, in lower case
    "anchor": ("query", "question", "premise", "source", "질문"),
    "positive": ("pos", "answer", "document", "passage", "hypothesis", "target", "답변"),
    "negative": ("neg", "hard_negative"),
    "sentence1": (
        "s1", "text1", "sentence_1", "sentence_a", "text_a", "sent1", "문장1", "question1",
    ),
    "sentence2": (
        "s2", "text2", "sentence_2", "sentence_b", "text_b", "sent2", "문장2", "question2",
    ),
    "score": ("similarity", "similarity_score", "gold", "relatedness_score", "점수", "유사도"),
    "text": ("sentence", "content", "문장", "내용"),
    "label": ("class", "category", "intent", "분류", "labels", "gold_label", "is_duplicate"),
}  # fmt: skip
_NAMES = {name: ours for ours, others in _SAME.items() for name in (ours, *others)}
_ALLOWED = "a .tsv, .csv, .jsonl, .parquet or .txt"
_STSB = ("0", "1", "2", "3", "score", "sentence1", "sentence2")  # a row of STS-B, without names
_STSB_SCORE = _STSB.index("score")


def read_rows(path: Path) -> list[Mapping[str, Any]]:
    """Read the rows of a file; see `examples.read_examples`.

    Raises:
        InvalidInputError: No such file, another kind of file, a line that is no record.
        CorruptFileError: The file cannot be read to its end.
    """
    if not path.is_file():
        raise InvalidInputError(f"{path}: no such file. Give {_ALLOWED}.")
    kind, unread = format_of(path.name)
    try:
        if kind == "parquet":
            return [rename_columns(row) for row in _read_parquet(path)]
        if unread is not None or kind not in _READERS:
            raise InvalidInputError(f"{path}: {unread or kind_of_file(kind)}; allowed: {_ALLOWED}.")
        with open_lines(path, path.name) as lines:
            return list(_READERS[kind](lines, path))
    except CorruptFileError as error:
        raise CorruptFileError(f"{path}: {error}. Fetch it anew.") from error
    except (OSError, UnicodeError) as error:
        raise InvalidInputError(f"{path}: {reason(error)}.") from error


def rename_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give columns our names; unknown ones stay.

    Two texts without a score are a pair, whatever their names.

    >>> rename_columns({"Query": "a", "answer": "b"})
    {'anchor': 'a', 'positive': 'b'}
    """
    renamed: dict[str, Any] = {}
    for name, value in row.items():
        ours = _NAMES.get(_normalize(name), str(name))
        if ours in renamed:
            raise InvalidInputError(
                f"two columns mean {ours}, the second is {str(name)!r}. Rename or remove one."
            )
        renamed[ours] = value
    if "sentence1" in renamed and "sentence2" in renamed and "score" not in renamed:
        renamed["anchor"], renamed["positive"] = renamed.pop("sentence1"), renamed.pop("sentence2")
    if "anchor" in renamed and "positive" in renamed and "score" in renamed:
        renamed["sentence1"], renamed["sentence2"] = renamed.pop("anchor"), renamed.pop("positive")
    return renamed


def _normalize(name: Any) -> str:
    """Return a column's name as `_NAMES` has it."""
    return unicodedata.normalize("NFC", str(name)).strip().lower()


def _read_texts(lines: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Read a text a line, or a table if the first line has tabs."""
    stream = iter(lines)
    first = next(stream, (0, ""))
    rest = chain([first], stream)
    if "\t" in first[1]:
        yield from _read_table(rest, path)
    else:
        yield from ({"text": line.rstrip("\r\n")} for _, line in rest if line.strip())


def _read_jsonl(lines: Any, path: Path) -> Iterator[dict[str, Any]]:
    for number, line in lines:
        if not line.strip():
            continue
        record = parse_line(line)
        if not isinstance(record, dict):
            what = f"not JSON ({record})" if isinstance(record, ValueError) else "no JSON object"
            raise InvalidInputError(f"{path}, line {number}: {what}. Mend or remove it.")
        yield rename_columns(record)


def _read_table(lines: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Read rows separated by tabs if the first has some (quotes are text then), else by commas."""
    numbered = list(lines)
    first = next((line.strip() for _, line in numbered if line.strip()), "")
    rows: Iterator[list[str]]
    if "\t" in first and not (first[0] == first[-1] == '"' and '"\t"' in first):
        rows = (line.rstrip("\r\n").split("\t") for _, line in numbered if line.strip())
    else:
        separator = "\t" if "\t" in first else ","
        rows = (cells for _, cells in Rows(numbered, separator) if any(cells))
    head = list(islice(rows, 2))
    names, is_header = _name_columns(head, path)
    for number, cells in enumerate(chain(head[is_header:], rows), 1 + is_header):
        if len(cells) < len(names) or any(cells[len(names) :] if is_header else ()):
            raise InvalidInputError(
                f"{path}, row {number} has {len(cells)} columns, the first has {len(names)}. "
                "Complete or remove it."
            )
        yield rename_columns(dict(zip(names, cells, strict=False)))


def _name_columns(head: list[list[str]], path: Path) -> tuple[Sequence[str], bool]:
    """Return the names of the columns, and whether the first of two rows is a header."""
    if not head:
        return (), False
    cells = head[0]
    if any(_normalize(name) in _NAMES for name in cells):
        return cells, True
    if len(cells) >= 7 and _is_number(cells[_STSB_SCORE]):
        return _STSB, False
    if len(cells) == 3 and _is_number(cells[2]):
        return ("sentence1", "sentence2", "score"), False
    if len(cells) == 3 and len(head[-1]) == 3 and _is_number(head[-1][2]):
        raise InvalidInputError(
            f"{path} begins with {', '.join(cells)}, names that are not known. Rename them: "
            "sentence1, sentence2, score for two texts and how alike they are."
        )
    if len(cells) in (2, 3):
        return ("anchor", "positive", "negative")[: len(cells)], False
    raise InvalidInputError(
        f"{path} begins with {len(cells)} columns, none of a known name. Put a row of names first, "
        "such as sentence1, sentence2, score."
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        yield from pq.read_table(path).to_pylist()
    except pa.ArrowException as error:
        raise CorruptFileError(f"not readable as Parquet ({error})") from error


_READERS: Mapping[str, Any] = {"text": _read_texts, "jsonl": _read_jsonl, "csv": _read_table}
