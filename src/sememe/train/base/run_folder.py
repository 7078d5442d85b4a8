"""The folder of a run in progress: what it is of, and its states."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sememe._atomic import write_atomically
from sememe._errors import InvalidInputError
from sememe.train.base.device import is_main_process
from sememe.train.base.run_lock import hold

ABOUT = "sememe.json"


_LEFT = ("run.json", "checkpoint-*", "*-run", "tokenizer", "blocks", "eval", "pictures", "sounds")


@contextmanager
def checkpoint_folder(given: str | Path | None, facts: Mapping[str, Any]) -> Iterator[Path]:
    """Hold a folder for the run's states: the one given, or one that is deleted in the end.

    Of several processes of one run the main one holds it; the others get folders of their own, that
    are deleted, and read the states where the main one has them.

    Raises:
        InvalidInputError: Another run holds it, or its states are of other parameters or data.
    """
    import tempfile

    if given is None or not is_main_process():
        with tempfile.TemporaryDirectory(prefix="sememe-train-") as fresh:
            yield Path(fresh)
        return
    folder, facts = Path(given), _on_any_device(facts)
    with hold(folder):
        document = folder / "run.json"
        if not has_learnt(folder):
            _begin(folder, facts)
        elif document.is_file():
            _check_same(json.loads(document.read_text(encoding="utf-8")), dict(facts), folder)
        else:
            raise InvalidInputError(
                f"checkpoint {str(folder)!r} holds states without their run.json. Delete the "
                "folder, or name another."
            )
        try:
            yield folder
        except FloatingPointError:
            _empty(folder)  # what diverged is of no use, and other options are to come
            raise


def _on_any_device(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a run without its device: it may go on with another."""
    options = {k: v for k, v in facts.get("parameters", {}).items() if k != "device"}
    return {**facts, "parameters": options} if "parameters" in facts else dict(facts)


def has_learnt(folder: Path) -> bool:
    """Return whether a run has left a state there, or a stage that it finished."""
    found = (path for path in folder.rglob("*") if path.is_dir())
    return any(path.name.startswith("checkpoint-") or (path / ABOUT).is_file() for path in found)


def _begin(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write what the run is; what another run prepared, and learnt nothing from, goes."""
    document = folder / "run.json"
    told = json.dumps(facts, ensure_ascii=False, indent=1)
    if document.is_file() and document.read_text(encoding="utf-8") != told:
        _empty(folder)
    with write_atomically(document) as file:
        file.write(told.encode())


def _empty(folder: Path) -> None:
    """Take away what runs leave in a checkpoint folder, and nothing else."""
    for name in _LEFT:
        for path in folder.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _check_same(stored: dict[str, Any], facts: dict[str, Any], folder: Path) -> None:
    facts = json.loads(json.dumps(facts))
    other = [name for name in sorted(facts | stored) if stored.get(name) != facts.get(name)]
    if other:
        name = other[0]
        raise InvalidInputError(
            f"checkpoint {str(folder)!r} is of another run: {', '.join(other)} differ "
            f"({_difference(stored.get(name), facts.get(name))}). Give the same parameters "
            "and data to go on, or delete the folder to begin anew."
        )


def _difference(was: Any, now: Any) -> str:
    """Return in words what differs: of options the ones that do.

    >>> _difference({"seed": 1, "epochs": 2}, {"seed": 3, "epochs": 2})
    'seed was 1, is 3'
    """
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return f"was {was!r}, is {now!r}"
    names = [name for name in sorted(was | now) if was.get(name) != now.get(name)]
    return ", ".join(f"{name} was {was.get(name)!r}, is {now.get(name)!r}" for name in names)


def whole_states(folder: Path) -> list[Path]:
    """Return the states in a folder that are whole, oldest first; delete those that are not."""
    whole = []
    for state in folder.glob("checkpoint-*"):
        try:
            json.loads((state / "trainer_state.json").read_text(encoding="utf-8"))
            whole.append((int(state.name.rsplit("-", 1)[1]), state))
        except (OSError, ValueError):
            shutil.rmtree(state, ignore_errors=True)
    return [state for _, state in sorted(whole)]
