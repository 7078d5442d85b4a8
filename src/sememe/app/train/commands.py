"""`sememe train RECIPE`: one subcommand per recipe."""

from __future__ import annotations

from collections.abc import Callable

import typer

from sememe.app.lazy_command import LazyCommand
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
    classifiers.text_classifier,
)


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
