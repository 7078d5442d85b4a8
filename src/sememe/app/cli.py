"""The command `sememe`: each subcommand calls the function of the same name and shows what it gave.

Exit codes: 0 done, 1 failed while running, 2 bad usage or bad input.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from sememe._errors import CorruptFileError, IndexLockedError, SememeError
from sememe.app import encode_commands, index_commands

app = typer.Typer(
    name="sememe",
    help="Search any folder by meaning, offline, in Korean and English alike.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
encode_commands.register(app)
index_commands.register(app)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version and stop."),
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
    try:
        result = app(args=list(argv) if argv is not None else None, standalone_mode=False)
        return int(result or 0)
    except SememeError as error:
        typer.echo(f"sememe: {error}", err=True)
        return 1 if isinstance(error, CorruptFileError | IndexLockedError) else 2
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("sememe: stopped; what was stored before stays stored", err=True)
        return 1
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 0
    except OSError as error:
        typer.echo(f"sememe: {error}", err=True)
        return 1
    except Exception as error:
        return _usage_error(error)


def _usage_error(error: Exception) -> int:
    """Show what click found wrong with the arguments; anything else is ours and is raised."""
    show = getattr(error, "show", None)
    if show is None:
        raise error
    show()
    return int(getattr(error, "exit_code", 2))


if __name__ == "__main__":
    sys.exit(main())
