"""Write a trained network's folder: its files, sememe.json, a model card and the learning curve."""

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
from sememe._persistence import ABOUT, describe_file, made_by, refuse_other_kinds
from sememe.train.base.curve import write_curve
from sememe.train.base.device import is_main_process

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

_FORMAT = 1


def write_trained(
    folder: Path,
    kind: str,
    *,
    write: Callable[[Path], None],
    facts: Callable[[], Mapping[str, Any]],
    card: str,
    curve: Curve,
) -> Path:
    """Write or replace a folder atomically, by the main process; see `check_trained_place`.

    write: Writes the network's own files into a folder. facts: Returns further fields of
    sememe.json; called before `write`, and only where the folder can be written.
    """
    check_trained_place(folder)
    if not is_main_process():
        return folder
    fields = facts()
    with replace_folder(folder.resolve()) as fresh:
        write(fresh)
        (fresh / "README.md").write_text(card, encoding="utf-8")
        write_curve(fresh, curve)
        files = sorted(path for path in fresh.rglob("*") if path.is_file())
        document = {
            "format": _FORMAT,
            "kind": kind,
            "made_by": made_by(),
            **fields,
            "curve": asdict(curve),
            "files": {path.relative_to(fresh).as_posix(): describe_file(path) for path in files},
        }
        text = json.dumps(document, ensure_ascii=False, indent=1)
        about = fresh / ABOUT
        about.write_text(text + "\n", encoding="utf-8")
        for path in files:
            path.chmod(about.stat().st_mode)  # some libraries write for their own user alone
    return folder


def check_trained_place(folder: Path) -> None:
    """Refuse, before any work, a folder that a trained network cannot be saved as.

    Raises:
        InvalidInputError: It or a parent is a file, or it holds files that `write_trained` did not
            write, which would be deleted.
    """
    if not is_replaceable(folder):
        return
    try:
        known = {*json.loads((folder / ABOUT).read_text(encoding="utf-8"))["files"], ABOUT}
    except (OSError, ValueError, KeyError, TypeError):
        known = set()
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    refuse_others(folder, set(files) - known)


def check_place(folder: Path, kind: str, *, files: Collection[str]) -> None:
    """Refuse, before any work, a folder that a model of `kind` cannot be saved as.

    files: The names of the files such a model has.

    Raises:
        InvalidInputError: It or a parent is a file, it cannot be replaced, or it holds other files,
            which would be deleted.
    """
    if not is_replaceable(folder):
        return
    refuse_other_kinds(folder, kind)
    names = {path.name for path in folder.iterdir()}
    leftover = re.compile(r"^\.(.+)\.\d+\.tmp\Z")  # of a save that was killed
    refuse_others(folder, (name for name in names if leftover.sub(r"\1", name) not in files))


def is_replaceable(folder: Path) -> bool:
    """Return whether the folder exists; raise InvalidInputError if it cannot be replaced."""
    if folder.exists() and not folder.is_dir():
        raise InvalidInputError(f"{folder} is a file, a model is a folder. Name another.")
    check_room(folder, "model")
    if not folder.is_dir():
        return False
    target = folder.resolve()
    if Path.cwd().is_relative_to(target) or target.is_mount():
        what = "a mount point" if target.is_mount() else "the folder you work in, or above it"
        raise InvalidInputError(f"{folder} is {what}; it cannot be replaced. Name one within it.")
    check_room(target.parent, "model")
    return True


def check_room(folder: Path, what: str = "checkpoint") -> None:
    """Raise InvalidInputError, before any work, if nothing can be written in `folder`.

    what: The word for it in the message.
    """
    path = folder.absolute()
    existing = (parent for parent in (path, *path.parents) if parent.exists())
    nearest = next(existing, path)  # a drive of Windows may be missing
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        problem = "cannot be written to" if nearest.is_dir() else "is not a folder"
        raise InvalidInputError(
            f"{what} {str(folder)!r}: {nearest} {problem}. Name a folder, which may be a new one."
        )


def refuse_others(folder: Path, names: Iterable[str]) -> None:
    """Raise InvalidInputError if a folder has files that are no part of a saved model."""
    if others := sorted(names):
        raise InvalidInputError(
            f"{folder} holds {', '.join(others[:3])}{', ...' * (len(others) > 3)}, no part of a "
            "saved model, which the new one would replace. Name another folder, or move that away."
        )
