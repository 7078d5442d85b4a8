"""Examples to train a sentence encoder on: pairs, scored pairs, triplets, labels or bare texts.

    kind       columns                       says
    pairs      anchor, positive              these two mean the same, or one answers the other
    scored     sentence1, sentence2, score   how alike the two are, on any scale
    triplets   anchor, positive, negative    the positive is nearer than the negative
    labels     text, label                   texts of one label belong together
    texts      text                          nothing is known of them

What could not be used is counted and said, never silently dropped; what would make training
meaningless is refused.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sememe._errors import InvalidInputError
from sememe.text.normalize import well_formed
from sememe.train.base.base_model import weights_digest
from sememe.train.base.options import parameters
from sememe.train.sentence.example_files import read_rows

Kind = Literal["pairs", "scored", "triplets", "labels", "texts"]

ROLES: Mapping[Kind, tuple[str, ...]] = {
    "pairs": ("anchor", "positive"),
    "scored": ("sentence1", "sentence2", "score"),
    "triplets": ("anchor", "positive", "negative"),
    "labels": ("text", "label"),
    "texts": ("text",),
}
_FEWEST = 2
_FORMS = (
    "anchor and positive (pairs); sentence1, sentence2 and score (scored pairs); anchor, positive "
    "and negative (triplets); text and label (labels); or text alone"
)


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """Examples that can be trained on.

    Attributes:
        kind: What they say.
        columns: Their columns by name, of equal length: texts, scores (float, in [0, 1] or as they
            were in [-1, 1]), labels (str).
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
        found: dict[str, set[str]] = {}
        columns = self.columns
        for anchor, positive in zip(columns["anchor"], columns["positive"], strict=True):
            found.setdefault(anchor, set()).add(positive)
        return found

    def digest(self) -> str:
        """Return a hash of all that training sees."""
        found = hashlib.sha256(self.kind.encode())
        for name, column in self.columns.items():
            found.update(name.encode())
            for value in column:
                found.update(f"{value!r}\n".encode())
        return found.hexdigest()


Data = str | Path | Sequence[Any] | Examples


def read_examples(data: Data, *, what: str = "the training data") -> Examples:
    """Read examples from a file or a sequence, and check them; `Examples` are returned as they are.

    data: A table (.tsv, .csv), .jsonl or .parquet with named columns, plain or packed; a table
    without names as STS-B has them; a .txt file, a text a line; or a sequence of mappings, of
    tuples in the order of the columns above, or of texts. what: how messages call it.

    Raises:
        InvalidInputError: No such file; columns that say none of the kinds; a text that is no str;
            nothing left to train on; one score or one label only.
        CorruptFileError: A file cannot be read.
    """
    if isinstance(data, Examples):
        return data
    rows = _rows(data, what)
    if not rows:
        raise InvalidInputError(f"{what} holds no example. Give a table with {_FORMS}.")
    rows, notes = _judged(rows, what)
    kind = _kind(rows[0], what)
    found = _Cleaner(kind, what, notes).clean(rows)
    for check in (_check_enough, _check_scores, _check_labels):
        check(found, what)
    return found


def _rows(data: Data, what: str) -> list[Mapping[str, Any]]:
    if isinstance(data, str | Path):
        return read_rows(Path(data))
    if not isinstance(data, Sequence):
        raise InvalidInputError(
            f"{what} is a {type(data).__name__}; give a path or a list of examples."
        )
    return [_named(row, number, what) for number, row in enumerate(data, 1)]


def _named(row: Any, number: int, what: str) -> Mapping[str, Any]:
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


def _kind(row: Mapping[str, Any], what: str) -> Kind:
    found: Kind
    for found in ("scored", "triplets", "pairs", "labels", "texts"):
        if all(name in row for name in ROLES[found]):
            return found
    raise InvalidInputError(
        f"{what} has the columns {', '.join(map(str, row)) or 'none'}; allowed: {_FORMS}. Rename "
        "its columns."
    )


def _judged(rows: Sequence[Mapping[str, Any]], what: str) -> tuple[Any, list[str]]:
    """Read a label beside two texts as their score where it is one: 0 and 1.

    Raises:
        InvalidInputError: It is a class, as in data of inference: a pair that contradicts itself
            must not be trained on as one that means the same.
    """
    names = ROLES["pairs"]
    if "label" not in rows[0] or not all(name in rows[0] for name in names):
        return rows, []
    values = {str(row.get("label")).strip() for row in rows} - {"None", ""}
    if not values <= {"0", "1", "0.0", "1.0", "False", "True"}:
        some = ", ".join(sorted(values)[:4])
        raise InvalidInputError(
            f"{what} has two texts and a label ({some}): which pairs belong together? Keep those "
            "that do as anchor and positive, those that do not as negative beside them; or name "
            "the column score if a higher one means more alike."
        )
    scores = {"True": "1", "False": "0"}
    named = [
        {
            "sentence1": row.get("anchor"),
            "sentence2": row.get("positive"),
            "score": scores.get(str(row.get("label")), row.get("label")),
        }
        for row in rows
    ]
    return named, ["the label, 0 or 1, is read as the score: 1 means alike"]


class _Cleaner:
    """Takes examples one by one and counts what it leaves out."""

    def __init__(self, kind: Kind, what: str, notes: Sequence[str] = ()) -> None:
        self.kind = kind
        self.notes = notes
        self.what = what
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
        notes = [*self.notes, *_unused(rows, self.kind)]
        notes += [f"{n} of {len(rows)} examples left out: {why}" for why, n in self.left.items()]
        if clashes:
            notes.append(f"{clashes} of those there twice disagree; the first of each counts")
        columns = dict(zip(self.texts, map(list, zip(*kept, strict=True)), strict=False))
        columns = columns or {name: [] for name in self.texts}
        if self.kind in ("scored", "labels"):
            columns[ROLES[self.kind][-1]] = list(kept.values())
        if self.kind == "scored" and kept:
            columns["score"], note = _scaled(columns["score"])
            notes += note
        if self.kind == "labels":
            columns, note = _repeated(columns)
            notes += note
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
        """Return the score or label; None where there is none."""
        if self.kind == "labels":
            value = row.get("label")
            return None if value is None or not str(value).strip() else str(value).strip()
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


def _unused(rows: Sequence[Mapping[str, Any]], kind: Kind) -> list[str]:
    """Name the columns that training does not look at."""
    found = dict.fromkeys(name for row in rows for name in row)
    names = [str(name) for name in found if name not in ROLES[kind] and not str(name).isdecimal()]
    return [f"columns not used: {', '.join(names)}"] if names else []


def _scaled(scores: list[float]) -> tuple[list[float], list[str]]:
    """Bring scores beyond [-1, 1] to [0, 1]."""
    low, high = min(scores), max(scores)
    if low >= -1 and high <= 1:
        return scores, []
    low = min(low, 0.0)
    note = f"scores brought from {low:g} to {high:g} to 0 to 1"
    return [(score - low) / (high - low) for score in scores], [note]


def _repeated(columns: dict[str, list[Any]]) -> tuple[dict[str, list[Any]], list[str]]:
    """Leave out labels that only one text has: nothing belongs to it."""
    counts = Counter(columns["label"])
    alone = sum(n == 1 for n in counts.values())
    if not alone:
        return columns, []
    kept = [i for i, label in enumerate(columns["label"]) if counts[label] > 1]
    note = f"{alone} labels left out that one text alone has"
    return {name: [column[i] for i in kept] for name, column in columns.items()}, [note]


def _check_enough(found: Examples, what: str) -> None:
    if len(found) < _FEWEST:
        why = "; ".join(found.notes) or f"{found.n_read} read"
        raise InvalidInputError(f"{what} has {len(found)} usable examples ({why}). Give more.")


def _check_scores(found: Examples, what: str) -> None:
    if found.kind == "scored" and len(set(found.columns["score"])) < 2:
        raise InvalidInputError(
            f"all examples of {what} have the score {found.columns['score'][0]:g}: nothing orders "
            "them. Give pairs without a score (anchor, positive) if all of them are alike."
        )


def _check_labels(found: Examples, what: str) -> None:
    if found.kind == "labels" and len(set(found.columns["label"])) < 2:
        raise InvalidInputError(
            f"all texts of {what} have the label {found.columns['label'][0]!r}: nothing tells them "
            "apart. Give at least two labels of two texts each."
        )


def run_facts(training: Any, base: Path, data: Examples, aside: Examples | None) -> dict[str, Any]:
    """Return what a run is: a checkpoint of other facts is another run's. base: Its folder."""
    held_out = None if aside is None else aside.digest()
    facts = {"parameters": parameters(training), "data": data.digest(), "evaluate": held_out}
    return facts | {"weights of the base": weights_digest(base)}


def notes_of(data: Examples, aside: Examples | None) -> tuple[str, ...]:
    """Return what is to be said of the examples, and of those held out."""
    if aside is None:
        return data.notes
    notes = [*data.notes, *(f"held out: {note}" for note in aside.notes)]
    seen = set(_texts(data))
    if twice := sum(texts in seen for texts in _texts(aside)):
        notes.append(f"held out: {twice} of {len(aside)} are trained on too, which flatters")
    return tuple(notes)


def _texts(examples: Examples) -> Iterable[tuple[str, ...]]:
    names = [name for name in examples.columns if name not in ("score", "label")]
    return zip(*(examples.columns[name] for name in names), strict=True)
