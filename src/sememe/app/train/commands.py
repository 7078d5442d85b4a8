"""`sememe train RECIPE`: one subcommand per recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from sememe.app.train import (
    audio_recipes,
    classifiers,
    image_recipes,
    text_recipes,
    tokenizer,
    whitening,
    words,
)

_RECIPES: tuple[Callable[[], Callable[..., None]], ...] = (
    words.word2vec,
    words.fasttext,
    text_recipes.mlm,
    text_recipes.sentence,
    text_recipes.cross,
    text_recipes.multilingual,
    text_recipes.domain,
    image_recipes.simclr,
    audio_recipes.wav2vec2,
    image_recipes.clip,
    audio_recipes.speech,
    classifiers.classifier,
    classifiers.audio_classifier,
)


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


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    train = typer.Typer(
        name="train", help="Train a model on your own text, images or audio.", no_args_is_help=True
    )
    for make in _RECIPES:
        train.command(cls=LazyCommand)(make)
    train.command()(whitening.mel_statistics)
    train.command()(tokenizer.tokenizer)
    app.add_typer(train)
