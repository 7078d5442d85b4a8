"""Processes that begin with the heavy packages imported: forked from a server that imported them.

    done = forked.run(main, ["train", "simclr", ...])

A new interpreter that imports torch and transformers computes for eight seconds before it starts.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe.app.cli import main
from sememe.models.weights import catalog
from tests.conftest import AS_INSTALLED, INSTALLED

CONTEXT = multiprocessing.get_context("forkserver")
TRAINING = [
    "torch", "sentence_transformers", "datasets", "accelerate.data_loader", "matplotlib.pyplot",
    "transformers.trainer", "transformers.models.bert.modeling_bert", "torch._dynamo",
    "sememe.train.base.hf_callbacks",
]  # fmt: skip
# Without Lance and Arrow: they start threads. Where the tests of training do not run, no torch.
CONTEXT.set_forkserver_preload(
    (TRAINING if INSTALLED["train"] else ["numba", "sememe.index.index"])
    + ["sememe.app.cli", "tests.forked"]
)
OUTPUTS = ("stdout", "stderr")


def main_as_installed(argv: list[str]) -> int:
    """Run the command with the default encoder that users have."""
    catalog.DEFAULTS[:] = AS_INSTALLED
    return main(argv)


@dataclass(frozen=True)
class Done:
    """How a process ended; the code is -9 where SIGKILL ended it."""

    returncode: int
    stdout: str
    stderr: str


class Started:
    """A process that runs `function(*arguments)`, and exits with what it returns."""

    def __init__(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sememe-forked-")
        for name in OUTPUTS:
            Path(self._folder.name, name).touch()
        given = (function, arguments, self._folder.name, cwd, dict(env or {}))
        self.process = CONTEXT.Process(target=_call, args=given)
        self.process.start()

    def wait(self, timeout: float = 600) -> Done:
        """Return how it ended."""
        self.process.join(timeout)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise TimeoutError(f"a process did not end within {timeout} s")
        with self._folder as folder:
            said = [Path(folder, name).read_text("utf-8") for name in OUTPUTS]
        return Done(code, *said)


def run(function: Callable[..., Any], *arguments: Any, **more: Any) -> Done:
    """Run a function in a process of its own, to its end."""
    return Started(function, *arguments, **more).wait()


def run_script(path: Path, *arguments: str) -> None:
    """Run a Python file as `python FILE ARGUMENTS` does."""
    sys.argv = [str(path), *arguments]
    runpy.run_path(str(path), run_name="__main__")


def killed_at(step: int, *arguments: object) -> int:
    """Train by the command line, killed once a step has been taken; returns the exit code."""
    done = run(_train_killed, step, [str(one) for one in arguments])
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def _call(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    folder: str,
    cwd: Path | None,
    env: Mapping[str, str],
) -> None:
    for number, name in enumerate(OUTPUTS, 1):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY), number)
    os.environ.update(env)
    if cwd is not None:
        os.chdir(cwd)
    gc.freeze()  # what the server imported: a training collects often
    sys.exit(function(*arguments))


def _train_killed(step: int, arguments: list[str]) -> int:
    """Kill this process when a recipe on the torch loop or on transformers' has taken a step."""
    import torch

    from sememe.train.base import hf_callbacks, torch_loop

    torch.set_num_threads(1)
    logs, moves = torch_loop._Run._log, hf_callbacks.Bar.on_step_end

    def log(run: torch_loop._Run[Any]) -> None:
        _kill_if(run.done == step)
        logs(run)

    def on_step_end(
        bar: hf_callbacks.Bar, args: Any, state: Any, control: Any, **more: Any
    ) -> None:
        _kill_if(state.global_step == step)
        moves(bar, args, state, control, **more)

    torch_loop._Run._log = log  # type: ignore[method-assign]
    hf_callbacks.Bar.on_step_end = on_step_end  # type: ignore[method-assign]
    return main(arguments)


def _kill_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)
