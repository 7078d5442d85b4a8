"""`sememe train RECIPE`: one subcommand for each thing that can be trained."""

from __future__ import annotations

import typer

from sememe.app.train import (
    audio_classifier,
    audio_recipes,
    classifiers,
    clip,
    cross_encoder,
    domain,
    image_recipes,
    mlm,
    multilingual,
    speech,
    text_recipes,
    tokenizer,
    whitening,
    words,
)

train_app = typer.Typer(
    name="train", help="Train a model on your own text, pictures or sound.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    train_app.command("word2vec")(words.word2vec)
    train_app.command("fasttext")(words.fasttext)
    train_app.command("mlm")(mlm.mlm)
    train_app.command("sentence")(text_recipes.sentence)
    train_app.command("cross")(cross_encoder.cross)
    train_app.command("multilingual")(multilingual.multilingual)
    train_app.command("domain")(domain.domain)
    train_app.command("simclr")(image_recipes.simclr)
    train_app.command("wav2vec2")(audio_recipes.wav2vec2)
    train_app.command("clip")(clip.clip)
    train_app.command("speech")(speech.speech)
    train_app.command("classifier")(classifiers.classifier)
    train_app.command("audio-classifier")(audio_classifier.audio_classifier)
    train_app.command("mel-statistics")(whitening.mel_statistics)
    train_app.command("tokenizer")(tokenizer.tokenizer)
    app.add_typer(train_app)
