"""Classify texts by examples: a table of text and label, or a folder per class.

    classifier = TextClassifier().fit("reviews.csv")
    classifier.report_.accuracy, classifier.report_.suspects
    classifier.predict(["배송은 빨랐지만 품질이 아쉽다"])
    classifier.predict_sets(["fine"], error=0.05)     labels that hold the true one in 95 of 100
    classifier.save("mine")
    TextClassifier.load("mine")

What it is made of follows from the data: the names of the classes, the encoder's vectors, n-grams
where there are enough examples, each weighted by what it tells of examples it has not seen. It
needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sememe._atomic import replace_folder
from sememe._errors import InvalidInputError
from sememe._persistence import made_by
from sememe.encoders.classify.text_classifier import LONGEST, Reason, TextModel, cut_texts
from sememe.evaluate.data.folds import Folds
from sememe.evaluate.metrics.confusion import measure_accuracy
from sememe.evaluate.unit_vectors import check_encoder_of
from sememe.models.weights.catalog import CATALOG, E5_MODEL, default_model
from sememe.sources.datasets.labelled_texts import (
    find_similar_labels,
    read_labelled_texts,
)
from sememe.train.base.options import check, get_report, option, parameters
from sememe.train.classify.features import check_classes, number_labels
from sememe.train.classify.learner import check_probe_folder
from sememe.train.classify.report import drop_copies, make_report, note_shared
from sememe.train.classify.trained import TrainedClassifier
from sememe.train.classify_text.classes import encode_names, order_classes
from sememe.train.classify_text.heads import Examples
from sememe.train.classify_text.held_out import Tested, measure_control, test_model
from sememe.train.classify_text.learning import Learnt, learn
from sememe.train.classify_text.report import (
    TextClassifierReport,
    grade,
    list_suspects,
    measure_calibration,
    score_f1,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.encoders.base import BaseEncoder
    from sememe.sources.datasets.labelled_data import Labelled

    Ints = NDArray[np.int64]

_FOLDS = 5
_KNOWN = 2000  # vectors that are kept, to tell unfamiliar texts
_RARE = 0.01  # share of texts like the examples that are called unfamiliar
_FEWEST = 20  # examples, below which no text is


@dataclass
class TextClassifier(TrainedClassifier[TextModel]):
    """Learns to classify texts from examples.

    Attributes:
        base: Encoder of the texts, as `sememe.load` takes it; by default multilingual-e5-small,
            which tells more from few examples than the default encoder, where it is installed.
        text_column: Column of the texts in a table; by default the first usual name, as "text".
        label_column: Column of the labels; by default the first usual name, as "label".
        grades: Labels from the lowest to the highest, if they are grades; by default they are where
            they are three or more whole numbers in a row. Bounds between grades are learnt then.
        seed: Seed of the folds.
    """

    base: str | None = option(None, group="model", names=("-m", "--model"))
    _: KW_ONLY
    text_column: str | None = option(None, group="data")
    label_column: str | None = option(None, group="data")
    grades: Sequence[str] = option((), group="data", names=("--grade",))
    seed: int = option(0, at_least=0, group="evaluation")
    model_: TextModel | None = field(default=None, init=False, repr=False)
    report_: TextClassifierReport = field(init=False, repr=False)

    def fit(self, data: Any, *, evaluate: Any = None, show_progress: bool = False) -> Self:
        """Learn from a table of text and label, a folder with a folder per class, or a pair.

        See `read_labelled_texts`. Exact copies and records without a text or a label are left out
        and reported. evaluate: Further data to measure with; by default each example is predicted
        by a classifier learnt from four fifths of the others.

        Raises:
            InvalidInputError: An option, the encoder or the data are invalid; one class alone.
            MissingExtraError: scikit-learn is not installed.
        """
        check(self)
        found = check_classes(self._read(data), "the data")
        labelled, notes = drop_copies(found)
        aside = None if evaluate is None else self._read(evaluate)
        if aside is not None:
            notes += note_shared(labelled, aside)
        alike = find_similar_labels(labelled.labels)
        notes += tuple(
            f"labels that differ in case alone: {', '.join(one)}. They are kept apart; write them "
            "alike to join them"
            for one in alike
        )
        labelled, cut = _cut(labelled)
        notes += cut
        encoder = self._load_encoder()
        classes, ordered = order_classes(labelled.classes, self.grades)
        if not ordered and len(classes) > 2 and all(map(str.isdigit, classes)):
            notes += ("labels are numbers, but not in a row; grades learns them in order",)
        examples = Examples(
            labelled.items,
            encoder.encode(labelled.items, show_progress=show_progress),
            number_labels(labelled.labels, classes),
            encode_names(encoder, classes),
            len(classes),
            ordered,
        )
        folds = min(_FOLDS, len(set(labelled.groups)) if labelled.groups else len(labelled))
        split = Folds(folds).of(labelled, seed=self.seed) if folds > 1 else None
        learnt = learn(examples, np.arange(len(labelled)) if split is None else split.fold)
        self.model_ = _make_model(encoder, classes, examples, learnt)
        if aside is not None:
            tested = test_model(self.model_, aside)
        elif len(learnt.held):
            tested = Tested(learnt.probabilities, examples.y[learnt.held], learnt.raw)
        else:
            raise InvalidInputError(_explain_unmeasured(labelled))
        self.report_ = self._report(labelled, examples, learnt, tested, notes)
        return self

    def predict_proba(self, texts: Sequence[str]) -> FloatArray:
        """Return what `probabilities` does, by scikit-learn's name."""
        return self.probabilities(texts)

    def predict_sets(self, texts: Sequence[str], *, error: float = 0.05) -> list[tuple[str, ...]]:
        """Return labels of each text, the most probable first, that hold the true one.

        They do for at least 1 - error of texts like the examples (split-conformal, by cross-
        validation). An empty set says that no label fits; several that they cannot be told apart.
        Raises: As `predict`, and InvalidInputError for an error outside 0 to 1.
        """
        return self._model().choose_sets(self.probabilities(texts), error=error)

    def find_unfamiliar(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return (n,) whether a text is unlike all examples, so that its label is a guess."""
        return self._model().find_unfamiliar(texts)

    def explain(self, text: str) -> list[Reason]:
        """Return the parts of a text whose removal changes the answer, the greatest change first.

        Raises: InvalidInputError for an empty text, or if nothing was fitted.
        """
        return self._model().explain(text)

    def save(self, folder: str | Path) -> Path:
        """Write a folder for `load` and `sememe classify -m`.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        path, report, model = Path(folder), get_report(self), self._model()
        check_probe_folder(path)
        training = asdict(report) | {"suspects": len(report.suspects)}  # no texts of the user's
        facts = {"made_by": made_by(), "parameters": parameters(self), "training": training}
        with replace_folder(path.resolve()) as fresh:
            model.write(fresh, facts)
        return path

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open a folder that `save` wrote.

        Raises:
            SpaceMismatchError: The encoder of that name has another space by now.
            CorruptFileError: The folder is damaged.
            InvalidInputError: It holds no classifier of texts.
        """
        learner = cls()
        learner.model_ = TextModel.load(folder)
        return learner

    def _read(self, data: Any) -> Labelled:
        return read_labelled_texts(
            data, text_column=self.text_column, label_column=self.label_column
        )

    def _load_encoder(self) -> BaseEncoder:
        from sememe.encoders.load.by_name import load

        return check_encoder_of(load(self.base or usual_base()), "train text-classifier", "text")

    def _report(
        self,
        data: Labelled,
        examples: Examples,
        learnt: Learnt,
        tested: Tested,
        notes: tuple[str, ...],
    ) -> TextClassifierReport:
        likely, truth, raw, dropped, more = tested
        notes += more
        classes = self.labels
        predicted = likely.argmax(axis=1)
        accuracy = measure_accuracy(predicted, truth, classes, seed=self.seed)
        majority = float(np.bincount(truth).max() / len(truth))
        if accuracy.interval[0] <= majority:
            notes += (
                f"no better than always the same label ({majority:.3f}): from these examples "
                "nothing can be learnt, or too little to tell",
            )
        macro, weighted = score_f1(predicted, truth)
        held = learnt.held
        suspects = list_suspects(
            [data.items[i] for i in held.tolist()],
            classes, learnt.probabilities, examples.y[held], held,
        )  # fmt: skip
        return make_report(
            accuracy,
            {classes[i]: int(n) for i, n in enumerate(np.bincount(examples.y))},
            data.noun,
            data.skipped,
            dropped,
            n_held=len(truth),
            control=measure_control(examples, self.seed),
            notes=notes,
            kind=TextClassifierReport,
            majority=majority,
            macro_f1=macro,
            weighted_f1=weighted,
            calibration_error=measure_calibration(likely, truth),
            raw_calibration_error=measure_calibration(raw, truth),
            parts=_list_parts(learnt),
            grading=grade(predicted, truth, len(classes)) if examples.ordered else None,
            suspects=suspects,
        )


def usual_base() -> str:
    """Return the name of the encoder that texts are classified by, unless another is named."""
    return E5_MODEL if CATALOG[E5_MODEL].available() else default_model()


def _make_model(
    encoder: BaseEncoder, classes: Sequence[str], examples: Examples, learnt: Learnt
) -> TextModel:
    rows = np.random.default_rng(0).permutation(len(examples.y))[:_KNOWN]
    known = examples.vectors[np.sort(rows)]
    cosines = known @ known.T
    np.fill_diagonal(cosines, -1)
    familiar = float(np.quantile(cosines.max(axis=1), _RARE)) if len(known) >= _FEWEST else -1.0
    return TextModel(
        encoder, learnt.heads, classes, misfits=learnt.misfits, known=known, familiar=familiar
    )


def _cut(data: Labelled) -> tuple[Labelled, tuple[str, ...]]:
    """Return the data with long texts cut, and a note on them."""
    if not (long := sum(len(text) > LONGEST for text in data.items)):
        return data, ()
    note = f"texts of which only the first {LONGEST:,} characters are read: {long}"
    return replace(data, items=tuple(cut_texts(data.items))), (note,)


def _list_parts(learnt: Learnt) -> dict[str, float]:
    """Return what the classifier is made of, with the weight of each."""
    names = ["vectors and names" if learnt.named else "vectors", "n-grams"]
    return dict(zip(names, learnt.heads.pool.weights, strict=False))


def _explain_unmeasured(data: Labelled) -> str:
    return (
        f"{len(data)} examples of {len(data.classes)} classes are too few to measure with. Give "
        "two or more of each class, or others to measure with: evaluate, --evaluate TABLE"
    )
