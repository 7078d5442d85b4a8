"""Schedule of training: every block once per epoch, with a learning rate that falls linearly.

A job is one block in one epoch. Its block, learning rates and random numbers depend only on its
number, so that a run can be resumed at any job.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sememe.train.words.corpus.encoded import EncodedCorpus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.words.kernels.choose import Step


@dataclass(frozen=True)
class Schedule:
    """Epochs over a corpus, and the learning rates at the first and after the last word."""

    corpus: EncodedCorpus
    epochs: int
    learning_rate: float
    min_learning_rate: float
    seed: int

    @property
    def n_jobs(self) -> int:
        """Blocks times epochs."""
        return self.corpus.n_blocks * self.epochs

    @property
    def n_words(self) -> int:
        """Number of words in all epochs, including those outside the vocabulary."""
        return self.corpus.n_words * self.epochs

    @cached_property
    def _passed(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.corpus.words)])

    def words_before(self, job: int) -> int:
        """Return the number of words of all earlier jobs."""
        epoch, block = divmod(job, self.corpus.n_blocks)
        return epoch * self.corpus.n_words + int(self._passed[block])

    def rate_at(self, job: int) -> float:
        """Return the learning rate at the start of a job."""
        done = self.words_before(job) / self.n_words
        return self.learning_rate + (self.min_learning_rate - self.learning_rate) * done

    def seed_of(self, job: int) -> np.uint64:
        """Return the initial random state of a job, never 0."""
        epoch, block = divmod(job, self.corpus.n_blocks)
        mixed = np.random.SeedSequence([self.seed, epoch, block]).generate_state(1, np.uint64)[0]
        return np.uint64(mixed | np.uint64(1))


def run_jobs(
    schedule: Schedule,
    step: Step,
    losses: NDArray[np.float32],
    *,
    start: int,
    workers: int,
    pause: Callable[[int], bool],
) -> None:
    """Run the jobs from `start` in `workers` threads.

    step: See `make_step`; it releases the interpreter lock. losses: (n_jobs,), filled in. pause:
    Called with the number of each job before it starts; once it returns True no job is started,
    and running ones are finished. Exceptions are raised after all threads have stopped.
    """
    lock, stopped = threading.Lock(), threading.Event()
    jobs = iter(range(start, schedule.n_jobs))
    failures: list[BaseException] = []

    def take() -> int | None:
        with lock:
            job = None if stopped.is_set() else next(jobs, None)
            if job is None or pause(job):
                stopped.set()
                return None
            return job

    def work() -> None:
        try:
            while (job := take()) is not None:
                numbers = schedule.corpus.read(job % schedule.corpus.n_blocks)
                rates = schedule.rate_at(job), schedule.rate_at(job + 1)
                losses[job] = step(numbers, *rates, schedule.seed_of(job))
        except BaseException as error:
            stopped.set()
            failures.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:  # Ctrl-C
        stopped.set()
        for thread in threads:
            if thread.is_alive():  # one that has not started yet will see the stop
                thread.join()
        raise
    if failures:
        raise failures[0]
