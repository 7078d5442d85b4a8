"""Fine-tune a network to name classes, whatever the modality: read, split, train, report, save.

`finetune_image` and `finetune_audio` supply what differs: reading, the network, what is written.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import Skipped
from sememe.evaluate.metrics.confusion import measure_accuracy
from sememe.space.probe import split_folds
from sememe.train.base.device import Compute
from sememe.train.base.hf_callbacks import isolate_rng_and_logging
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table
from sememe.train.base.options import note_decline, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.classify.features import none_to_measure, several
from sememe.train.classify.objective import finetune
from sememe.train.classify.report import few_note, report_of, skipped_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.encoders.prediction import Classifier
    from sememe.sources.datasets.labelled_data import Labelled
    from sememe.train.base.curve import Curve
    from sememe.train.classify.learner import ClassLearner
    from sememe.train.classify.report import ClassifierReport

_FIFTH = "measured on a held-out fifth, which the network was not trained on"


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples that can be read, and what is left out.

    Attributes:
        items: What the network takes.
        labels: The class of each item.
        groups: The group of each item, () without groups.
        skipped: What cannot be used, and why.
    """

    items: tuple[Any, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    @classmethod
    def of(
        cls, data: Labelled, items: Sequence[Any], rows: Sequence[int], skipped: Sequence[Skipped]
    ) -> Examples:
        """Label items by the rows of the data that they were read from."""
        labels = tuple(data.labels[row] for row in rows)
        groups = tuple(data.groups[row] for row in rows) if data.groups else ()
        return cls(tuple(items), labels, groups, tuple(skipped))

    def numbers(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """Return (n,) the position of each label among the classes."""
        number = {label: i for i, label in enumerate(classes)}
        return np.array([number[label] for label in self.labels], np.int64)

    def select(self, rows: NDArray[np.int64]) -> Examples:
        """Return the examples of these rows; nothing is skipped among them."""
        items = tuple(self.items[i] for i in rows.tolist())
        labels = tuple(self.labels[i] for i in rows.tolist())
        return Examples(items, labels, (), ())


@dataclass(frozen=True)
class FineTuning(ABC):
    """What fine-tuning needs of a modality.

    Attributes:
        recipe: The options.
    """

    packages: ClassVar[tuple[str, ...]]
    recipe_name: ClassVar[str]
    kind: ClassVar[str]
    card_head: ClassVar[Mapping[str, Any]]
    card_use: ClassVar[Sequence[str]]
    max_grad_norm: ClassVar[float | None] = None

    recipe: ClassLearner

    @abstractmethod
    def open_network(self, classes: tuple[str, ...]) -> tuple[Any, str]:
        """Return the base with a new layer for the classes, a `Tunable`, and a hash of weights."""

    @abstractmethod
    def read(
        self, data: Labelled, rows: Sequence[int], network: Any, folder: Path, *, show: bool
    ) -> Examples:
        """Read the examples of these rows, as far as they can be; folder: for temporary files."""

    @abstractmethod
    def export(self, network: Any, classes: tuple[str, ...]) -> tuple[Classifier, Any]:
        """Return the classifier that runs without torch, and what `write` will need."""

    @abstractmethod
    def write(self, folder: Path, tuned: Any) -> None:
        """Write the files of the network into a fresh folder."""

    @abstractmethod
    def facts(self, tuned: Any) -> Mapping[str, Any]:
        """Return what sememe.json records of the network."""

    def run(
        self,
        given: Labelled,
        aside: Labelled | None,
        notes: tuple[str, ...],
        *,
        checkpoint: str | Path | None,
        show_progress: bool,
    ) -> tuple[Classifier, ClassifierReport, Any]:
        """Train a network; return the classifier, the report and what is to be saved.

        Raises:
            InvalidInputError: Fewer than two classes can be read, or nothing to measure with.
            MissingExtraError: A package is not installed.
            FloatingPointError: Training diverged.
        """
        recipe = self.recipe
        for name in self.packages:
            require(name, f"{type(recipe).__name__}.fit with method='finetune'")
        compute = Compute.of(recipe.device, recipe.precision)
        classes = several(given, "the data").classes
        with isolate_rng_and_logging():
            network, base = self.open_network(classes)
            facts = {
                "parameters": parameters(recipe),
                "data": _digest(given),
                "evaluate": None if aside is None else _digest(aside),
                "weights of the base": base,
            }
            with checkpoint_folder(checkpoint, facts) as folder:
                train, held = _split(self, given, aside, network, folder, show=show_progress)
                curve, predicted = finetune(
                    recipe,
                    network,
                    (train.items, train.numbers(classes)),
                    (held.items, held.numbers(classes)),
                    folder,
                    compute=compute,
                    max_grad_norm=self.max_grad_norm,
                    show_progress=show_progress,
                )
            model, tuned = self.export(network, classes)
        if aside is None:
            notes += (_FIFTH,)
        report = _report(recipe, given, train, held, predicted, curve, notes)
        return model, report, tuned

    def save(self, folder: Path, tuned: Any) -> Path:
        """Write the network, a card and the curve.

        Raises:
            InvalidInputError: The folder holds something else.
        """
        recipe = self.recipe
        report = recipe.report_
        if report.curve is None:
            raise InvalidInputError("nothing is trained yet. Call fit first.")
        training = {name: value for name, value in asdict(report).items() if name != "curve"}
        facts = {"recipe": self.recipe_name, "parameters": parameters(recipe), "training": training}
        return write_trained(
            folder,
            self.kind,
            write=lambda fresh: self.write(fresh, tuned),
            facts={**self.facts(tuned), **facts},
            card=_card(self),
            curve=report.curve,
        )


def _split(
    side: FineTuning,
    given: Labelled,
    aside: Labelled | None,
    network: Any,
    folder: Path,
    *,
    show: bool,
) -> tuple[Examples, Examples]:
    """Return the examples to train on and those to measure with, a fifth unless given."""
    train = side.read(given, range(len(given)), network, folder / "train-run", show=show)
    train = replace(train, skipped=(*given.skipped, *train.skipped))
    classes = given.classes
    if set(train.labels) != set(classes):
        reasons = "; ".join(f"{one.source}: {one.reason}" for one in train.skipped[:3])
        raise InvalidInputError(f"a class has no {given.noun} that can be read: {reasons}.")
    if aside is not None:
        held = _read_held(side, aside, classes, network, folder / "held-run", show=show)
        if not held.items:
            raise InvalidInputError(none_to_measure(given, aside, classes))
        return train, held
    y = train.numbers(classes)
    groups = np.unique(train.groups, return_inverse=True)[1] if train.groups else None
    nothing = np.arange(len(y)), np.arange(0)
    learnt, rows = next(split_folds(y, seed=side.recipe.seed, groups=groups), nothing)
    if not len(rows):
        raise InvalidInputError(none_to_measure(given, None, classes))
    return replace(train.select(learnt), skipped=train.skipped), train.select(rows)


def _read_held(
    side: FineTuning,
    aside: Labelled,
    classes: tuple[str, ...],
    network: Any,
    folder: Path,
    *,
    show: bool,
) -> Examples:
    known = [row for row, label in enumerate(aside.labels) if label in classes]
    unknown = [
        Skipped(item_name(aside, row), f"its class {label} is not in the training data")
        for row, label in enumerate(aside.labels)
        if label not in classes
    ]
    held = side.read(aside, known, network, folder, show=show)
    return replace(held, skipped=(*aside.skipped, *unknown, *held.skipped))


def item_name(data: Labelled, row: int) -> str:
    """Return what an item is called in reports: its path, or its kind and number."""
    item = data.items[row]
    return str(item) if isinstance(item, str | Path) else f"{data.noun} {row}"


def _report(
    recipe: ClassLearner,
    given: Labelled,
    train: Examples,
    held: Examples,
    predicted: NDArray[np.int64],
    curve: Curve,
    notes: tuple[str, ...],
) -> ClassifierReport:
    classes = given.classes
    truth = held.numbers(classes)
    shuffled = np.random.default_rng(recipe.seed).permutation(truth)
    n_train = {label: train.labels.count(label) for label in classes}
    return report_of(
        measure_accuracy(predicted, truth, classes, seed=recipe.seed),
        n_train=n_train,
        n_held=len(truth),
        control=float((predicted == shuffled).mean()),
        curve=curve,
        skipped=(*train.skipped, *held.skipped),
        notes=(
            *notes,
            *few_note(n_train, given.noun),
            *note_decline(curve),
            *skipped_note("", train.skipped),
            *skipped_note("held out: ", held.skipped),
        ),
    )


def _digest(data: Labelled) -> str:
    """Return a hash of the bytes and labels of all items."""
    hashed = hashlib.sha256()
    for item, label in zip(data.digests(), data.labels, strict=True):
        hashed.update(item + label.encode("utf-8", "surrogatepass") + b"\0")
    return hashed.hexdigest()


def _card(side: FineTuning) -> str:
    recipe = side.recipe
    report = recipe.report_
    results = {} if report.curve is None else curve_rows(report.curve)
    low, high = report.interval
    results["accuracy held out"] = f"{report.accuracy:.4f} ({low:.4f} to {high:.4f})"
    results["accuracy on shuffled labels (control)"] = f"{report.control:.4f}"
    noun = "images" if recipe.modality == "image" else "recordings"
    sections = {
        "Use": list(side.card_use),
        "Data": [
            f"{sum(report.n_train.values()):,} {noun} of {len(report.n_train)} classes.",
            "",
            *note_lines(report.notes),
        ],
        "Results": table(results),
        "Accuracy by class": table({k: f"{v:.4f}" for k, v in report.per_class.items()}),
        "Settings": table(parameters(recipe)),
    }
    return model_card(
        f"A classifier, fine-tuned from {recipe.base}",
        head={**side.card_head, "tags": ["sememe"]},
        sections=sections,
    )
