"""What stands in a folder beside the network that was trained: sememe.json, a card, the curve."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._atomic import replace_folder
from sememe._errors import InvalidInputError
from sememe._persistence import describe_file, made_by, refuse_other_kinds
from sememe.train.base.curve import write_curve
from sememe.train.base.device import is_main_process
from sememe.train.base.run_folder import ABOUT

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
    with replace_folder(place.resolve()) as fresh:
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
            "files": {path.relative_to(fresh).as_posix(): describe_file(path) for path in files},
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


def check_place(folder: Path, kind: str, *, files: Collection[str]) -> None:
    """Refuse, before any work, a folder that a model of `kind` cannot be saved as.

    files: The names of the files such a model has.

    Raises:
        InvalidInputError: It is a file or lies beneath one, cannot be replaced, or holds what is no
            saved model of the kind: to replace it would delete that.
    """
    if not is_replaceable(folder):
        return
    refuse_other_kinds(folder, kind)
    refuse_others(
        folder, (path.name for path in folder.iterdir() if not _is_one_of(files, path.name))
    )


def is_replaceable(folder: Path) -> bool:
    """Say whether there is a folder, which can be replaced by another.

    Raises:
        InvalidInputError: It is a file or lies beneath one, or cannot be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"{folder} is a file, a model is a folder. Name another.")
    check_room(folder, "model")
    if not folder.is_dir():
        return False
    place = folder.resolve()
    if Path.cwd().is_relative_to(place) or place.is_mount():
        what = "a mount point" if place.is_mount() else "the folder you work in, or above it"
        raise InvalidInputError(f"{folder} is {what}; it cannot be replaced. Name one within it.")
    check_room(place.parent, "model")
    return True


def check_room(folder: Path, what: str = "checkpoint") -> None:
    """Raise before any work if nothing could be stored in `folder`; nothing is made.

    what: The word for it in the message.

    Raises:
        InvalidInputError: It is a file, lies beneath one, or must not be written.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    problem = "is not a folder" if not place.is_dir() else "cannot be written to"
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise InvalidInputError(
            f"{what} {str(folder)!r}: {place} {problem}. Name a folder, which may be a new one."
        )


def refuse_others(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder with files that are no part of what it is said to hold.

    Raises:
        InvalidInputError: There are such names.
    """
    if others := sorted(names):
        raise InvalidInputError(
            f"{folder} holds {', '.join(others[:3])}{', ...' * (len(others) > 3)}, no part of a "
            "saved model, which the new one would replace. Name another folder, or move that away."
        )


def _is_one_of(files: Collection[str], name: str) -> bool:
    """Say whether a model has a file of that name, or a kill leaves it."""
    half = re.fullmatch(r"\.(.+)\.\d+\.tmp", name)
    return (half[1] if half else name) in files
