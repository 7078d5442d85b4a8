"""One training run: its jobs, checkpoints and report."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._progress import Advance, progress
from sememe.train.base.output_folder import check_room
from sememe.train.base.run_lock import hold
from sememe.train.words.checkpoint import Checkpoint, remove_checkpoint
from sememe.train.words.kernels.choose import run_on_nothing
from sememe.train.words.report import TrainingReport
from sememe.train.words.schedule import Schedule, run_jobs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.words.kernels.choose import Step
    from sememe.vectors.record import StrPath

_NOT_DONE = -1.0  # loss of a job that is not done


@dataclass(frozen=True, slots=True)
class StateKeeping:
    """Where and how often the state of a run is saved, and whether it is kept at the end."""

    folder: Path
    seconds: float
    keep: bool = False


@contextmanager
def hold_state(
    folder: StrPath | None, seconds: float, *, keep: bool
) -> Iterator[StateKeeping | None]:
    """Lock the folder of checkpoints during a run, after `check_room`; None without a folder."""
    if folder is None:
        yield None
        return
    check_room(Path(folder))
    with hold(Path(folder)):
        yield StateKeeping(Path(folder), seconds, keep=keep)


@dataclass(eq=False)
class Run:
    """The jobs of one `fit`, from a checkpoint if there is one.

    Attributes:
        schedule: The jobs.
        arrays: The rows to train, updated in place.
        workers: Number of training threads.
        state: Where checkpoints are saved, if at all.
        facts: Identity of the run; a checkpoint with another one is refused.
    """

    schedule: Schedule
    arrays: Mapping[str, NDArray[np.float32]]
    workers: int
    state: StateKeeping | None
    facts: Mapping[str, Any]

    def __post_init__(self) -> None:
        self._losses = np.full(self.schedule.n_jobs, _NOT_DONE, np.float32)
        self._arrays = {**self.arrays, "losses": self._losses}
        self._checkpoint = Checkpoint(self.state.folder, self.facts) if self.state else None
        self._first = self._checkpoint.restore(self._arrays) if self._checkpoint else 0
        self._training = 0.0

    def go(self, step: Step, *, show_progress: bool) -> None:
        """Run all remaining jobs, saving the state periodically and when interrupted."""
        schedule, job = self.schedule, self._first
        seconds = self.state.seconds if self.state else math.inf
        run_on_nothing(step)  # compiles the kernel or loads it from the cache
        with progress("training", total=schedule.n_words, show=show_progress) as advance:
            began = time.perf_counter()
            while job < schedule.n_jobs:
                pause = self._pause(advance, began, job, time.perf_counter() + seconds)
                try:
                    run_jobs(
                        schedule, step, self._losses, start=job, workers=self.workers, pause=pause
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
        wanted = job < len(done) or (self.state is not None and self.state.keep)
        if self._checkpoint and wanted and done[:job].all():
            self._checkpoint.save(job, self._arrays)
        return job

    def _pause(
        self, advance: Advance, began: float, first: int, until: float
    ) -> Callable[[int], bool]:
        """Return the callback before each job, which decides whether to save the state first."""

        def pause(job: int) -> bool:
            now = time.perf_counter()
            done = self.schedule.words_before(job)
            rate = (done - self.schedule.words_before(self._first)) / max(now - began, 1e-9)
            recent = self._losses[max(0, job - 40) : job]
            recent = recent[recent != _NOT_DONE]
            loss = f", loss {recent.mean():.3f}" if len(recent) else ""
            advance(done, f"{rate / 1000:,.0f}k words/s{loss}")
            return bool(self._checkpoint) and now >= until and job > first

        return pause

    def report(
        self, *, reading: float, n_keys: int, n_known: int, notes: Sequence[str]
    ) -> TrainingReport:
        """Return the report of the run."""
        schedule, corpus = self.schedule, self.schedule.corpus
        before = schedule.words_before(self._first)
        losses = self._losses.reshape(schedule.epochs, -1).mean(axis=1, dtype=np.float64)
        return TrainingReport(
            n_words=corpus.n_words,
            n_keys=n_keys,
            n_new=n_keys - n_known,
            covered=corpus.n_kept / corpus.n_words,
            seconds_reading=reading,
            seconds_training=self._training,
            words_per_second=(schedule.n_words - before) / max(self._training, 1e-9),
            losses=tuple(losses.tolist()),
            resumed_at=before / schedule.n_words,
            notes=tuple(notes),
        )

    def forget(self) -> None:
        """Remove the checkpoint after the run, unless it is to be kept."""
        if self.state and not self.state.keep:
            remove_checkpoint(self.state.folder)
