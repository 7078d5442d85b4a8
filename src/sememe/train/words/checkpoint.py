"""Checkpoints of a training run, written atomically, so that a run can be killed at any moment.

    <folder>/job-<number>/     the bytes of each array, then state.json, which makes it valid

The previous state is removed once the next one is complete.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._atomic import replace_folder, write_atomically
from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import expect_valid

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
        if done in _find_states(self.folder):
            return
        with replace_folder(done) as fresh:
            for name, array in arrays.items():
                with write_atomically(fresh / name) as file:
                    file.write(array.data.cast("B"))
            state = {"format": _FORMAT, "job": job, "facts": dict(self.facts)}
            with write_atomically(fresh / _STATE) as file:
                file.write(json.dumps(state, ensure_ascii=False).encode())
        for other in _find_states(self.folder) - {done}:
            _remove_state(other)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> int:
        """Fill the arrays with the last saved state and return its job, 0 if there is none.

        Raises:
            InvalidInputError: The state has other parameters or another corpus.
            CorruptFileError: It is damaged or of another version.
        """
        states = _find_states(self.folder)
        if not states:
            return 0
        job, state = max((int(state.name.removeprefix("job-")), state) for state in states)
        self._check(_read_facts(state / _STATE))
        for name, array in arrays.items():
            if not (state / name).is_file():
                raise CorruptFileError(f"{state} lacks {name}. {_ANEW}")
            _read_into(state / name, array.data.cast("B"))
        return job

    def _check(self, kept: Mapping[str, Any]) -> None:
        differ = [
            f"{name}: {kept.get(name)!r} there, {self.facts.get(name)!r} now"
            for name in sorted({*kept, *self.facts})
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
    return bool(_find_states(folder))


def remove_checkpoint(folder: Path) -> None:
    """Delete the states in a folder, and the folder if nothing else is in it."""
    for state in _find_states(folder):
        _remove_state(state)
    for state in folder.glob(".job-[0-9]*"):  # left by a kill
        shutil.rmtree(state, ignore_errors=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _read_facts(path: Path) -> dict[str, Any]:
    """Return the facts of a saved state."""
    with expect_valid(path, cure=_ANEW):
        state = json.loads(path.read_text(encoding="utf-8"))
        version, facts = state["format"], dict(state["facts"])
    if version != _FORMAT:
        what = f"format {version!r}, this version reads {_FORMAT}"
        raise CorruptFileError(f"{path} is of {what}. {_ANEW}")
    return facts


def _read_into(path: Path, memory: memoryview) -> None:
    """Fill `memory` from a file; a memory-mapped one would count as memory in use."""
    expected = len(memory)
    with path.open("rb") as file:
        size = file.readinto(memory)
        if size < expected:
            raise CorruptFileError(f"{path} is {expected - size} bytes short. {_ANEW}")
        if file.read(1):
            raise CorruptFileError(f"{path} is longer than {expected} bytes. {_ANEW}")


def _find_states(folder: Path) -> set[Path]:
    return {path.parent for path in folder.glob(f"job-[0-9]*/{_STATE}")}


def _remove_state(state: Path) -> None:
    """Delete a state under a hidden name, as `remove_checkpoint` does with what a kill leaves."""
    hidden = state.with_name(f".{state.name}.old")
    shutil.rmtree(hidden, ignore_errors=True)
    state.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)
