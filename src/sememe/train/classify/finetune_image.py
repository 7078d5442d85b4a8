"""Fine-tuning behind `ImageClassifier`: which pictures, the run, and the folder that is saved."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe._types import Skipped
from sememe.encoders.image.encoder import ImageEncoder, ImageModel
from sememe.encoders.text.encoder import digest
from sememe.evaluate.confusion import measured
from sememe.models.image.engine import VisionEngine
from sememe.models.image.folder import GRAPH, KIND, image_facts
from sememe.sources.labelled_data import Labelled
from sememe.sources.pixels import open_image
from sememe.space.classes import folds
from sememe.train.base.device import Compute
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table
from sememe.train.base.options import fell, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.classify.image_batches import TunablePictures
from sememe.train.classify.image_network import WEIGHTS, trainable_image
from sememe.train.classify.objective import finetune
from sememe.train.classify.report import few_note, report_of, skipped_note

if TYPE_CHECKING:
    from sememe.train.classify.image import ImageClassifier
    from sememe.train.classify.image_network import Trainable
    from sememe.train.classify.report import ClassifierReport

_FIFTH = "measured on a fifth held out, which it has not learnt from"


@dataclass(frozen=True, eq=False, slots=True)
class Tuned:
    """What came out: the ONNX file, what sememe.json says of it, and the weights for torch."""

    graph: bytes
    facts: Mapping[str, Any]
    state: Mapping[str, Any]


class _Pictures(NamedTuple):
    """Those to learn from, those to measure with, the classes, and what cannot be read of each."""

    train: Labelled
    held: Labelled
    labels: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    missed: tuple[Skipped, ...]


def finetuned(
    recipe: ImageClassifier,
    given: Labelled,
    aside: Labelled | None,
    notes: tuple[str, ...],
    *,
    checkpoint: str | Path | None,
    show_progress: bool,
) -> tuple[ImageEncoder, ClassifierReport, Tuned]:
    """Train a network; see `ImageClassifier.fit`."""
    for name in ("torch", "safetensors", "onnxscript", "matplotlib", "PIL"):
        require(name, "ImageClassifier.fit with method='finetune'")
    compute = Compute.of(recipe.device, recipe.precision)
    pictures = _divided(given, aside, seed=recipe.seed)
    labels = pictures.labels
    network = _network(recipe, labels)
    facts = {
        "parameters": parameters(recipe),
        "data": _hash(pictures.train),
        "evaluate": _hash(pictures.held),
        "weights of the base": _weights(network.kept),
    }
    train, held = (_numbered(data, labels) for data in (pictures.train, pictures.held))
    with checkpoint_folder(checkpoint, facts) as folder:
        curve, told = finetune(
            recipe,
            TunablePictures(network),
            train,
            held,
            folder,
            compute=compute,
            show_progress=show_progress,
        )
    shuffled = np.random.default_rng(recipe.seed).permutation(held[1])
    n_train = {label: pictures.train.labels.count(label) for label in labels}
    report = report_of(
        measured(told, held[1], labels, seed=recipe.seed),
        n_train=n_train,
        n_held=len(held[1]),
        control=float((told == shuffled).mean()),
        curve=curve,
        skipped=(*pictures.skipped, *pictures.missed),
        notes=(
            *notes,
            *(() if aside is not None else (_FIFTH,)),
            *few_note(n_train, given.noun),
            *fell(curve),
            *skipped_note("", pictures.skipped),
            *skipped_note("held out: ", pictures.missed),
        ),
    )
    tuned = _exported(network, labels)
    return _encoder(recipe, tuned, network.preprocess, labels), report, tuned


def _network(recipe: ImageClassifier, labels: tuple[str, ...]) -> Trainable:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return trainable_image(recipe.base, labels, size=recipe.size)


def _divided(given: Labelled, aside: Labelled | None, *, seed: int) -> _Pictures:
    """Return the pictures that can be read: to learn from, and to measure with."""
    train, skipped = _readable(given)
    labels = train.classes
    missed: tuple[Skipped, ...] = ()
    if aside is None:
        y = np.unique(np.array(train.labels), return_inverse=True)[1]
        learnt, places = next(folds(y, seed=seed), (np.arange(len(y)), np.arange(0)))
        held, train = train.some(places.tolist()), train.some(learnt.tolist())
    else:
        held, missed = _readable(aside, classes=labels)
    if not len(held) or len(labels) < 2:
        raise InvalidInputError(
            "there is no picture to measure with, or one class alone. Give two or more pictures of "
            "each class, or evaluate."
        )
    return _Pictures(train, held, labels, skipped, missed)


def write_finetuned(place: Path, recipe: ImageClassifier, tuned: Tuned) -> Path:
    """Write model.onnx, which runs without torch, its weights, a card and the curve.

    Raises:
        InvalidInputError: The folder holds something else.
    """
    report = recipe.report_
    if report.curve is None:
        raise InvalidInputError("nothing is trained yet. Call fit first.")
    training = {name: value for name, value in asdict(report).items() if name != "curve"}

    def write(fresh: Path) -> None:
        from safetensors.torch import save_file

        (fresh / GRAPH).write_bytes(tuned.graph)
        save_file(dict(tuned.state), str(fresh / WEIGHTS))

    facts = {**tuned.facts, "recipe": "classifier", "parameters": parameters(recipe)}
    return write_trained(
        place,
        KIND,
        write=write,
        facts=facts | {"training": training},
        card=_card(recipe),
        curve=report.curve,
    )


def _readable(
    data: Labelled, *, classes: tuple[str, ...] | None = None
) -> tuple[Labelled, tuple[Skipped, ...]]:
    """Return the pictures that can be opened and are of these classes, and what is left out."""
    known, skipped = [], list(data.skipped)
    for place, (item, label) in enumerate(zip(data.items, data.labels, strict=True)):
        try:
            if classes is not None and label not in classes:
                raise CorruptFileError(f"its class {label} is not learnt")
            open_image(item)
            known.append(place)
        except CorruptFileError as error:
            name = str(item) if isinstance(item, str | Path) else f"picture {place}"
            skipped.append(Skipped(name, str(error)))
    return data.some(known), tuple(skipped)


def _numbered(data: Labelled, labels: tuple[str, ...]) -> tuple[tuple[Any, ...], Any]:
    number = {label: i for i, label in enumerate(labels)}
    return data.items, np.array([number[label] for label in data.labels], np.int64)


def _hash(data: Labelled) -> str:
    found = hashlib.sha256()
    for picture, label in zip(data.digests(), data.labels, strict=True):
        found.update(picture + label.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()


def _weights(module: Any) -> str:
    found = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        found.update(name.encode() + tensor.numpy().tobytes())
    return found.hexdigest()


def _exported(network: Any, labels: tuple[str, ...]) -> Tuned:
    import torch

    from sememe.models.image.export import exported_image

    size = network.preprocess.size
    with torch.no_grad():
        found = network.module(torch.zeros(1, 3, size, size))
    shapes = dict(zip(network.outputs, found, strict=True))
    graph = exported_image(network.module, network.preprocess, outputs=network.outputs)
    facts = image_facts(
        graph,
        preprocess=network.preprocess,
        dim=int(shapes["features"].shape[1]),
        labels=labels,
        maps="map" in shapes,
    )
    if network.facts["library"] in ("timm", "torchvision"):
        facts["network"] = dict(network.facts)
    state = {name: x.contiguous() for name, x in network.kept.state_dict().items()}
    return Tuned(graph, facts, state)


def _encoder(
    recipe: ImageClassifier, tuned: Tuned, preprocess: Any, labels: tuple[str, ...]
) -> ImageEncoder:
    space = digest(
        v=1,
        graph=tuned.facts["sha256"],
        preprocess=preprocess.facts(),
        output="features",
        normalize=True,
    )
    maps, dim = tuned.facts["maps"], tuned.facts["dim"]
    model = ImageModel(f"{recipe.base}, fine-tuned", dim, space, labels=labels, maps=maps)
    return ImageEncoder(model, VisionEngine(lambda: tuned.graph, preprocess))


def _card(recipe: ImageClassifier) -> str:
    report = recipe.report_
    use = ["```python", "import sememe", "", 'sememe.load("this-folder").classify(["a.jpg"])']
    results = {} if report.curve is None else curve_rows(report.curve)
    low, high = report.interval
    results["accuracy held out"] = f"{report.accuracy:.4f} ({low:.4f} to {high:.4f})"
    results["accuracy on shuffled labels (control)"] = f"{report.control:.4f}"
    sections = {
        "Use": [*use, "```", "", "It runs without torch."],
        "Data": [
            f"{sum(report.n_train.values()):,} pictures of {len(report.n_train)} classes.",
            "",
            *note_lines(report.notes),
        ],
        "Results": table(results),
        "Accuracy by class": table({k: f"{v:.4f}" for k, v in report.per_class.items()}),
        "Settings": table(parameters(recipe)),
    }
    head = {"pipeline_tag": "image-classification", "tags": ["sememe"]}
    return model_card(f"A classifier, fine-tuned from {recipe.base}", head=head, sections=sections)
