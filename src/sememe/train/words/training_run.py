"""One training run: its jobs, checkpoints and report."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._progress import Advance, progress
from sememe.train.base.output_folder import check_room
from sememe.train.base.run_lock import held
from sememe.train.words.checkpoint import Checkpoint
from sememe.train.words.kernels.choose import run_on_nothing
from sememe.train.words.report import TrainingReport
from sememe.train.words.schedule import Schedule, run_jobs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.words.kernels.choose import Step

_NOT_DONE = -1.0  # loss of a job that is not done


@dataclass(frozen=True, slots=True)
class StateKeeping:
    """Where and how often the state of a run is saved, and whether it is kept at the end."""

    folder: Path
    seconds: float
    keep: bool = False


@contextmanager
def hold_state(
    folder: str | os.PathLike[str] | None, seconds: float, *, keep: bool
) -> Iterator[StateKeeping | None]:
    """Lock the folder of checkpoints during a run; None without a folder.

    Raises:
        InvalidInputError: The folder cannot be written, or another run has locked it.
    """
    if folder is None:
        yield None
        return
    check_room(Path(folder))
    with held(Path(folder)):
        yield StateKeeping(Path(folder), seconds, keep=keep)


class Run:
    """The jobs of one `fit`."""

    def __init__(
        self,
        schedule: Schedule,
        arrays: Mapping[str, NDArray[np.float32]],
        *,
        workers: int,
        state: StateKeeping | None,
        facts: Mapping[str, Any],
    ) -> None:
        """Restore a checkpoint, if there is one.

        Args:
            schedule: The jobs.
            arrays: The rows that are trained, in place.
            workers: Number of training threads.
            state: Where checkpoints are saved, if at all.
            facts: Identity of the run; a checkpoint with another one is refused.
        """
        self._schedule = schedule
        self._workers = workers
        self._losses = np.full(schedule.n_jobs, _NOT_DONE, np.float32)
        self._arrays = {**arrays, "losses": self._losses}
        self._seconds = state.seconds if state else math.inf
        self._keep = state is not None and state.keep
        self._checkpoint = Checkpoint(state.folder, facts) if state else None
        self._first = self._checkpoint.restore(self._arrays) if self._checkpoint else 0
        self._training = 0.0

    def go(self, step: Step, *, show_progress: bool) -> None:
        """Run all remaining jobs, saving the state periodically and when interrupted."""
        schedule, job = self._schedule, self._first
        run_on_nothing(step)  # compiles the kernel or loads it from the cache
        with progress("training", total=schedule.n_words, show=show_progress) as advance:
            began = time.perf_counter()
            while job < schedule.n_jobs:
                pause = self._pause(advance, began, job, time.perf_counter() + self._seconds)
                try:
                    run_jobs(
                        schedule, step, self._losses, start=job, workers=self._workers, pause=pause
                    )
                finally:
                    job = self._store()
            self._training = time.perf_counter() - began

    def _store(self) -> int:
        """Save the state if necessary; return the next job.

        Jobs start in order and are finished, unless one failed: then later jobs may be done, and
        the state cannot be resumed from.
        """
        done = self._losses != _NOT_DONE
        job = int(np.count_nonzero(done))
        wanted = job < len(done) or self._keep
        if self._checkpoint and wanted and done[:job].all():
            self._checkpoint.save(job, self._arrays)
        return job

    def _pause(
        self, advance: Advance, began: float, first: int, until: float
    ) -> Callable[[int], bool]:
        """Return the callback before each job, which decides whether to save the state first."""

        def pause(job: int) -> bool:
            now = time.perf_counter()
            done = self._schedule.words_before(job)
            rate = (done - self._schedule.words_before(self._first)) / max(now - began, 1e-9)
            recent = self._losses[max(0, job - 40) : job]
            done_recently = recent[recent != _NOT_DONE]
            loss = f", loss {done_recently.mean():.3f}" if len(done_recently) else ""
            advance(done, f"{rate / 1000:,.0f}k words/s{loss}")
            return bool(self._checkpoint) and now >= until and job > first

        return pause

    def report(
        self, *, reading: float, n_keys: int, n_known: int, notes: Sequence[str]
    ) -> TrainingReport:
        """Return the report of the run."""
        schedule = self._schedule
        passed = schedule.n_words - schedule.words_before(self._first)
        losses = self._losses.reshape(schedule.epochs, -1).mean(axis=1, dtype=np.float64)
        return TrainingReport(
            n_words=schedule.corpus.n_words,
            n_keys=n_keys,
            n_new=n_keys - n_known,
            covered=schedule.corpus.n_kept / schedule.corpus.n_words,
            seconds_reading=reading,
            seconds_training=self._training,
            words_per_second=passed / max(self._training, 1e-9),
            losses=tuple(losses.tolist()),
            resumed_at=schedule.words_before(self._first) / schedule.n_words,
            notes=tuple(notes),
        )

    def forget(self) -> None:
        """Remove the checkpoint after the run, unless it is to be kept."""
        if self._checkpoint and not self._keep:
            self._checkpoint.remove()
