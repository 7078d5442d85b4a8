"""The command `sememe classify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe.app import terminal
from sememe.app.options import Json, TopK
from sememe.models.weights.catalog import IMAGE_MODEL

if TYPE_CHECKING:
    from sememe.encoders.prediction import Classifier


_FILES = typer.Argument(
    metavar="ITEM...",
    help="Texts, or files: of texts, images or audio, and folders of them.",
)
_LABELS = typer.Option("--labels", help='Labels to choose from, in any language: "고양이,개,배".')
_MODEL = typer.Option(
    "-m",
    "--model",
    help=f"With --labels: a text encoder for texts, a CLIP model or the output of `train clip`, or "
    f"for audio a CLAP model; by default that of texts, and {IMAGE_MODEL}:conse. Without: the "
    f"output of `train text-classifier`, `train classifier` or `train audio-classifier`; by "
    f"default {IMAGE_MODEL}, with 1,000 classes.",
)
_ABSTAIN = typer.Option(
    "--abstain",
    metavar="SHARE",
    help="Texts: give the labels that hold the true one but for this share of texts, as 0.05; none "
    "if no label fits.",
)
_WHY = typer.Option("--why", help="Texts: tell which words or sentences decided.")


def classify(
    items: Annotated[list[str], _FILES],
    labels: Annotated[str | None, _LABELS] = None,
    model: Annotated[str | None, _MODEL] = None,
    top_k: TopK = 3,
    abstain: Annotated[float | None, _ABSTAIN] = None,
    why: Annotated[bool, _WHY] = False,
    as_json: Json = False,
) -> None:
    """Classify texts, images or audio, by your own labels or the classes of a trained model."""
    from sememe.app.files.arguments import list_files
    from sememe.vectors.nearest import check_k

    check_k(top_k, "--top-k")
    classifier = _load_classifier(labels, model, texts=_are_texts(items))
    if classifier.modality == "text":
        from sememe.app.commands.classify_texts import classify_texts

        classify_texts(items, classifier, k=top_k, abstain=abstain, why=why, as_json=as_json)
        return
    if abstain is not None or why:
        raise InvalidInputError("--abstain and --why are for texts; leave them out.")
    paths, skipped = list_files(items, classifier.modality)
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


def _are_texts(items: list[str]) -> bool:
    """Return whether the arguments are texts or files of them, by the first of them."""
    from sememe.app.files.arguments import detect_modality, is_path
    from sememe.sources.formats import format_of

    first = items[0]
    if not is_path(first):
        return detect_modality(first) == "text"
    return Path(first).is_file() and format_of(first)[0] not in ("image", "audio")


def _load_classifier(labels: str | None, model: str | None, *, texts: bool) -> Classifier:
    """Return a zero-shot classifier of labels, or a model that was trained on classes.

    texts: Whether it is to classify texts, where nothing else tells.
    """
    if labels is not None:
        from sememe.app.evaluate.run import split_labels
        from sememe.encoders.load.by_name import load, load_pair
        from sememe.tasks.zero_shot import ZeroShot

        if texts and model is None:
            from sememe.train.classify_text.classifier import usual_base

            model = usual_base()
        if texts and _is_text_classifier(str(model)):
            raise InvalidInputError(
                f"{model} has labels of its own. Leave out --labels, or give an encoder."
            )
        if texts and (encoder := load(str(model))).modality == "text":
            return ZeroShot(encoder, encoder, split_labels(labels))
        return ZeroShot(*load_pair(model or f"{IMAGE_MODEL}:conse"), split_labels(labels))
    from sememe.encoders.classify.load import load_classifier

    if texts and model is None:
        raise InvalidInputError(
            'texts need labels to choose from, --labels "긍정,부정", or a model: -m DIR, the '
            "output of sememe train text-classifier."
        )
    if texts and not _is_text_classifier(str(model)):
        raise InvalidInputError(
            f"{model} is no classifier of texts. Give the folder that sememe train "
            'text-classifier wrote, or labels to choose from: --labels "긍정,부정"'
        )
    return load_classifier(model or IMAGE_MODEL)


def _is_text_classifier(model: str) -> bool:
    from sememe.models.weights.folder import ModelFolder, ModelKind

    return ModelFolder.open(model).kind is ModelKind.TEXT_CLASSIFIER
