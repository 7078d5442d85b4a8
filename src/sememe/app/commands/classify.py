"""The command `sememe classify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe.app import terminal as show
from sememe.models.weights.catalog import IMAGE_MODEL

if TYPE_CHECKING:
    from sememe._types import Modality
    from sememe.encoders.prediction import Classifier

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(classify)


def classify(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Pictures or recordings, or folders of them."),
    ],
    labels: Annotated[
        str | None,
        typer.Option("--labels", help='What they may be of, in any language: "고양이,개,배".'),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help=f"With --labels: {IMAGE_MODEL}:conse unless told, a CLIP model, what `train "
            f"clip` wrote, or for recordings a CLAP model. Without: what `train classifier` or "
            f"`train audio-classifier` wrote, or {IMAGE_MODEL}, which names 1,000 classes.",
        ),
    ] = None,
    top_k: Annotated[int, typer.Option("-k", "--top-k", help="How many guesses.")] = 3,
    as_json: Json = False,
) -> None:
    """Say what pictures or recordings are of: by labels of yours, or classes that were taught."""
    from sememe.vectors.nearest import check_k

    check_k(top_k, "--top-k")
    classifier = _load_classifier(labels, model)
    paths, skipped = given_files(files, classifier.modality)
    ranked, failed = classifier.classify_with_failures(paths, k=top_k) if paths else ([], {})
    skipped |= {paths[index]: why for index, why in failed.items()}
    rows = [(path, best) for path, best in zip(paths, ranked, strict=True) if best]
    if as_json:
        guesses = [
            {"source": path, "guesses": [one._asdict() for one in best]} for path, best in rows
        ]
        show.as_json(guesses)
    else:
        for path, best in rows:
            line = ", ".join(f"{label} {probability:.2f}" for label, probability in best)
            typer.echo(show.visible(f"{path}: {line}"))
    for source, why in skipped.items():
        typer.echo(show.visible(f"skipped {source}: {why}"), err=True)
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


def given_files(arguments: list[str], modality: Modality) -> tuple[list[str], dict[str, str]]:
    """Return the paths of pictures or recordings, in folders too, and why others are left out."""
    from sememe._types import Skipped
    from sememe.sources import find_files
    from sememe.sources.formats import format_of

    paths: list[str] = []
    skipped: dict[str, str] = {}
    for argument in arguments:
        root = Path(argument)
        if not root.exists():
            raise InvalidInputError(f"{argument}: no such file or folder. Give {noun(modality)}s.")
        for file in find_files(root):
            if isinstance(file, Skipped):
                skipped[file.source] = file.reason
            elif format_of(file.path.name)[0] == modality or not root.is_dir():
                paths.append(str(file.path))
    return paths, skipped
