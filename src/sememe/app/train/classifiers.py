"""`sememe train classifier`, `audio-classifier` and `text-classifier`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.field_options import Command, Values, name_option
from sememe.app.train.recipe_command import make_recipe, recipe_command
from sememe.app.train.run import (
    check_free,
    describe_curve,
    fit_and_save,
    is_typed,
    make_evaluate_option,
    make_path_argument,
    train_and_save,
)

if TYPE_CHECKING:
    from sememe.train.classify.learner import ClassLearner
    from sememe.train.classify.report import ClassifierReport
    from sememe.train.classify_text.classifier import TextClassifier
    from sememe.train.classify_text.report import TextClassifierReport

_TUNING = (
    "epochs", "evaluations", "batch_size", "learning_rate", "weight_decay", "warmup", "size",
    "seconds",
)  # fmt: skip
_SUSPECTS = 5  # labels to look at that are shown; --json has all
_EVALUATE = make_evaluate_option("Such data to evaluate on; by default a fifth is held out.")


def classifier() -> Command:
    """Train a classifier of images on your own classes. Fine-tuning resumes after a stop."""
    from sememe.train.classify.image import ImageClassifier

    data = make_path_argument("FOLDER", "Folder with a folder of images per class.")
    return _make_command(ImageClassifier, data, "images", "IMAGE")


def audio_classifier() -> Command:
    """Train a classifier of audio on your own classes. Fine-tuning resumes after a stop."""
    from sememe.train.classify.audio import AudioClassifier

    data = make_path_argument(
        "DATA", "Folder with a folder of audio files per class, or a table of path and label."
    )
    return _make_command(AudioClassifier, data, "audio files", "AUDIO")


def text_classifier() -> Command:
    """Train a classifier of texts on your own labels: 8 to 8,000 examples, in seconds."""
    from sememe.train.classify_text.classifier import TextClassifier

    data = make_path_argument(
        "DATA", "Table of text and label (.csv, .tsv, .jsonl, .parquet), or a folder per class."
    )
    return recipe_command(
        TextClassifier,
        data,
        fit={"evaluate": make_evaluate_option("Such data to evaluate on besides.")},
        train=_train_probe,
        summarise=_summarise_texts,
        following="sememe classify TEXT -m {}",
    )


def _make_command(recipe: type[ClassLearner], data: Any, noun: str, example: str) -> Command:
    return recipe_command(
        recipe,
        data,
        fit={"evaluate": _EVALUATE},
        make=partial(_make_learner, recipe),
        train=_train_classifier,
        summarise=partial(_summarise, noun),
        following=f"sememe classify {example} -m {{}}",
    )


def _make_learner(recipe: type[ClassLearner], context: typer.Context, values: Values) -> Any:
    """Return the recipe; refuse options that would have no effect."""
    for name in _TUNING:
        if values["method"] != "finetune" and is_typed(context, name):
            raise InvalidInputError(f"{name_option(name)} is for --method finetune; leave it out.")
    if values["shots"] is None and is_typed(context, "draws"):
        raise InvalidInputError("--draws goes with --shots; leave it out.")
    return make_recipe(recipe, values)


def _train_classifier(
    training: ClassLearner, data: Path, output: Path, *, overwrite: bool, **more: Any
) -> Path:
    """Fine-tune, with a state to resume from, or fit a probe."""
    if training.method == "finetune":
        return train_and_save(training, data, output, overwrite=overwrite, **more)
    return _train_probe(training, data, output, overwrite=overwrite, **more)


def _train_probe(
    training: ClassLearner | TextClassifier,
    data: Path,
    output: Path,
    *,
    overwrite: bool,
    **more: Any,
) -> Path:
    """Fit and save what is trained in seconds, without a state to resume from."""
    from sememe.train.classify.learner import check_probe_folder

    check_free(output, overwrite=overwrite)
    check_probe_folder(output)
    return fit_and_save(training, data, output, **more)


def _summarise_texts(report: TextClassifierReport, written: Path) -> str:
    parts = ", ".join(f"{name} {weight:.2f}" for name, weight in report.parts.items())
    lines = [
        _summarise("texts", report, written),
        f"  always the most frequent label: {report.majority:.4f}; F1 macro {report.macro_f1:.4f}, "
        f"weighted {report.weighted_f1:.4f}",
        f"  calibration error {report.calibration_error:.4f} "
        f"(before calibration {report.raw_calibration_error:.4f}); weights of {parts}",
    ]
    if report.grading is not None:
        mae, kappa = report.grading.macro_mae, report.grading.kappa
        lines.append(
            f"  grades: mean absolute error (macro) {mae:.4f}, quadratic kappa {kappa:.4f}"
        )
    if report.suspects:
        lines.append("labels to look at, the most doubtful first:")
    for one in report.suspects[:_SUSPECTS]:
        text = terminal.shorten(one.text)
        words = f"  {one.label} ({one.probability:.2f}), rather {one.told}: {text}"
        lines.append(terminal.escape_controls(words))
    return "\n".join(lines)


def _summarise(noun: str, report: ClassifierReport, written: Path) -> str:
    low, high = report.interval
    n = sum(report.n_train.values())
    lines = [
        f"{n:,} {noun} of {len(report.n_train)} classes to {written}",
        f"  accuracy on {report.n_held:,} held out: {report.accuracy:.4f} ({low:.4f} to "
        f"{high:.4f}); learnt from shuffled labels: {report.control:.4f}",
    ]
    if report.curve is not None:
        lines.append(f"  {describe_curve(report.curve)}")
    if (few := report.few_shot) is not None:
        lines.append(
            f"  {few.shots} of each class, {len(few.accuracies)} draws: {few.mean:.4f} ± "
            f"{few.deviation:.4f} (shuffled labels: {few.control:.4f})"
        )
    worst = sorted(report.per_class.items(), key=lambda pair: pair[1])
    lines += [f"  {terminal.escape_controls(label)}: {value:.4f}" for label, value in worst]
    lines += [f"  {line}" for line in map(terminal.describe_confusion, report.confused)]
    return "\n".join(lines)
