"""Checkpoints of a training run, written atomically, so that a run can be killed at any moment.

    <folder>/job-<number>/     the bytes of each array, then state.json, which makes it valid

The next state is written under a temporary name and renamed when it is complete; only then is the
previous one removed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STATE = "state.json"
_FORMAT = 1
_ANEW = "Delete the checkpoint and train anew."


@dataclass(frozen=True)
class Checkpoint:
    """A folder for the state of a run.

    facts: Parameters and corpus of the run; a state with others is refused.
    """

    folder: Path
    facts: Mapping[str, Any]

    def save(self, job: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Save the arrays as they are before `job`, unless that state is saved already.

        Replacing it would leave a moment without any state.
        """
        done = self.folder / f"job-{job}"
        if done in self._states():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f".writing-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for name, array in arrays.items():
            with (fresh / name).open("wb") as file:
                file.write(array.data.cast("B"))
                file.flush()
                os.fsync(file.fileno())
        state = {"format": _FORMAT, "job": job, "facts": dict(self.facts)}
        with (fresh / _STATE).open("w", encoding="utf-8") as text:
            json.dump(state, text, ensure_ascii=False)
            text.flush()
            os.fsync(text.fileno())
        shutil.rmtree(done, ignore_errors=True)
        fresh.rename(done)
        for other in self._states() - {done}:
            _remove_state(other)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> int:
        """Fill the arrays with the last saved state and return its job, 0 if there is none.

        Raises:
            InvalidInputError: The state has other parameters or another corpus.
            CorruptFileError: It is damaged or of another version.
        """
        states = [(self._job(state), state) for state in self._states()]
        if not states:
            return 0
        job, state = max(states)
        self._check(_read_facts(state / _STATE))
        for name, array in arrays.items():
            if not (state / name).is_file():
                raise CorruptFileError(f"{state} lacks {name}. {_ANEW}")
            with (state / name).open("rb", buffering=0) as file:
                _read_all(file, array.data.cast("B"))
        return job

    def remove(self) -> None:
        """Delete the states, and the folder if nothing else is in it."""
        remove_checkpoint(self.folder)

    def _states(self) -> set[Path]:
        return _states_in(self.folder)

    @staticmethod
    def _job(state: Path) -> int:
        return int(state.name.removeprefix("job-"))

    def _check(self, kept: Mapping[str, Any]) -> None:
        names = sorted(set(kept) | set(self.facts))
        differ = [
            f"{name}: {kept.get(name)!r} there, {self.facts.get(name)!r} now"
            for name in names
            if kept.get(name) != self.facts.get(name)
        ]
        if differ:
            raise InvalidInputError(
                f"{self.folder} holds the state of another run ({'; '.join(differ)}). To resume it "
                "give the same corpus and parameters; to begin anew delete the folder or name "
                "another checkpoint."
            )


def holds_state(folder: Path) -> bool:
    """Return whether a folder holds a state to resume from."""
    return bool(_states_in(folder))


def remove_checkpoint(folder: Path) -> None:
    """Delete the states in a folder, and the folder if nothing else is in it."""
    for state in _states_in(folder):
        _remove_state(state)
    for state in folder.glob(".writing-*"):
        shutil.rmtree(state, ignore_errors=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _read_facts(path: Path) -> dict[str, Any]:
    """Return the facts of a saved state."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        version, facts = state["format"], dict(state["facts"])
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptFileError(f"{path} is damaged ({error!r}). {_ANEW}") from error
    if version != _FORMAT:
        what = f"format {version!r}, this version reads {_FORMAT}"
        raise CorruptFileError(f"{path} is of {what}. {_ANEW}")
    return facts


def _read_all(file: FileIO, room: memoryview) -> None:
    """Fill `room` from the file; a memory-mapped file would count as memory in use."""
    filled = 0
    while filled < len(room):
        got = file.readinto(room[filled : filled + 2**30])
        if not got:
            raise CorruptFileError(f"{file.name} is {len(room) - filled} bytes short. {_ANEW}")
        filled += got
    if file.read(1):
        raise CorruptFileError(f"{file.name} is longer than {len(room)} bytes. {_ANEW}")


def _states_in(folder: Path) -> set[Path]:
    return {path.parent for path in folder.glob(f"job-[0-9]*/{_STATE}")}


def _remove_state(state: Path) -> None:
    """Delete a state, state.json first, so that a partly deleted one is not valid."""
    (state / _STATE).unlink(missing_ok=True)
    shutil.rmtree(state, ignore_errors=True)
