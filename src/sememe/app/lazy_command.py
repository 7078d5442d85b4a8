"""Commands whose options are made when they are used, not whenever any command is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command


class LazyCommand(TyperCommand):
    """A command made on first use: the function registered returns it, its docstring is the help.

    Listing commands imports no recipe.
    """

    def __init__(self, *arguments: Any, callback: Callable[[], Any], **options: Any) -> None:
        super().__init__(*arguments, callback=callback, **options)
        self._make = callback
        del self.params, self.callback

    def __getattr__(self, name: str) -> Any:
        if name not in ("params", "callback"):
            raise AttributeError(name)
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(self._make())
        made = get_command(app)
        self.params, self.callback = made.params, made.callback
        return getattr(self, name)


def defer(command: Callable[..., None]) -> Callable[[], Callable[..., None]]:
    """Return the function that `LazyCommand` calls for a command that exists already."""

    def make() -> Callable[..., None]:
        return command

    make.__name__, make.__doc__ = command.__name__, command.__doc__
    return make
