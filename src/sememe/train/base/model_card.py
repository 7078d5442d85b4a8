"""Model cards of trained models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sememe._types import Skipped
    from sememe.train.base.curve import Curve

_NAMED = 5  # skipped items that a note names

ENCODER_HEAD = {
    "library_name": "sentence-transformers",
    "pipeline_tag": "sentence-similarity",
    "tags": ["sentence-transformers", "sememe", "feature-extraction"],
}
USE_ENCODER = [
    "```python",
    "import sememe",
    "",
    'vectors = sememe.load("this-folder").encode(["a sentence", "한 문장"])',
    "```",
    "",
    "The folder opens in sentence-transformers too.",
]


def model_card(title: str, *, head: Mapping[str, Any], sections: Mapping[str, list[str]]) -> str:
    """Return a model card as the hub reads it: metadata, then sections."""
    lines = ["---"]
    for name, value in head.items():
        values = [f"- {item}" for item in value] if isinstance(value, list) else []
        lines += [f"{name}:", *values] if values else [f"{name}: {value}"]
    lines += ["---", "", f"# {title}", ""]
    for name, body in sections.items():
        lines += [f"## {name}", "", *body, ""]
    return "\n".join(lines)


def encoder_card(
    title: str, *, data: str, notes: Iterable[str], results: list[str], settings: Mapping[str, Any]
) -> str:
    """Return the card of a sentence encoder."""
    sections = {
        "Use": USE_ENCODER,
        "Data": [data, "", *note_lines(notes)],
        "Results": results,
        "Settings": table(settings),
    }
    return model_card(title, head=ENCODER_HEAD, sections=sections)


def note_lines(notes: Iterable[str]) -> list[str]:
    """Return notes as a card lists them."""
    return [f"- {note}" for note in notes] or ["Nothing was left out."]


def skipped_note(skipped: Sequence[Skipped], *, prefix: str = "", why: str) -> tuple[str, ...]:
    """Return a note on what was skipped, naming the first five; () if nothing was."""
    if not skipped:
        return ()
    first = "; ".join(f"{one.source}: {one.reason}" for one in skipped[:_NAMED])
    more = f"; and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return (f"{prefix}{len(skipped)} {why}: {first}{more}",)


def table(rows: Mapping[str, Any]) -> list[str]:
    """Return the lines of a Markdown table of two columns."""
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]


def curve_rows(curve: Curve) -> dict[str, str]:
    """Return the rows that a card has of a run."""
    rows = {"steps": f"{curve.steps}, the weights of step {curve.best_step} kept"}
    if curve.before is not None and curve.after is not None:
        rows[f"{curve.metric} held out, before"] = f"{curve.before:.4f}"
        rows[f"{curve.metric} held out, after"] = f"{curve.after:.4f}"
    if curve.losses:
        rows["loss, first and last"] = f"{curve.losses[0][1]:.4f}, {curve.losses[-1][1]:.4f}"
    return rows | {"seconds": f"{curve.seconds:.0f}"}
