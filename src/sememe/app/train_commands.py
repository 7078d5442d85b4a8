"""`sememe train RECIPE`: one subcommand for each thing that can be trained."""

from __future__ import annotations

import typer

from sememe.app import (
    train_audio_classifier,
    train_classifier,
    train_clip,
    train_cross,
    train_domain,
    train_mlm,
    train_multilingual,
    train_sentence,
    train_simclr,
    train_sound_scale,
    train_speech,
    train_tokenizer,
    train_wav2vec2,
    train_words,
)

train_app = typer.Typer(
    name="train", help="Train a model on your own text, pictures or sound.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    train_app.command("word2vec")(train_words.word2vec)
    train_app.command("fasttext")(train_words.fasttext)
    train_app.command("mlm")(train_mlm.mlm)
    train_app.command("sentence")(train_sentence.sentence)
    train_app.command("cross")(train_cross.cross)
    train_app.command("multilingual")(train_multilingual.multilingual)
    train_app.command("domain")(train_domain.domain)
    train_app.command("simclr")(train_simclr.simclr)
    train_app.command("wav2vec2")(train_wav2vec2.wav2vec2)
    train_app.command("clip")(train_clip.clip)
    train_app.command("speech")(train_speech.speech)
    train_app.command("classifier")(train_classifier.classifier)
    train_app.command("audio-classifier")(train_audio_classifier.audio_classifier)
    train_app.command("mel-statistics")(train_sound_scale.mel_statistics)
    train_app.command("tokenizer")(train_tokenizer.tokenizer)
    app.add_typer(train_app)
