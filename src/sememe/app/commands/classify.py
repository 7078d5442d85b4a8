"""The command `sememe classify`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe.app import terminal as show
from sememe.models.weights.catalog import IMAGE_MODEL

if TYPE_CHECKING:
    from sememe._types import Modality
    from sememe.encoders.classify.probe_classifier import Judge
    from sememe.encoders.prediction import Guess

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
_Readable = tuple[list[list["Guess"]], dict[int, str]]
_Judge = Callable[[list[str], int], _Readable]


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
    modality, judge = _judge(labels, model)
    paths, skipped = given_files(files, modality)
    found, reasons = judge(paths, top_k) if paths else ([], {})
    skipped |= {paths[place]: why for place, why in reasons.items()}
    rows = [(path, best) for path, best in zip(paths, found, strict=True) if best]
    if as_json:
        guesses = [
            {"source": path, "guesses": [guess._asdict() for guess in best]} for path, best in rows
        ]
        show.as_json(guesses)
    else:
        for path, best in rows:
            told = ", ".join(f"{label} {probability:.2f}" for label, probability in best)
            typer.echo(show.visible(f"{path}: {told}"))
    for source, why in skipped.items():
        typer.echo(show.visible(f"skipped {source}: {why}"), err=True)
    if not rows:
        raise InvalidInputError(f"no {noun(modality)} could be read; the reasons are above")


def _judge(labels: str | None, model: str | None) -> tuple[Modality, _Judge]:
    """Return what is classified, and how: (paths, k) -> guesses, and why others have none."""
    if labels is not None:
        from sememe.app.evaluate.run import split_labels
        from sememe.encoders.load.joint import load_pair
        from sememe.tasks.zero_shot import ZeroShot

        pair = load_pair(model or f"{IMAGE_MODEL}:conse")
        untaught = ZeroShot(*pair, split_labels(labels))
        return pair[0].modality, lambda paths, k: untaught.classify_readable(paths, k=k)
    from sememe.encoders.prediction import best_guesses

    judge = _taught(model or IMAGE_MODEL)

    def guesses(paths: list[str], k: int) -> _Readable:
        rows, reasons = judge.probabilities_readable(paths)
        found = [
            [] if place in reasons else best_guesses(judge.labels, row, k)
            for place, row in enumerate(rows)
        ]
        return found, reasons

    return judge.modality, guesses


def _taught(model: str) -> Judge:
    """Return what was taught classes: a classifier that was trained here, or a network."""
    from sememe.encoders.classify.probe_classifier import is_class_probe, load_class_probe
    from sememe.encoders.classify.speech_classifier import is_speech_classifier, load_speech_classes
    from sememe.encoders.image.encoder import ImageEncoder
    from sememe.encoders.load.by_name import load

    if is_class_probe(Path(model)):
        return load_class_probe(model)
    if is_speech_classifier(Path(model)):
        return load_speech_classes(model)
    found = load(model)
    if not isinstance(found, ImageEncoder) or not found.labels:
        raise InvalidInputError(
            f"{model} was taught no classes. Say what the pictures may be of: --labels "
            '"cat,dog,ship"'
        )
    return found


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
