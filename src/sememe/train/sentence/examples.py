"""Examples to train a sentence encoder on: pairs, scored pairs, triplets, labels or bare texts.

    kind       columns                       meaning
    pairs      anchor, positive              these two mean the same, or one answers the other
    scored     sentence1, sentence2, score   how alike the two are, on any scale
    triplets   anchor, positive, negative    the positive is nearer than the negative
    labels     text, label                   texts of one label belong together
    texts      text                          nothing is known of them

Unusable examples are counted in notes, never silently dropped; data that would make training
meaningless are refused.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any, Literal

from sememe._errors import InvalidInputError
from sememe.text.normalize import well_formed
from sememe.train.sentence.example_files import read_rows

Kind = Literal["pairs", "scored", "triplets", "labels", "texts"]

ROLES: Mapping[Kind, tuple[str, ...]] = {
    "pairs": ("anchor", "positive"),
    "scored": ("sentence1", "sentence2", "score"),
    "triplets": ("anchor", "positive", "negative"),
    "labels": ("text", "label"),
    "texts": ("text",),
}
HELD_OUT = "the data of evaluate"
_FORMS = (
    "anchor and positive (pairs); sentence1, sentence2 and score (scored pairs); anchor, positive "
    "and negative (triplets); text and label (labels); or text alone"
)


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """Examples that can be trained on.

    Attributes:
        kind: pairs, scored, triplets, labels or texts.
        columns: Columns of equal length by name: texts, scores (float, in [0, 1], or in [-1, 1] as
            they were), labels (str).
        n_read: How many were read.
        notes: What was left out or changed, and how often.
    """

    kind: Kind
    columns: Mapping[str, list[Any]]
    n_read: int
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def positives(self) -> dict[str, set[str]]:
        """Return the positives of each anchor, of pairs and triplets."""
        positives: dict[str, set[str]] = {}
        columns = self.columns
        for anchor, positive in zip(columns["anchor"], columns["positive"], strict=True):
            positives.setdefault(anchor, set()).add(positive)
        return positives

    def digest(self) -> str:
        """Return a hash of all that training sees."""
        total = hashlib.sha256(self.kind.encode())
        for name, column in self.columns.items():
            total.update(name.encode())
            for value in column:
                total.update(f"{value!r}\n".encode())
        return total.hexdigest()


Data = str | Path | Sequence[Any] | Examples


def read_examples(data: Data, *, what: str = "the training data") -> Examples:
    """Read examples from a file or a sequence and check them; `Examples` are returned unchanged.

    data: A table (.tsv, .csv), .jsonl or .parquet with named columns, plain or packed; a table
    without names as STS-B has them; a .txt file, a text a line; or a sequence of mappings, of
    tuples in the order of the columns above, or of texts. what: Its name in messages.

    Raises:
        InvalidInputError: No such file; columns of no kind; a text that is no str; nothing left to
            train on; one score or one label only.
        CorruptFileError: A file cannot be read.
    """
    if isinstance(data, Examples):
        return data
    rows = _rows(data, what)
    if not rows:
        raise InvalidInputError(f"{what} holds no example. Give a table with {_FORMS}.")
    scored, notes = _read_labels_as_scores(rows, what)
    examples = _Cleaner(_find_kind(scored[0], what), what, notes).clean(scored)
    _check_examples(examples, what)
    return examples


def read_held_out(evaluate: Data | None) -> Examples | None:
    """Read held-out examples, None without any; see `read_examples`."""
    return None if evaluate is None else read_examples(evaluate, what=HELD_OUT)


def _rows(data: Data, what: str) -> list[Mapping[str, Any]]:
    if isinstance(data, str | Path):
        return read_rows(Path(data))
    if not isinstance(data, Sequence):
        raise InvalidInputError(
            f"{what} is a {type(data).__name__}; give a path or a list of examples."
        )
    return [_name_values(row, number, what) for number, row in enumerate(data, 1)]


def _name_values(row: Any, number: int, what: str) -> Mapping[str, Any]:
    """Name the values of a tuple by their number and type."""
    if isinstance(row, Mapping):
        return row
    if isinstance(row, str):
        return {"text": row}
    if isinstance(row, Sequence) and 2 <= len(row) <= 3:
        kind: Kind = "pairs"
        if len(row) == 3:
            kind = "triplets" if isinstance(row[2], str) else "scored"
        return dict(zip(ROLES[kind], row, strict=True))
    raise InvalidInputError(
        f"example {number} of {what} is {str(row)[:60]!r}. Give mappings, tuples or "
        f"texts: {_FORMS}."
    )


def _find_kind(row: Mapping[str, Any], what: str) -> Kind:
    kind: Kind
    for kind in ("scored", "triplets", "pairs", "labels", "texts"):
        if all(name in row for name in ROLES[kind]):
            return kind
    raise InvalidInputError(
        f"{what} has the columns {', '.join(map(str, row)) or 'none'}; allowed: {_FORMS}. Rename "
        "its columns."
    )


def _read_labels_as_scores(
    rows: Sequence[Mapping[str, Any]], what: str
) -> tuple[Sequence[Mapping[str, Any]], list[str]]:
    """Take the labels of pairs as scores if they are 0 and 1; refuse classes, as of inference data.

    A contradiction must not be trained on as a pair that means the same.
    """
    if not all(name in rows[0] for name in ("label", *ROLES["pairs"])):
        return rows, []
    values = {str(row.get("label")).strip() for row in rows} - {"None", ""}
    if not values <= {"0", "1", "0.0", "1.0", "False", "True"}:
        some = ", ".join(sorted(values)[:4])
        raise InvalidInputError(
            f"{what} has two texts and a label ({some}): which pairs belong together? Keep those "
            "that do as anchor and positive, those that do not as their negative; or name the "
            "column score if a higher one means more alike."
        )
    scores = {"True": "1", "False": "0"}
    scored = [
        {
            "sentence1": row.get("anchor"),
            "sentence2": row.get("positive"),
            "score": scores.get(str(row.get("label")), row.get("label")),
        }
        for row in rows
    ]
    return scored, ["the label, 0 or 1, is read as the score: 1 means alike"]


class _Cleaner:
    """Keeps the usable examples and counts the others."""

    def __init__(self, kind: Kind, what: str, notes: Sequence[str]) -> None:
        self.kind, self.what, self.notes = kind, what, notes
        self.texts = [name for name in ROLES[kind] if name not in ("score", "label")]
        self.left: Counter[str] = Counter()

    def clean(self, rows: Sequence[Mapping[str, Any]]) -> Examples:
        kept: dict[tuple[str, ...], Any] = {}
        clashes = 0
        for number, row in enumerate(rows, 1):
            texts = tuple(self._text(row, name, number) for name in self.texts)
            last = self._last(row, number)
            if reason := self._unusable(texts, last):
                self.left[reason] += 1
            elif texts in kept:
                clashes += kept[texts] != last
                self.left["there twice"] += 1
            else:
                kept[texts] = last
        notes = [*self.notes, *_note_unused_columns(rows, self.kind)]
        notes += [f"{n} of {len(rows)} examples left out: {why}" for why, n in self.left.items()]
        if clashes:
            notes.append(f"{clashes} of those there twice disagree; the first of each counts")
        columns: dict[str, list[Any]] = {
            name: [texts[i] for texts in kept] for i, name in enumerate(self.texts)
        }
        if self.kind in ("scored", "labels"):
            columns[ROLES[self.kind][-1]] = list(kept.values())
        if self.kind == "scored" and kept:
            notes += _scale_scores(columns)
        if self.kind == "labels":
            notes += _drop_single_labels(columns)
        return Examples(self.kind, columns, len(rows), tuple(notes))

    def _text(self, row: Mapping[str, Any], name: str, number: int) -> str:
        value = row.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InvalidInputError(
                f"example {number} of {self.what}: {name} is {value!r}; give a text."
            )
        return well_formed(value).strip()

    def _last(self, row: Mapping[str, Any], number: int) -> Any:
        """Return the score or label, None without one; 0 for other kinds."""
        if self.kind == "labels":
            value = row.get("label")
            return None if value is None else str(value).strip() or None
        if self.kind != "scored":
            return 0
        try:
            score = float(row["score"])
        except (TypeError, ValueError, KeyError):
            return None
        return score if math.isfinite(score) else None

    def _unusable(self, texts: tuple[str, ...], last: Any) -> str:
        if not all(texts):
            return "empty text"
        if last is None:
            return "no label" if self.kind == "labels" else "no finite number as score"
        if self.kind == "pairs" and texts[0] == texts[1]:
            return "anchor and positive are the same text"
        if self.kind == "triplets" and texts[2] in texts[:2]:
            return "the negative is the anchor or the positive"
        return ""


def _note_unused_columns(rows: Sequence[Mapping[str, Any]], kind: Kind) -> list[str]:
    columns = dict.fromkeys(name for row in rows for name in row)
    names = [str(name) for name in columns if name not in ROLES[kind] and not str(name).isdecimal()]
    return [f"columns not used: {', '.join(names)}"] if names else []


def _scale_scores(columns: dict[str, list[Any]]) -> list[str]:
    """Scale scores beyond [-1, 1] to [0, 1]; return a note if there are any."""
    low, high = min(columns["score"]), max(columns["score"])
    if low >= -1 and high <= 1:
        return []
    low = min(low, 0.0)
    columns["score"] = [(score - low) / (high - low) for score in columns["score"]]
    return [f"scores brought from {low:g} to {high:g} to 0 to 1"]


def _drop_single_labels(columns: dict[str, list[Any]]) -> list[str]:
    """Leave out labels of one text each, which have no pair; return a note if there are any."""
    counts = Counter(columns["label"])
    alone = sum(n == 1 for n in counts.values())
    if not alone:
        return []
    keep = [counts[label] > 1 for label in columns["label"]]
    columns.update({name: list(compress(column, keep)) for name, column in columns.items()})
    return [f"{alone} labels left out that one text alone has"]


def _check_examples(examples: Examples, what: str) -> None:
    """Refuse fewer than two examples, and scores or labels that are all the same."""
    if len(examples) < 2:
        why = "; ".join(examples.notes) or f"{examples.n_read} read"
        raise InvalidInputError(f"{what} has {len(examples)} usable examples ({why}). Give more.")
    last = examples.columns[ROLES[examples.kind][-1]]
    if examples.kind == "scored" and len(set(last)) < 2:
        raise InvalidInputError(
            f"all examples of {what} have the score {last[0]:g}: nothing orders them. Give pairs "
            "without a score (anchor, positive) if all of them are alike."
        )
    if examples.kind == "labels" and len(set(last)) < 2:
        raise InvalidInputError(
            f"all texts of {what} have the label {last[0]!r}: nothing distinguishes them. Give at "
            "least two labels of two texts each."
        )
