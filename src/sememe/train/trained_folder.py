"""What stands in a folder beside the network that was trained: sememe.json, a card, the curve."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe._persistence import made_by, noted
from sememe.train.checkpoint import check_room
from sememe.train.trainer import write_curve
from sememe.vectors.atomic import replaced

if TYPE_CHECKING:
    from sememe.train.trainer import Curve

ABOUT = "sememe.json"
_FORMAT = 1


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
        (fresh / ABOUT).write_text(text + "\n", encoding="utf-8")
    return place


def check_trained_place(place: Path) -> None:
    """Refuse, before any work, a folder that a trained network cannot be saved as.

    Raises:
        InvalidInputError: It is a file or lies beneath one, or holds what `write_trained` did not
            write: to replace it would delete that.
    """
    if place.exists() and not place.is_dir():
        raise InvalidInputError(f"{place} is a file, a model is a folder. Name another.")
    check_room(place, "model")
    if not place.is_dir() or not any(place.iterdir()):
        return
    target = place.resolve()
    if Path.cwd().is_relative_to(target) or target.is_mount():
        what = "a mount point" if target.is_mount() else "the folder you work in, or above it"
        raise InvalidInputError(f"{place} is {what}; it cannot be replaced. Name one within it.")
    try:
        known = set(json.loads((place / ABOUT).read_text(encoding="utf-8"))["files"]) | {ABOUT}
    except (OSError, ValueError, KeyError, TypeError):
        known = set()
    files = (path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    if others := sorted(set(files) - known):
        raise InvalidInputError(
            f"{place} holds {', '.join(others[:3])}{', ...' * (len(others) > 3)}, no part of a "
            "model that sememe trained, which the new one would replace. Name another folder, or "
            "move that away."
        )


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
