"""The command `sememe classify`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe.app import terminal
from sememe.app.options import Json, TopK
from sememe.models.weights.catalog import IMAGE_MODEL

if TYPE_CHECKING:
    from sememe._types import Modality
    from sememe.encoders.classify.probe_classifier import Judge
    from sememe.encoders.prediction import Guess

_Predictions = tuple[list[list["Guess"]], dict[int, str]]
_Predict = Callable[[list[str], int], _Predictions]


def classify(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Images or recordings, or folders of them."),
    ],
    labels: Annotated[
        str | None,
        typer.Option("--labels", help='Labels to choose from, in any language: "고양이,개,배".'),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help=f"With --labels: a CLIP model, the output of `train clip`, or for recordings a "
            f"CLAP model; by default {IMAGE_MODEL}:conse. Without: the output of `train "
            f"classifier` or `train audio-classifier`; by default {IMAGE_MODEL}, with 1,000 "
            "classes.",
        ),
    ] = None,
    top_k: TopK = 3,
    as_json: Json = False,
) -> None:
    """Classify images or recordings, by your own labels or the classes of a trained model."""
    from sememe.app.files.arguments import list_files
    from sememe.vectors.nearest import check_k

    check_k(top_k, "--top-k")
    modality, predict = _open_classifier(labels, model)
    paths, skipped = list_files(files, modality)
    predictions, reasons = predict(paths, top_k) if paths else ([], {})
    skipped |= {paths[i]: reason for i, reason in reasons.items()}
    rows = [(path, best) for path, best in zip(paths, predictions, strict=True) if best]
    if as_json:
        terminal.print_json(
            [{"source": path, "guesses": [one._asdict() for one in best]} for path, best in rows]
        )
    else:
        for path, best in rows:
            labelled = ", ".join(f"{label} {probability:.2f}" for label, probability in best)
            typer.echo(terminal.escape_controls(f"{path}: {labelled}"))
    terminal.print_skipped(skipped.items())
    if not rows:
        raise InvalidInputError(f"no {noun(modality)} could be read; the reasons are above")


def _open_classifier(labels: str | None, model: str | None) -> tuple[Modality, _Predict]:
    """Return the modality classified, and a function (paths, k) -> predictions, failures."""
    if labels is not None:
        from sememe.app.evaluate.run import split_labels
        from sememe.encoders.load.joint import load_pair
        from sememe.tasks.zero_shot import ZeroShot

        pair = load_pair(model or f"{IMAGE_MODEL}:conse")
        zero_shot = ZeroShot(*pair, split_labels(labels))
        return pair[0].modality, lambda paths, k: zero_shot.classify_readable(paths, k=k)
    from sememe.encoders.prediction import best_guesses

    classifier = _load_classifier(model or IMAGE_MODEL)

    def predict(paths: list[str], k: int) -> _Predictions:
        rows, reasons = classifier.probabilities_readable(paths)
        best = [
            [] if i in reasons else best_guesses(classifier.labels, row, k)
            for i, row in enumerate(rows)
        ]
        return best, reasons

    return classifier.modality, predict


def _load_classifier(model: str) -> Judge:
    """Return a model with classes: a classifier trained by sememe, or a network with labels."""
    from sememe.encoders.classify.probe_classifier import is_class_probe, load_class_probe
    from sememe.encoders.classify.speech_classifier import is_speech_classifier, load_speech_classes
    from sememe.encoders.image.encoder import ImageEncoder
    from sememe.encoders.load.by_name import load

    if is_class_probe(Path(model)):
        return load_class_probe(model)
    if is_speech_classifier(Path(model)):
        return load_speech_classes(model)
    encoder = load(model)
    if not isinstance(encoder, ImageEncoder) or not encoder.labels:
        raise InvalidInputError(f'{model} has no classes. Give labels: --labels "cat,dog,ship"')
    return encoder
