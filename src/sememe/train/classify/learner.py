"""The base of `ImageClassifier` and `AudioClassifier`: probes, fine-tuning, and their folders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

import numpy as np

from sememe._atomic import replace_folder
from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe._persistence import made_by
from sememe._types import Modality
from sememe.encoders.classify.probe_classifier import ProbeClassifier, load_probe_classifier
from sememe.evaluate.metrics.confusion import measure_accuracy
from sememe.evaluate.runners.few_shot import ProbeKind, draw_shots, few_shot, new_probe
from sememe.evaluate.unit_vectors import check_encoder_of
from sememe.sources.datasets.labelled import read_labelled
from sememe.sources.datasets.labelled_data import Labelled, describe_layout
from sememe.space.kernel_probe import MAX_KERNEL_EXAMPLES
from sememe.train.base.device import is_main_process
from sememe.train.base.options import LoopRecipe, check, get_report, option, parameters, rule
from sememe.train.base.output_folder import is_replaceable, refuse_others
from sememe.train.classify.features import Encoded, check_classes, encode_examples
from sememe.train.classify.report import ClassifierReport, drop_copies, make_report, note_shared
from sememe.train.classify.trained import TrainedClassifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.encoders.prediction import Classifier

Method = Literal["probe", "kernel", "knn", "finetune"]
_CONTROL = 2000  # training examples of the control, at most
_FILES = {"sememe.json", "weights.npz"}


@dataclass
class ClassLearner(TrainedClassifier["Classifier"], LoopRecipe, ABC):
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
        """Train on a folder with a folder for each class, a table of path and label, or a pair.

        See `sememe.sources.datasets.labelled`. Unreadable items are reported and skipped, exact
        copies left out. evaluate: Held-out data; by default a fifth of each class, on which a probe
        is trained too in the end. checkpoint: For fine-tuning: a folder for the state of the run,
        to resume after a kill; the caller deletes it.

        Raises:
            InvalidInputError, UnknownNameError: An option, the encoder or the data are invalid; one
                class alone.
            MissingExtraError: A package is not installed: scikit-learn for "probe", the extra
                `train` for "finetune".
        """
        self._check()
        labelled, notes = drop_copies(check_classes(self._read(data), "the data"))
        aside = None if evaluate is None else self._read(evaluate)
        if aside is not None:
            notes += note_shared(labelled, aside)
        if self.method == "finetune":
            self.model_, self.report_, self._tuned = self._fine_tuning().run(
                labelled, aside, notes, checkpoint=checkpoint, show_progress=show_progress
            )
        else:
            self._fit_probe(labelled, aside, notes, show=show_progress)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write a folder for `load` and `sememe classify -m`.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        path = Path(folder)
        if not is_main_process():
            return path
        report, model = get_report(self), self._model()
        if not isinstance(model, ProbeClassifier):
            saved: Path = self._fine_tuning().save(path, self._tuned)
            return saved
        check_probe_folder(path)
        facts = {"method": self.method, "made_by": made_by(), "parameters": parameters(self)}
        with replace_folder(path.resolve()) as fresh:
            model.write(fresh, {**facts, "training": asdict(report)})
        return path

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open a folder that `save` wrote.

        Raises:
            SpaceMismatchError: The encoder of that name has another space by now.
            CorruptFileError: The folder is damaged.
            InvalidInputError: It holds no classifier, or one of another modality.
        """
        learner = cls()  # type: ignore[call-arg]
        tuned = cls._load_finetuned(Path(folder))
        learner.method = learner.method if tuned is None else "finetune"
        learner.model_ = tuned or load_probe_classifier(folder, modality=cls.modality)
        return learner

    @abstractmethod
    def _fine_tuning(self) -> Any:  # typed in subclasses: FineTuning imports this file
        """Return the modality's `FineTuning`."""

    @classmethod
    @abstractmethod
    def _load_finetuned(cls, folder: Path) -> Classifier | None:
        """Open a fine-tuned network, None if the folder holds none."""

    def _read(self, data: Any) -> Labelled:
        labelled = read_labelled(data, modality=self.modality)
        if labelled.modality != self.modality:
            raise InvalidInputError(f"got {labelled.noun}s; give {describe_layout(self.modality)}.")
        return labelled

    def _n_views(self) -> int:
        return 1

    def _fit_probe(
        self, data: Labelled, aside: Labelled | None, notes: tuple[str, ...], *, show: bool
    ) -> None:
        from sememe.encoders.load.by_name import load

        encoder = check_encoder_of(load(self.base), self.command, self.modality)
        views, seed = self._n_views(), self.seed
        part = encode_examples(encoder, data, aside, views=views, seed=seed, show=show)
        rows, y, train = part.rows, part.y, part.train
        kind: Any = self.method
        if kind == "kernel" and self.shots is None and len(y) > MAX_KERNEL_EXAMPLES:
            kind = "probe"
            notes += (f"{len(y):,} examples are too many for a kernel; a probe was made",)
        shots = None
        if self.shots is not None:
            held, options = (part.held, part.truth), {"shots": self.shots, "draws": self.draws}
            shots = few_shot(rows[train], y[train], aside=held, kind=kind, seed=seed, **options)
            train = train[draw_shots(y[train], self.shots, np.random.default_rng([seed, 0]))]
        probe = self._probe(kind, part, train)
        predicted = probe.probabilities(part.held).argmax(1)
        accuracy = measure_accuracy(predicted, part.truth, part.classes, seed=seed)
        control = self._control(kind, part, train)
        if aside is None and self.shots is None:
            train = np.arange(len(y))
            probe = self._probe(kind, part, train)
            share = "a fifth" if part.groups is None else "a fifth of the groups"
            notes += (f"measured on {share} held out; what is saved has learnt from that too",)
        self.model_ = ProbeClassifier(encoder, probe, part.classes, views=views)
        self.report_ = make_report(
            accuracy,
            {part.classes[i]: int(n) for i, n in enumerate(np.bincount(y[train]))},
            data.noun,
            part.skipped,
            part.held_skipped,
            n_held=len(part.truth),
            control=control,
            few_shot=shots,
            notes=notes,
            kind=ClassifierReport,
        )

    def _probe(self, kind: ProbeKind, part: Encoded, train: NDArray[np.int64]) -> Any:
        """Return a probe fitted to some of the rows."""
        groups = None if part.groups is None else part.groups[train]
        probe = new_probe(kind, seed=self.seed)
        return probe.fit(part.rows[train], part.y[train], groups=groups)

    def _control(self, kind: ProbeKind, part: Encoded, train: NDArray[np.int64]) -> float:
        """Return the accuracy of a probe fitted to shuffled labels."""
        rows, y = part.rows[train], part.y[train]
        rng = np.random.default_rng([self.seed, 2])
        some = rng.permutation(len(y))[:_CONTROL]
        if len(set(y[some].tolist())) < int(y.max()) + 1:  # too many classes for a sample
            some = np.arange(len(y))
        probe = new_probe(kind, seed=self.seed).fit(rows[some], rng.permutation(y[some]))
        return float((probe.probabilities(part.held).argmax(1) == part.truth).mean())

    def _check(self) -> None:
        alone = self.shots is None or self.method != "finetune"
        check(self, ("shots", alone, f"none: fine-tuning takes all {noun(self.modality)}s"))


def check_probe_folder(folder: Path) -> None:
    """Raise InvalidInputError, before any work, for a folder that a probe cannot be saved as."""
    if is_replaceable(folder):
        refuse_others(folder, {path.name for path in folder.iterdir()} - _FILES)
