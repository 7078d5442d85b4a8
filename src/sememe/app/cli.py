"""The command `sememe`: each subcommand calls the function of the same name and prints its result.

Exit codes: 0 done, 1 failed while running, 2 bad usage or bad input.
"""

from __future__ import annotations

import ctypes
import io
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress

import typer

from sememe._errors import CorruptFileError, IndexLockedError, SememeError
from sememe.app import terminal
from sememe.app.commands import (
    classify,
    cluster,
    demo,
    distil,
    encode,
    fill_mask,
    index,
    mine,
    plot,
    transcribe,
    words,
)
from sememe.app.evaluate import command as evaluate
from sememe.app.lazy_command import LazyCommand, defer
from sememe.app.native_stderr import discard_native_stderr
from sememe.app.train import commands as train

_CTRL_C = 130  # Typer's result for a KeyboardInterrupt
_FAILURES = (CorruptFileError, IndexLockedError)  # while running, not of the input
_COMMANDS: tuple[Callable[..., None], ...] = (
    encode.models,
    encode.embed,
    encode.similar,
    demo.demo,
    index.index,
    index.search,
    index.verify,
    evaluate.evaluate,
    words.neighbors,
    words.analogy,
    distil.distil,
    cluster.cluster,
    mine.mine,
    fill_mask.fill_mask,
    classify.classify,
    plot.show,
    transcribe.transcribe,
)

app = typer.Typer(
    name="sememe",
    help="Search any folder by meaning, offline, in Korean and English alike.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for _command in _COMMANDS:
    app.command(cls=LazyCommand)(defer(_command))
train.register(app)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from sememe import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    >>> main(["--version"])
    0.1.0
    0
    """
    _return_memory()
    if argv is None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal that is not UTF-8
    try:
        with discard_native_stderr() if argv is None else nullcontext():
            result = app(args=list(argv) if argv is not None else None, standalone_mode=False)
        return _report_interrupt() if result == _CTRL_C else int(result or 0)
    except (SememeError, OSError, FloatingPointError) as error:
        _report(str(error), argv)
        is_bad_input = isinstance(error, SememeError) and not isinstance(error, _FAILURES)
        return 2 if is_bad_input else 1
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _report_interrupt()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):
            return 0  # the reader of our output closed it
        raise
    except Exception as error:  # a usage error of click shows itself; any other is a bug
        if not hasattr(error, "show"):
            raise
        error.show()
        _report(getattr(error, "format_message", error.__str__)(), argv, shown=True)
        return int(getattr(error, "exit_code", 2))


def _report(message: str, argv: Sequence[str] | None, *, shown: bool = False) -> None:
    """Print an error on standard error, and with --json a document of it on standard output."""
    if "--json" in (sys.argv if argv is None else argv):
        terminal.print_json({"error": message})
    if not shown:
        typer.echo(f"sememe: {message}", err=True)


def _return_memory() -> None:
    """Have glibc give freed memory back: few heaps that threads share, and large blocks in neither.

    Else a process that has encoded keeps most of what it freed while it goes on to store: with the
    default encoder 719 MB in place of 503.
    """
    if sys.platform == "linux":
        arena_max, mmap_threshold = -8, -3  # M_ARENA_MAX and M_MMAP_THRESHOLD of malloc.h
        with suppress(AttributeError):  # not glibc
            malloc = ctypes.CDLL(None)
            malloc.mallopt(arena_max, 2)
            malloc.mallopt(mmap_threshold, 4_000_000)


def _report_interrupt() -> int:
    typer.echo("sememe: stopped; everything stored so far is kept", err=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
