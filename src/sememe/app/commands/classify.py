"""The command `sememe classify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe.app import terminal
from sememe.app.options import Json, TopK
from sememe.models.weights.catalog import IMAGE_MODEL

if TYPE_CHECKING:
    from sememe.encoders.prediction import Classifier


_FILES = typer.Argument(metavar="FILE...", help="Images or audio files, or folders of them.")
_LABELS = typer.Option("--labels", help='Labels to choose from, in any language: "고양이,개,배".')
_MODEL = typer.Option(
    "-m",
    "--model",
    help=f"With --labels: a CLIP model, the output of `train clip`, or for audio a CLAP model; by "
    f"default {IMAGE_MODEL}:conse. Without: the output of `train classifier` or `train "
    f"audio-classifier`; by default {IMAGE_MODEL}, with 1,000 classes.",
)


def classify(
    files: Annotated[list[str], _FILES],
    labels: Annotated[str | None, _LABELS] = None,
    model: Annotated[str | None, _MODEL] = None,
    top_k: TopK = 3,
    as_json: Json = False,
) -> None:
    """Classify images or audio files, by your own labels or the classes of a trained model."""
    from sememe.app.files.arguments import list_files
    from sememe.vectors.nearest import check_k

    check_k(top_k, "--top-k")
    classifier = _load_classifier(labels, model)
    paths, skipped = list_files(files, classifier.modality)
    predictions, failed = classifier.classify_with_failures(paths, k=top_k) if paths else ([], {})
    skipped |= {paths[i]: reason for i, reason in failed.items()}
    rows = [(path, best) for path, best in zip(paths, predictions, strict=True) if best]
    if as_json:
        guesses = [(path, [one._asdict() for one in best]) for path, best in rows]
        terminal.print_json([{"source": path, "guesses": best} for path, best in guesses])
    else:
        for path, best in rows:
            labelled = ", ".join(f"{label} {probability:.2f}" for label, probability in best)
            typer.echo(terminal.escape_controls(f"{path}: {labelled}"))
    terminal.print_skipped(skipped.items())
    if not rows:
        what = noun(classifier.modality)
        raise InvalidInputError(f"no {what} could be read; the reasons are above")


def _load_classifier(labels: str | None, model: str | None) -> Classifier:
    """Return a zero-shot classifier of labels, or a model that was trained on classes."""
    if labels is not None:
        from sememe.app.evaluate.run import split_labels
        from sememe.encoders.load.by_name import load_pair
        from sememe.tasks.zero_shot import ZeroShot

        return ZeroShot(*load_pair(model or f"{IMAGE_MODEL}:conse"), split_labels(labels))
    from sememe.encoders.classify.load import load_classifier

    return load_classifier(model or IMAGE_MODEL)
