"""What learning classes from examples shares, of pictures and of recordings.

`sememe.train.classify.image` and `sememe.train.classify.audio` are made of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, get_args

import numpy as np

from sememe._atomic import replace_folder
from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe._persistence import made_by
from sememe._types import Modality, Skipped
from sememe.encoders.base import raise_failures
from sememe.encoders.classify.probe_classifier import (
    ProbeClassifier,
    load_probe_classifier,
)
from sememe.evaluate.data.folds import read_groups
from sememe.evaluate.metrics.confusion import measure_accuracy
from sememe.evaluate.runners.few_shot import (
    FewShot,
    ProbeKind,
    draw_shots,
    few_shot,
    new_probe,
)
from sememe.evaluate.unit_vectors import check_encoder_of
from sememe.sources.datasets.labelled import read_labelled
from sememe.sources.datasets.labelled_data import Labelled, describe_layout
from sememe.space.kernel_probe import MAX_KERNEL_EXAMPLES
from sememe.space.probe import split_folds
from sememe.train.base.device import is_main_process
from sememe.train.base.options import LoopRecipe, check, get_report, option, parameters, rule
from sememe.train.base.output_folder import is_replaceable, refuse_others
from sememe.train.classify.features import asked_rows, learnt_rows, none_to_measure, several
from sememe.train.classify.report import (
    ClassifierReport,
    few_note,
    report_of,
    shared_note,
    skipped_note,
    without_copies,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.encoders.prediction import Classifier

Method = Literal["probe", "kernel", "knn", "finetune"]
_CONTROL = 2000  # examples, at most, that the control learns from
_FILES = {"sememe.json", "weights.npz"}


class FineTuner(Protocol):
    """Trains a whole network for a learner, and saves it."""

    def run(
        self,
        given: Labelled,
        aside: Labelled | None,
        notes: tuple[str, ...],
        *,
        checkpoint: str | Path | None,
        show_progress: bool,
    ) -> tuple[Classifier, ClassifierReport, Any]:
        """Train; return the classifier, the report and what `save` needs."""
        ...

    def save(self, folder: Path, tuned: Any) -> Path:
        """Write the trained network, a card and the curve."""
        ...


@dataclass
class ClassLearner(LoopRecipe, ABC):
    """Learns classes from examples; `ImageClassifier` and `AudioClassifier` set the base.

    Attributes:
        base: Encoder whose vectors are classified, as `sememe.load` takes it; to fine-tune, the
            network.
        method: Classifier: kernel (kernel ridge regression, the most accurate; of more than 20,000
            examples it becomes a probe), probe (a linear layer), knn (nearest neighbours), or
            finetune, which trains the whole network.
        shots: Train on this many examples of each class, and report the accuracy over `draws`.
        draws: Number of random draws of `shots`.
        batch_size: Examples per step.
    """

    modality: ClassVar[Modality]
    command: ClassVar[str]

    base: str = field(metadata=rule(group="model", names=("-m", "--model")))
    method: Method = option("kernel", choices=get_args(Method), group="model")
    _: KW_ONLY
    shots: int | None = option(None, at_least=1, group="data")
    draws: int = option(5, at_least=1, group="evaluation")
    epochs: float = 5
    batch_size: int = option(32, at_least=2, group="optimisation")
    learning_rate: float = 3e-4
    weight_decay: float = 1e-4
    evaluations: int = 5
    model_: Classifier | None = field(default=None, init=False, repr=False)
    report_: ClassifierReport = field(init=False, repr=False)
    _tuned: Any = field(default=None, init=False, repr=False)

    def fit(
        self,
        data: Any,
        *,
        evaluate: Any = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> Self:
        """Learn from a folder with a folder for each class, a table of path and label, or a pair.

        Args:
            data: What is learnt from; see `sememe.sources.datasets.labelled`. What cannot be
                read is reported, and exact copies are left out.
            evaluate: Such data to measure with. Without it a fifth of each class is held out and
                measured with; then a probe learns from that fifth too.
            checkpoint: Fine-tuning: a folder for the run's state; killed, the same call goes on
                from there. It is left for the caller to delete.
            show_progress: Draw bars.

        Raises:
            InvalidInputError, UnknownNameError: An option, the encoder or the data will not do; one
                class alone.
            MissingExtraError: A package is not installed: scikit-learn for "probe", the extra
                `train` for "finetune".
        """
        self._check()
        given, notes = without_copies(several(self._read(data), "the data"))
        aside = None if evaluate is None else self._read(evaluate)
        if aside is not None:
            notes += shared_note(given, aside)
        if self.method == "finetune":
            self.model_, self.report_, self._tuned = self._fine_tuning().run(
                given, aside, notes, checkpoint=checkpoint, show_progress=show_progress
            )
            return self
        self._fit_probe(given, aside, notes, show_progress=show_progress)
        return self

    def predict(self, items: Sequence[Any]) -> list[str]:
        """Return the most probable class of each item.

        Raises:
            CorruptFileError: One that cannot be read.
            InvalidInputError: Nothing was fitted.
        """
        model = self._model()
        return [model.labels[i] for i in self.probabilities(items).argmax(axis=1).tolist()]

    def probabilities(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, classes) float32, rows adding up to 1; see `labels`.

        Raises:
            CorruptFileError, InvalidInputError: As `predict`.
        """
        rows, reasons = self._model().probabilities_with_failures(items)
        raise_failures(items, reasons)
        return rows

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, sorted."""
        return self._model().labels

    def save(self, folder: str | Path) -> Path:
        """Write a folder that `load` opens and `sememe classify -m` takes.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        place = Path(folder)
        if not is_main_process():
            return place
        report, model = get_report(self), self._model()
        facts = {
            "method": self.method,
            "made_by": made_by(),
            "parameters": parameters(self),
            "training": asdict(report),
        }
        if not isinstance(model, ProbeClassifier):
            return self._fine_tuning().save(place, self._tuned)
        check_probe_place(place)
        with replace_folder(place.resolve()) as fresh:
            model.write(fresh, facts)
        return place

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open a folder that `save` wrote, to tell classes.

        Raises:
            SpaceMismatchError: The encoder of that name makes other vectors by now.
            CorruptFileError: The folder is damaged.
            InvalidInputError: It tells classes of something else, or none.
        """
        found = cls()  # type: ignore[call-arg]
        tuned = cls._load_finetuned(Path(folder))
        found.method = found.method if tuned is None else "finetune"
        found.model_ = tuned or load_probe_classifier(folder, modality=cls.modality)
        return found

    @abstractmethod
    def _fine_tuning(self) -> FineTuner:
        """Return what fine-tuning needs of the modality."""

    @classmethod
    @abstractmethod
    def _load_finetuned(cls, folder: Path) -> Classifier | None:
        """Open a network that was trained, None where the folder holds none."""

    def _read(self, data: Any) -> Labelled:
        found = read_labelled(data, modality=self.modality)
        if found.modality != self.modality:
            raise InvalidInputError(f"got {found.noun}s; give {describe_layout(self.modality)}.")
        return found

    def _n_views(self) -> int:
        return 1

    def _groups(self, data: Labelled) -> NDArray[np.int64] | None:
        """Return the number of each item's group, None where there are no groups."""
        names = read_groups(data, None)
        return None if names is None else np.unique(np.array(names), return_inverse=True)[1]

    def _fit_probe(
        self,
        given: Labelled,
        aside: Labelled | None,
        notes: tuple[str, ...],
        *,
        show_progress: bool,
    ) -> None:
        from sememe.encoders.load.by_name import load

        encoder = check_encoder_of(load(self.base), self.command, self.modality)
        views = self._n_views()
        rows, read, skipped = learnt_rows(encoder, given, views=views, show=show_progress)
        labels, groups = read.classes, self._groups(read)
        y = np.searchsorted(np.array(labels), np.array(read.labels)).astype(np.int64)
        missed: tuple[Skipped, ...] = ()
        if aside is None:
            parts = split_folds(y, seed=self.seed, groups=groups)
            learnt, held = next(parts, (np.arange(len(y)), np.arange(0)))
            asked, truth = rows[held], y[held]
        else:
            asked, truth, missed = asked_rows(
                encoder, aside, labels, views=views, show=show_progress
            )
            learnt = np.arange(len(y))
        if not len(truth):
            raise InvalidInputError(none_to_measure(given, aside, labels))
        kind: Any = self.method
        if kind == "kernel" and self.shots is None and len(y) > MAX_KERNEL_EXAMPLES:
            kind = "probe"
            notes += (f"{len(y):,} examples are too many for a kernel; a probe was made",)
        shots = self._few_shot(rows[learnt], y[learnt], (asked, truth))
        if self.shots is not None:
            rng = np.random.default_rng([self.seed, 0])
            learnt = learnt[draw_shots(y[learnt], self.shots, rng)]
        probe = self._probe(kind, rows, y, groups, learnt)
        found = measure_accuracy(
            probe.probabilities(asked).argmax(1), truth, labels, seed=self.seed
        )
        control = self._control(kind, rows[learnt], y[learnt], asked, truth)
        if aside is None and self.shots is None:
            learnt = np.arange(len(y))
            probe = self._probe(kind, rows, y, groups, learnt)
            part = "a fifth" if groups is None else "a fifth of the groups"
            notes += (f"measured on {part} held out; what is saved has learnt from that too",)
        self.model_ = ProbeClassifier(encoder, probe, labels, views=views)
        n_train = {labels[i]: int(n) for i, n in enumerate(np.bincount(y[learnt]))}
        notes += few_note(n_train, given.noun)
        notes += (*skipped_note("", skipped), *skipped_note("held out: ", missed))
        self.report_ = report_of(
            found,
            n_train=n_train,
            n_held=len(truth),
            control=control,
            few_shot=shots,
            skipped=(*skipped, *missed),
            notes=notes,
        )

    def _probe(
        self,
        kind: ProbeKind,
        rows: FloatArray,
        y: NDArray[np.int64],
        groups: NDArray[np.int64] | None,
        places: NDArray[np.int64],
    ) -> Any:
        """Return a probe that learnt from some of the rows."""
        some = None if groups is None else groups[places]
        return new_probe(kind, seed=self.seed).fit(rows[places], y[places], groups=some)

    def _few_shot(
        self, rows: FloatArray, y: NDArray[np.int64], aside: tuple[FloatArray, NDArray[np.int64]]
    ) -> FewShot | None:
        if self.shots is None:
            return None
        kind: Any = self.method
        return few_shot(
            rows, y, aside=aside, shots=self.shots, draws=self.draws, kind=kind, seed=self.seed
        )

    def _control(
        self,
        kind: ProbeKind,
        rows: FloatArray,
        y: NDArray[np.int64],
        asked: FloatArray,
        truth: NDArray[np.int64],
    ) -> float:
        """Return the accuracy of a probe that learnt from shuffled labels."""
        rng = np.random.default_rng([self.seed, 2])
        some = rng.permutation(len(y))[:_CONTROL]
        if len(set(y[some].tolist())) < int(y.max()) + 1:  # too many classes for a part
            some = np.arange(len(y))
        probe = new_probe(kind, seed=self.seed).fit(rows[some], rng.permutation(y[some]))
        return float((probe.probabilities(asked).argmax(1) == truth).mean())

    def _model(self) -> Classifier:
        if self.model_ is None:
            raise InvalidInputError("nothing is trained yet. Call fit first.")
        return self.model_

    def _check(self) -> None:
        alone = self.shots is None or self.method != "finetune"
        check(self, ("shots", alone, f"none: fine-tuning takes all {noun(self.modality)}s"))


def check_probe_place(place: Path) -> None:
    """Refuse, before any work, a folder that a probe cannot be saved as.

    Raises:
        InvalidInputError: It is a file or lies beneath one, or holds something else.
    """
    if is_replaceable(place):
        refuse_others(place, {path.name for path in place.iterdir()} - _FILES)
