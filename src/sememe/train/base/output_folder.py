"""What stands in a folder beside the network that was trained: sememe.json, a card, the curve."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._persistence import made_by, noted
from sememe.train.base.hf_trainer import ABOUT, write_curve
from sememe.train.words.model_folder import is_replaceable, refuse_others
from sememe.vectors.atomic import replaced

if TYPE_CHECKING:
    from sememe.train.base.hf_trainer import Curve

_FORMAT = 1
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


def write_trained(
    place: Path,
    kind: str,
    *,
    write: Callable[[Path], None],
    facts: Mapping[str, Any],
    card: str,
    curve: Curve,
) -> Path:
    """Write a folder whole or not at all, in place of a trained one that may be there.

    write: Puts the network's own files into a folder. facts: What sememe.json says besides.

    Raises:
        InvalidInputError: What `check_trained_place` refuses.
    """
    check_trained_place(place)
    with replaced(place.resolve()) as fresh:
        write(fresh)
        (fresh / "README.md").write_text(card, encoding="utf-8")
        write_curve(fresh, curve)
        files = sorted(path for path in fresh.rglob("*") if path.is_file())
        document = {
            "format": _FORMAT,
            "kind": kind,
            "made_by": made_by(),
            **facts,
            "curve": asdict(curve),
            "files": {path.relative_to(fresh).as_posix(): noted(path) for path in files},
        }
        text = json.dumps(document, ensure_ascii=False, indent=1)
        about = fresh / ABOUT
        about.write_text(text + "\n", encoding="utf-8")
        for path in files:
            path.chmod(about.stat().st_mode)  # some libraries write for their own user alone
    return place


def check_trained_place(place: Path) -> None:
    """Refuse, before any work, a folder that a trained network cannot be saved as.

    Raises:
        InvalidInputError: It is a file or lies beneath one, or holds what `write_trained` did not
            write: to replace it would delete that.
    """
    if not is_replaceable(place):
        return
    try:
        known = set(json.loads((place / ABOUT).read_text(encoding="utf-8"))["files"]) | {ABOUT}
    except (OSError, ValueError, KeyError, TypeError):
        known = set()
    files = (path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    refuse_others(place, set(files) - known)


def model_card(title: str, *, head: Mapping[str, Any], sections: Mapping[str, list[str]]) -> str:
    """Return a model card as the hub reads it: facts for machines, then sections for people."""
    lines = ["---"]
    for name, value in head.items():
        values = value if isinstance(value, list) else None
        lines += [f"{name}:", *(f"- {v}" for v in values)] if values else [f"{name}: {value}"]
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


def table(rows: Mapping[str, Any]) -> list[str]:
    """Return the lines of a Markdown table of two columns."""
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]


def curve_rows(curve: Curve) -> dict[str, str]:
    """Return what a card says of a run."""
    rows = {"steps": f"{curve.steps}, the weights of step {curve.best_step} kept"}
    if curve.before is not None and curve.after is not None:
        rows[f"{curve.metric} held out, before"] = f"{curve.before:.4f}"
        rows[f"{curve.metric} held out, after"] = f"{curve.after:.4f}"
    if curve.losses:
        rows["loss, first and last"] = f"{curve.losses[0][1]:.4f}, {curve.losses[-1][1]:.4f}"
    return rows | {"seconds": f"{curve.seconds:.0f}"}
