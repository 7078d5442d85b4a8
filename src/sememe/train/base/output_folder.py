"""What stands in a folder beside the network that was trained: sememe.json, a card, the curve."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._persistence import made_by, noted
from sememe.train.base.curve import write_curve
from sememe.train.base.device import is_main_process
from sememe.train.base.run_folder import ABOUT
from sememe.train.words.model_folder import is_replaceable, refuse_others
from sememe.vectors.atomic import replaced

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

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

    Of several processes of one run the main one writes it.

    write: Puts the network's own files into a folder. facts: What sememe.json says besides.

    Raises:
        InvalidInputError: What `check_trained_place` refuses.
    """
    check_trained_place(place)
    if not is_main_process():
        return place
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
