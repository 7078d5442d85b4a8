"""Teach classes of your own from a folder of pictures: one folder for each class.

    classifier = ImageClassifier("efficientnet-lite0").fit("pictures/")
    classifier.report_.accuracy, classifier.report_.confused
    classifier.save("mine")
    ImageClassifier.load("mine").predict(["picture.jpg"])

An encoder stays as it is and a probe learns to tell its vectors apart, in seconds; or the whole
network is trained further ("finetune"), which takes torch and far longer, and tells best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._persistence import made_by
from sememe._types import Skipped
from sememe.encoders.class_probe import ClassProbe, load_class_probe
from sememe.encoders.image import ImageEncoder, refuse
from sememe.encoders.views import VIEWS, encode_views
from sememe.evaluate._cosine import check_image_encoder
from sememe.evaluate.few_shot import FewShot, ProbeKind, drawn, few_shot, new_probe
from sememe.models.image_folder import is_image_folder
from sememe.sources.labelled import Labelled, read_labelled
from sememe.space.classes import folds
from sememe.space.kernel_probe import MOST_KERNEL
from sememe.train.classifier_report import (
    ClassifierReport,
    few_note,
    measured,
    report_of,
    shared_note,
    skipped_note,
    without_copies,
)
from sememe.train.fitting import fitted, parameters
from sememe.train.fitting import refuse as refuse_options
from sememe.train.saved import is_replaceable, refuse_others
from sememe.vectors.atomic import replaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import Encoder, FloatArray

Method = Literal["probe", "kernel", "knn", "finetune"]
_CONTROL = 2000  # examples, at most, that the control learns from
_FILES = {"sememe.json", "weights.npz"}


@dataclass
class ImageClassifier:
    """Learns to tell classes of pictures from examples.

    Attributes:
        base: The encoder whose vectors are told apart, as `sememe.load` takes it; to fine-tune,
            the network (see `sememe.train.trainable_image`).
        method: "kernel" is kernel ridge regression, which tells best and keeps all examples, up to
            20,000 (of more a "probe" is made); "probe" one linear layer; "knn" the nearest
            examples; "finetune" trains the network.
        views: Each picture's vector is the mean of 1, 2 (and mirrored) or 4 (and with its edges
            drawn out) views, which take as many times as long.
        shots: Learn from so many pictures of each class, and report the accuracy over `draws`.
        draws: How often they are drawn.
        size: Fine-tuning: width of the pictures, the network's own unless told.
        epochs, batch_size, learning_rate, weight_decay, warmup, evaluations: Fine-tuning.
        seed: Of all random numbers.
    """

    base: str = "efficientnet-lite0"
    method: Method = "kernel"
    views: int = 4
    shots: int | None = None
    draws: int = 5
    size: int | None = None
    epochs: float = 5
    batch_size: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 1e-4
    warmup: float = 0.1
    evaluations: int = 5
    seed: int = 0
    model_: ClassProbe | ImageEncoder | None = field(default=None, init=False, repr=False)
    report_: ClassifierReport = field(init=False, repr=False)
    _tuned: Any = field(default=None, init=False, repr=False)

    def fit(
        self,
        data: Any,
        *,
        evaluate: Any = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> ImageClassifier:
        """Learn from a folder with a folder of pictures for each class, or (pictures, labels).

        Args:
            data: What is learnt from. What cannot be read is reported, and exact copies left out.
            evaluate: Such pictures to measure with. Without them a fifth of each class is held out
                and measured with; then a probe learns from that fifth too.
            checkpoint: Fine-tuning: a folder for the run's state; killed, the same call goes on
                from there. It is left for the caller to delete.
            show_progress: Draw bars.

        Raises:
            InvalidInputError, UnknownNameError: An option, the encoder or the pictures will not do;
                one class alone.
            MissingExtraError: A package is not installed: scikit-learn for "probe", the extra
                `train` for "finetune".
        """
        self._check()
        given, notes = without_copies(_several(read_labelled(data), "the data"))
        aside = None if evaluate is None else read_labelled(evaluate)
        if aside is not None:
            notes += shared_note(given, aside)
        if self.method == "finetune":
            from sememe.train.finetuning import finetuned

            self.model_, self.report_, self._tuned = finetuned(
                self, given, aside, notes, checkpoint=checkpoint, show_progress=show_progress
            )
            return self
        self._fit_probe(given, aside, notes, show_progress=show_progress)
        return self

    def predict(self, items: Sequence[Any]) -> list[str]:
        """Return the most probable class of each picture.

        Raises:
            CorruptFileError: A picture that cannot be read.
            InvalidInputError: Nothing was fitted.
        """
        model = self._model()
        return [model.labels[i] for i in self.probabilities(items).argmax(axis=1).tolist()]

    def probabilities(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, classes) float32, rows adding up to 1; see `labels`.

        Raises:
            CorruptFileError, InvalidInputError: As `predict`.
        """
        rows, reasons = self._model().probabilities_readable(items)
        refuse(items, reasons)
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
        report: ClassifierReport = fitted(self)
        place, model = Path(folder), self._model()
        facts = {
            "method": self.method,
            "made_by": made_by(),
            "parameters": parameters(self),
            "training": asdict(report),
        }
        if not isinstance(model, ClassProbe):
            from sememe.train.finetuning import write_finetuned

            return write_finetuned(place, self, self._tuned)
        check_probe_place(place)
        with replaced(place.resolve()) as fresh:
            model.write(fresh, facts)
        return place

    @classmethod
    def load(cls, folder: str | Path) -> ImageClassifier:
        """Open a folder that `save` wrote, to tell classes.

        Raises:
            SpaceMismatchError: The encoder of that name makes other vectors by now.
            CorruptFileError: The folder is damaged.
        """
        from sememe.encoders.load import load

        found = cls()
        if is_image_folder(Path(folder)):
            model = load(str(folder))
            if not isinstance(model, ImageEncoder) or not model.labels:
                raise InvalidInputError(f"{folder} names no classes. Train it to: sememe train")
            found.method, found.model_ = "finetune", model
        else:
            found.model_ = load_class_probe(folder)
        return found

    def _fit_probe(
        self,
        given: Labelled,
        aside: Labelled | None,
        notes: tuple[str, ...],
        *,
        show_progress: bool,
    ) -> None:
        from sememe.encoders.load import load

        encoder = check_image_encoder(load(self.base), "train classifier")
        rows, y, labels, skipped = _vectors(encoder, given, self.views, show=show_progress)
        if aside is None:
            learnt, held = next(folds(y, seed=self.seed), (np.arange(len(y)), np.arange(0)))
            asked, truth = rows[held], y[held]
            missed: tuple[Skipped, ...] = ()
        else:
            asked, truth, missed = _asked(encoder, aside, labels, self.views, show=show_progress)
            learnt = np.arange(len(y))
        if not len(truth):
            if aside is not None:
                raise InvalidInputError(
                    f"no picture to measure with is of a class that is learnt: learnt are "
                    f"{', '.join(labels)}; given are {', '.join(aside.classes)}. Name them alike."
                )
            raise InvalidInputError(
                "there is no picture to measure with. Give two or more of each class, or others "
                "to measure with: evaluate, --evaluate FOLDER"
            )
        kind: Any = self.method
        if kind == "kernel" and self.shots is None and len(y) > MOST_KERNEL:
            kind = "probe"
            notes += (f"{len(y):,} examples are too many for a kernel; a probe was made",)
        shots = self._few_shot(rows[learnt], y[learnt], (asked, truth))
        if self.shots is not None:
            rng = np.random.default_rng([self.seed, 0])
            learnt = learnt[drawn(y[learnt], self.shots, rng)]
        probe = new_probe(kind, seed=self.seed).fit(rows[learnt], y[learnt])
        found = measured(probe.probabilities(asked).argmax(1), truth, labels, seed=self.seed)
        control = self._control(kind, rows[learnt], y[learnt], asked, truth)
        if aside is None and self.shots is None:
            learnt = np.arange(len(y))
            probe = new_probe(kind, seed=self.seed).fit(rows, y)
            notes += ("measured on a fifth held out; what is saved has learnt from that too",)
        n_train = {labels[i]: int(n) for i, n in enumerate(np.bincount(y[learnt]))}
        self.model_ = ClassProbe(encoder, probe, labels, views=self.views)
        self.report_ = report_of(
            found,
            n_train=n_train,
            n_held=len(truth),
            control=control,
            few_shot=shots,
            skipped=(*skipped, *missed),
            notes=(
                *notes,
                *few_note(n_train),
                *skipped_note("", skipped),
                *skipped_note("held out: ", missed),
            ),
        )

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

    def _model(self) -> ClassProbe | ImageEncoder:
        if self.model_ is None:
            raise InvalidInputError("nothing is trained yet. Call fit first.")
        return self.model_

    def _check(self) -> None:
        if self.method not in get_args(Method):
            raise UnknownNameError.of("method", self.method, get_args(Method))
        tuned = self.method == "finetune"
        rules = (
            ("views", self.views in VIEWS, "1, 2 or 4"),
            ("shots", self.shots is None or self.shots >= 1, "1 or more, or None"),
            ("shots", self.shots is None or not tuned, "none: fine-tuning takes all pictures"),
            ("draws", self.draws >= 1, "1 or more"),
            ("size", self.size is None or self.size >= 8, "8 pixels or more, or None"),
            ("epochs", 0 < self.epochs < math.inf, "a number above 0"),
            ("batch_size", self.batch_size >= 2, "2 or more"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "a number such as 3e-4"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "0 or more, such as 1e-4"),
            ("warmup", 0 <= self.warmup < 1, "a share of the steps, 0 to 1"),
            ("evaluations", self.evaluations >= 1, "1 or more"),
        )
        refuse_options(self, rules)


def check_probe_place(place: Path) -> None:
    """Refuse, before any work, a folder that a probe cannot be saved as.

    Raises:
        InvalidInputError: It is a file or lies beneath one, or holds something else.
    """
    if is_replaceable(place):
        refuse_others(place, {path.name for path in place.iterdir()} - _FILES)


def _several(data: Labelled, what: str) -> Labelled:
    if len(data.classes) < 2:
        raise InvalidInputError(
            f"{what} has one class, {data.classes[0] if data.classes else 'none'}; give two or "
            "more: a folder with a folder of pictures for each."
        )
    return data


def _vectors(
    encoder: Encoder, data: Labelled, views: int, *, show: bool
) -> tuple[FloatArray, NDArray[np.int64], tuple[str, ...], tuple[Skipped, ...]]:
    """Return rows of the readable pictures, numbers of their classes, the classes, the rest."""
    rows, reasons = encode_views(encoder, data.items, views=views, show_progress=show)
    known = [place for place in range(len(data)) if place not in reasons]
    read = _several(data.some(known), "what can be read of the data")
    labels = read.classes
    number = {label: i for i, label in enumerate(labels)}
    y = np.array([number[label] for label in read.labels], np.int64)
    return rows[known], y, labels, (*data.skipped, *_skipped(data, reasons))


def _asked(
    encoder: Encoder, aside: Labelled, labels: tuple[str, ...], views: int, *, show: bool
) -> tuple[FloatArray, NDArray[np.int64], tuple[Skipped, ...]]:
    """Return rows of pictures to measure with, numbers of their classes, and what is left out."""
    number = {label: i for i, label in enumerate(labels)}
    rows, reasons = encode_views(encoder, aside.items, views=views, show_progress=show)
    for place, label in enumerate(aside.labels):
        if label not in number:
            reasons.setdefault(place, f"its class {label} is not learnt")
    known = [place for place in range(len(aside)) if place not in reasons]
    y = np.array([number[aside.labels[place]] for place in known], np.int64)
    return rows[known], y, (*aside.skipped, *_skipped(aside, reasons))


def _skipped(data: Labelled, reasons: dict[int, str]) -> tuple[Skipped, ...]:
    return tuple(
        Skipped(str(item) if isinstance(item := data.items[place], str | Path) else f"{place}", why)
        for place, why in sorted(reasons.items())
    )
