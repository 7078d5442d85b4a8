"""The folder of a run in progress: its parameters and data, and its states."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sememe._atomic import write_atomically
from sememe._errors import InvalidInputError
from sememe._persistence import ABOUT
from sememe.train.base.device import is_main_process
from sememe.train.base.run_lock import hold

_LEFT = ("run.json", "checkpoint-*", "*-run", "tokenizer", "blocks", "eval", "pictures", "sounds")


@contextmanager
def checkpoint_folder(given: str | Path | None, facts: Mapping[str, Any]) -> Iterator[Path]:
    """Hold a folder for the run's states: the one given, or a temporary one.

    Of several processes of one run the main one holds it; the others get temporary ones, and read
    the states from the main one's.

    Raises:
        InvalidInputError: Another run holds it, or its states are of other parameters or data.
    """
    if given is None or not is_main_process():
        with TemporaryDirectory(prefix="sememe-train-") as fresh:
            yield Path(fresh)
        return
    folder = Path(given)
    if "parameters" in facts:  # a run may be resumed on another device
        options = {k: v for k, v in facts["parameters"].items() if k != "device"}
        facts = {**facts, "parameters": options}
    with hold(folder):
        document = folder / "run.json"
        if not has_learnt(folder):
            _begin(folder, facts)
        elif document.is_file():
            _check_same(json.loads(document.read_text(encoding="utf-8")), facts, folder)
        else:
            raise InvalidInputError(
                f"checkpoint {str(folder)!r} holds states without their run.json. Delete the "
                "folder, or name another."
            )
        try:
            yield folder
        except FloatingPointError:
            _empty(folder)  # the run diverged: its states are useless
            raise


def has_learnt(folder: Path) -> bool:
    """Return whether a run has left a state there, or a stage that it finished."""
    folders = (path for path in folder.rglob("*") if path.is_dir())
    return any(path.name.startswith("checkpoint-") or (path / ABOUT).is_file() for path in folders)


def _begin(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write run.json; delete what another run prepared but learnt nothing from."""
    document = folder / "run.json"
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    if document.is_file() and document.read_text(encoding="utf-8") != text:
        _empty(folder)
    with write_atomically(document) as file:
        file.write(text.encode())


def _empty(folder: Path) -> None:
    """Delete what runs leave in a checkpoint folder, and nothing else."""
    for name in _LEFT:
        for path in folder.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _check_same(stored: dict[str, Any], facts: Mapping[str, Any], folder: Path) -> None:
    given = json.loads(json.dumps(facts))
    if other := _find_differences(stored, given):
        was, now = stored.get(other[0]), given.get(other[0])
        difference = f"was {was!r}, is {now!r}"
        if isinstance(was, dict) and isinstance(now, dict):
            options = _find_differences(was, now)
            difference = ", ".join(f"{n} was {was.get(n)!r}, is {now.get(n)!r}" for n in options)
        raise InvalidInputError(
            f"checkpoint {str(folder)!r} is of another run: {', '.join(other)} differ "
            f"({difference}). Give the same parameters and data to go on, or delete the folder to "
            "begin anew."
        )


def _find_differences(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [name for name in sorted(was | now) if was.get(name) != now.get(name)]


def whole_states(folder: Path) -> list[Path]:
    """Return the complete states in a folder, oldest first; delete the others."""
    whole = []
    for state in folder.glob("checkpoint-*"):
        try:
            json.loads((state / "trainer_state.json").read_text(encoding="utf-8"))
            whole.append((int(state.name.rsplit("-", 1)[1]), state))
        except (OSError, ValueError):
            shutil.rmtree(state, ignore_errors=True)
    return [state for _, state in sorted(whole)]
