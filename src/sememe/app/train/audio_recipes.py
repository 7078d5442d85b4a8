"""`sememe train wav2vec2` and `sememe train speech`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app.field_options import Command, Values, name_option
from sememe.app.train.recipe_command import make_recipe, recipe_command
from sememe.app.train.run import describe_curve, is_typed, make_evaluate_option, make_path_argument

if TYPE_CHECKING:
    from sememe.train.speech.report import SpeechReport
    from sememe.train.wav2vec2.report import Wav2Vec2Report


_EVALUATE = "Held-out audio; the best weights on it are kept. Replaces --held-out."


def wav2vec2() -> Command:
    """Train wav2vec 2.0 on audio without labels. Resumes an interrupted run."""
    from sememe.train.wav2vec2.recipe import Wav2Vec2Training

    return recipe_command(
        Wav2Vec2Training,
        make_path_argument("FOLDER", "Folder of audio files, searched recursively; no labels."),
        fit={"labelled": make_evaluate_option("Folder with a folder of audio files per class.")},
        summarise=_summarise_wav2vec2,
        following="sememe embed -m {} AUDIO",
    )


def _summarise_wav2vec2(report: Wav2Vec2Report, written: Path) -> str:
    first, last = report.figures[0], report.figures[-1]
    lines = [
        f"{report.n_sounds:,} audio files of {report.seconds / 60:.1f} minutes: "
        f"{describe_curve(report.curve)} to {written}",
        f"  masked frames predicted: {first.accuracy:.1%} to {last.accuracy:.1%}, by chance "
        f"{last.chance:.1%}",
        f"  codebooks used: {last.usage:.0%}, perplexity {last.perplexity:.1f}",
    ]
    if last.probe is not None and first.probe is not None:
        lines.append(
            f"  linear layer: {first.probe:.4f} on random weights to {last.probe:.4f}, on layer "
            f"{last.best}"
        )
    return "\n".join(lines)


def speech() -> Command:
    """Train a speech recogniser. The same command resumes an interrupted run."""
    from sememe.train.speech.recipe import SpeechTraining

    def make(context: typer.Context, values: Values) -> Any:
        for name in ("size", "sample_rate"):
            if values["base"] is not None and is_typed(context, name):
                own = "is for training from scratch; a base has its own. Leave it out."
                raise InvalidInputError(f"{name_option(name)} {own}")
        return make_recipe(SpeechTraining, values)

    return recipe_command(
        SpeechTraining,
        make_path_argument(
            "TABLE_OR_FOLDER",
            "Table with columns path and text, or a folder of NAME.wav with NAME.txt.",
        ),
        fit={"evaluate": make_evaluate_option(_EVALUATE)},
        make=make,
        summarise=_summarise_speech,
        following="sememe transcribe AUDIO -m {}",
    )


def _summarise_speech(report: SpeechReport, written: Path) -> str:
    best = report.best
    (low, high), (least, most) = best.word_interval, best.character_interval
    return (
        f"{report.n_recordings:,} audio files of {report.seconds_of_speech:,.0f} s, "
        f"{report.vocab_size} letters: {describe_curve(report.curve)} to {written}\n"
        f"  word error rate of {report.n_held:,} held out: {best.word_error_rate:.4f} "
        f"({low:.4f} to {high:.4f}); of the most frequent text alone: {report.control:.4f}\n"
        f"  character error rate: {best.character_error_rate:.4f} ({least:.4f} to {most:.4f})"
    )
