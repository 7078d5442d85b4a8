"""`sememe classify` of texts: labels, sets of labels, and why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.files.arguments import is_path, read_items

if TYPE_CHECKING:
    from sememe.encoders.prediction import Classifier

_FILES = ("text", "markdown", "csv", "jsonl", "parquet", "html", "pdf", "docx")
_REASONS = 3  # parts of a text that are shown


def classify_texts(
    arguments: list[str],
    classifier: Classifier,
    *,
    k: int,
    abstain: float | None = None,
    why: bool = False,
    as_json: bool = False,
) -> None:
    """Classify texts, files of them and tables, and print the answers.

    abstain: See `TextModel.choose_sets`. why: Whether to tell which parts of a text decided.
    """
    from sememe.encoders.classify.text_classifier import TextModel
    from sememe.encoders.prediction import rank_labels

    model = classifier if isinstance(classifier, TextModel) else None
    if model is None and (abstain is not None or why):
        raise InvalidInputError(
            f"{'--abstain' if abstain is not None else '--why'} goes with a classifier that "
            "sememe train text-classifier wrote: -m DIR. Leave it out."
        )
    for argument in arguments:
        _refuse_missing(argument)
    if abstain is not None and not 0 < abstain < 1:
        raise InvalidInputError(f"--abstain {abstain}; give a share above 0 and below 1, as 0.05.")
    items = list(read_items(arguments))
    for item in items:
        if item.modality != "text":
            raise InvalidInputError(
                f"{item.id} is no text but {item.modality}; this model classifies texts. Give "
                "texts, or files of them."
            )
    texts = [str(item.content) for item in items]
    failed: dict[int, str] = {}
    likely: Any = ()
    strange: Any = ()
    if texts and model is not None:
        likely, failed, strange = model.assess(texts)
    elif texts:
        likely, failed = classifier.probabilities_with_failures(texts)
    rows = []
    for i in (i for i in range(len(texts)) if i not in failed):
        best = rank_labels(classifier.labels, likely[i], k)
        row: dict[str, Any] = {"source": items[i].id, "text": texts[i]}
        row["guesses"] = [one._asdict() for one in best]
        if model is not None:
            row["unfamiliar"] = bool(strange[i])
            if abstain is not None:
                row["labels"] = list(model.choose_sets(likely[i : i + 1], error=abstain)[0])
            if why:
                row["why"] = [one._asdict() for one in model.explain(texts[i])]
        rows.append(row)
    if as_json:
        terminal.print_json(rows)
    else:
        for line in (line for row in rows for line in _format(row)):
            typer.echo(terminal.escape_controls(line))
    names = {i: items[i].id.strip() or f"text {i + 1}" for i in failed}
    terminal.print_skipped([(names[i], reason) for i, reason in failed.items()])
    if not rows:
        raise InvalidInputError("there was no text to classify; the reasons are above")


def _refuse_missing(argument: str) -> None:
    """Refuse what looks like the name of a file and is none."""
    from sememe.sources.formats import format_of

    ending = re.search(r"^\S+\.[a-z]{2,5}$", argument)
    if ending and not is_path(argument) and format_of(argument)[0] in _FILES:
        raise InvalidInputError(f"{argument}: no such file. Give one, or a text.")


def _format(row: dict[str, Any]) -> list[str]:
    text = terminal.shorten(row["text"])
    guesses = ", ".join(f"{one['label']} {one['probability']:.2f}" for one in row["guesses"])
    lines = [f"{text}: {guesses}"]
    if "labels" in row:
        lines[0] = f"{text}: {_name_set(row['labels'])} ({guesses})"
    if row.get("unfamiliar"):
        lines[0] += "  [unlike all that was learnt from]"
    if "why" in row:
        parts = [f"{one['text']} ({one['change']:+.2f})" for one in row["why"][:_REASONS]]
        lines.append(f"  because of: {', '.join(parts)}")
    return lines


def _name_set(labels: list[str]) -> str:
    if not labels:
        return "no label fits"
    return labels[0] if len(labels) == 1 else f"one of {', '.join(labels)}"
