"""Fine-tune a network for classification, whatever the modality: read, split, train, report, save.

`finetune_image` and `finetune_audio` supply what differs: reading, the network, its files.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import Skipped
from sememe.evaluate.metrics.confusion import measure_accuracy
from sememe.train.base.device import Compute
from sememe.train.base.hf_callbacks import isolate_rng_and_logging
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table
from sememe.train.base.options import describe_report, note_decline, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.classify import features
from sememe.train.classify.objective import ClassifierObjective, finetune
from sememe.train.classify.report import ClassifierReport, make_report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.encoders.prediction import Classifier
    from sememe.sources.datasets.labelled_data import Labelled
    from sememe.train.base.curve import Curve
    from sememe.train.classify.learner import ClassLearner

_FIFTH = "measured on a held-out fifth, which the network was not trained on"


@dataclass(frozen=True)
class FineTuning(ABC):
    """Fine-tuning of a modality.

    Attributes:
        recipe: The options.
    """

    packages: ClassVar[Sequence[str]]
    recipe_name: ClassVar[str]
    folder_kind: ClassVar[str]
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
    ) -> Labelled:
        """Read the examples of these rows; `skipped` has the unreadable ones.

        folder: For temporary files.
        """

    @abstractmethod
    def export(self, network: Any, classes: tuple[str, ...]) -> tuple[Classifier, Any]:
        """Return a classifier that runs without torch, and what `write` needs."""

    @abstractmethod
    def write(self, folder: Path, tuned: Any) -> None:
        """Write the files of the network into a fresh folder."""

    @abstractmethod
    def facts(self, tuned: Any) -> Mapping[str, Any]:
        """Return facts on the network for sememe.json."""

    def run(
        self,
        data: Labelled,
        aside: Labelled | None,
        notes: tuple[str, ...],
        *,
        checkpoint: str | Path | None,
        show_progress: bool,
    ) -> tuple[Classifier, ClassifierReport, Any]:
        """Train a network; return the classifier, the report and what `save` needs.

        Raises:
            InvalidInputError: Fewer than two classes can be read, or nothing is held out.
            MissingExtraError: A package is not installed.
            FloatingPointError: Training diverged.
        """
        recipe = self.recipe
        for name in self.packages:
            require(name, f"{type(recipe).__name__}.fit with method='finetune'")
        compute = Compute.of(recipe.device, recipe.precision)
        classes = features.check_classes(data, "the data").classes
        with isolate_rng_and_logging():
            network, base = self.open_network(classes)
            facts = {
                "parameters": parameters(recipe),
                "data": _digest(data),
                "evaluate": None if aside is None else _digest(aside),
                "weights of the base": base,
            }
            with checkpoint_folder(checkpoint, facts) as folder:
                train, held = self._split(data, aside, network, folder, show=show_progress)
                objective = ClassifierObjective(
                    network=network,
                    train=(train.items, features.number_labels(train.labels, classes)),
                    held=(held.items, features.number_labels(held.labels, classes)),
                    batch_size=recipe.batch_size,
                    seed=recipe.seed,
                    compute=compute,
                )
                limit = self.max_grad_norm
                curve, predicted = finetune(
                    recipe, objective, folder, max_grad_norm=limit, show=show_progress
                )
            model, tuned = self.export(network, classes)
        if aside is None:
            notes += (_FIFTH,)
        report = self._report(train, held, classes, predicted, curve, notes)
        return model, report, tuned

    def save(self, folder: Path, tuned: Any) -> Path:
        """Write the network, a card and the curve; see `write_trained`."""
        report = self.recipe.report_
        if report.curve is None:
            raise InvalidInputError("nothing is trained yet. Call fit first.")
        facts = {"recipe": self.recipe_name, "parameters": parameters(self.recipe)}
        return write_trained(
            folder,
            self.folder_kind,
            write=lambda fresh: self.write(fresh, tuned),
            facts=lambda: {**self.facts(tuned), **facts, "training": describe_report(report)},
            card=self._card(report, report.curve),
            curve=report.curve,
        )

    def _split(
        self, data: Labelled, aside: Labelled | None, network: Any, folder: Path, *, show: bool
    ) -> tuple[Labelled, Labelled]:
        """Return the examples to train on and the held-out ones, by default a fifth."""
        read = self.read(data, range(len(data)), network, folder / "train-run", show=show)
        train = replace(read, skipped=(*data.skipped, *read.skipped))
        classes = data.classes
        if train.classes != classes:
            reasons = "; ".join(f"{one.source}: {one.reason}" for one in train.skipped[:3])
            raise InvalidInputError(f"a class has no {data.noun} that can be read: {reasons}.")
        if aside is not None:
            held = self._read_held(aside, classes, network, folder / "held-run", show=show)
        else:
            y, groups = features.number_labels(train.labels, classes), features.number_groups(train)
            rows, held_rows = features.hold_out_fifth(y, groups, self.recipe.seed)
            held = replace(train.select(held_rows.tolist()), skipped=())
            train = train.select(rows.tolist())
        if not held.items:
            raise InvalidInputError(features.describe_missing(data, aside, classes))
        return train, held

    def _read_held(
        self, aside: Labelled, classes: tuple[str, ...], network: Any, folder: Path, *, show: bool
    ) -> Labelled:
        known = [row for row, label in enumerate(aside.labels) if label in classes]
        unknown = [
            Skipped(name_item(aside, row), f"its class {label} is not in the training data")
            for row, label in enumerate(aside.labels)
            if label not in classes
        ]
        held = self.read(aside, known, network, folder, show=show)
        return replace(held, skipped=(*aside.skipped, *unknown, *held.skipped))

    def _report(
        self,
        train: Labelled,
        held: Labelled,
        classes: tuple[str, ...],
        predicted: NDArray[np.int64],
        curve: Curve,
        notes: tuple[str, ...],
    ) -> ClassifierReport:
        seed = self.recipe.seed
        truth = features.number_labels(held.labels, classes)
        shuffled = np.random.default_rng(seed).permutation(truth)
        return make_report(
            measure_accuracy(predicted, truth, classes, seed=seed),
            {label: train.labels.count(label) for label in classes},
            train.noun,
            train.skipped,
            held.skipped,
            n_held=len(truth),
            control=float((predicted == shuffled).mean()),
            curve=curve,
            notes=(*notes, *note_decline(curve)),
            kind=ClassifierReport,
        )

    def _card(self, report: ClassifierReport, curve: Curve) -> str:
        recipe = self.recipe
        low, high = report.interval
        results = curve_rows(curve)
        results["accuracy held out"] = f"{report.accuracy:.4f} ({low:.4f} to {high:.4f})"
        results["accuracy on shuffled labels (control)"] = f"{report.control:.4f}"
        noun = "images" if recipe.modality == "image" else "recordings"
        data = f"{sum(report.n_train.values()):,} {noun} of {len(report.n_train)} classes."
        sections = {
            "Use": list(self.card_use),
            "Data": [data, "", *note_lines(report.notes)],
            "Results": table(results),
            "Accuracy by class": table({k: f"{v:.4f}" for k, v in report.per_class.items()}),
            "Settings": table(parameters(recipe)),
        }
        head = {**self.card_head, "tags": ["sememe"]}
        title = f"A classifier, fine-tuned from {recipe.base}"
        return model_card(title, head=head, sections=sections)


def name_item(data: Labelled, row: int) -> str:
    """Return the name of an item in reports: its path, or its kind and number."""
    item = data.items[row]
    return str(item) if isinstance(item, str | Path) else f"{data.noun} {row}"


def _digest(data: Labelled) -> str:
    """Return a hash of the bytes and labels of all items."""
    total = hashlib.sha256()
    for item, label in zip(data.digests(), data.labels, strict=True):
        total.update(item + label.encode("utf-8", "surrogatepass") + b"\0")
    return total.hexdigest()
