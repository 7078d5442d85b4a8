"""Teach an encoder another language: Reimers & Gurevych 2020 (arXiv:2004.09813).

    training = MultilingualTraining("all-minilm-l6-v2", "my-mlm")
    training.fit("train.tsv", evaluate="dev.tsv").save("both")
    sememe.load("both")

A teacher knows the language of the sources. A student learns to give a source and its translation
the vector that the teacher gives the source, by their mean squared error: both languages come to
lie in one space, and as the teacher has it. The teacher runs once, before training and without
torch; the folder opens in sentence-transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sememe._atomic import write_atomically
from sememe._errors import InvalidInputError
from sememe.train.base.base_model import trainable
from sememe.train.base.hf_trainer import check_train_extra, fit_model, write_quietly
from sememe.train.base.model_card import curve_rows, encoder_card, table
from sememe.train.base.options import (
    TrainerRecipe,
    get_report,
    note_decline,
    option,
    parameters,
    rule,
)
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.sentence.bi_encoder import open_model
from sememe.train.sentence.examples import Data, Examples, notes_of, read_examples, run_facts
from sememe.train.sentence.tokenizer_coverage import check_legible, check_share

if TYPE_CHECKING:
    from sememe._types import Encoder, FloatArray
    from sememe.train.base.curve import Curve

KIND = "multilingual"
_TEACHER = "teacher.npy"
_LOOKED_AT = 200  # sources that the teacher reads before all


@dataclass(frozen=True, slots=True)
class MultilingualReport:
    """What `fit` did.

    Attributes:
        n_examples: How many pairs were trained on.
        dim: Width of the teacher's vectors, and now of the student's.
        projected: Whether the student got a layer that brings its vectors to that width.
        curve: Losses, metrics and times. The metric is the accuracy of `evaluate_bitext`, the mean
            of both directions.
        directions: The accuracy of each direction afterwards, where pairs were held out.
        notes: What was left out of the data, or is to be known of it.
    """

    n_examples: int
    dim: int
    projected: bool
    curve: Curve
    directions: dict[str, float]
    notes: tuple[str, ...]


@dataclass
class MultilingualTraining(TrainerRecipe):
    """Trains a student to give other languages the vectors of its teacher's language.

    Attributes:
        teacher: Text encoder whose vectors are learnt, as `sememe.load` takes it. It encodes the
            sources only.
        student: Model to train: a name of the catalogue, a folder of the BERT family or
            hf:org/name. Its vocabulary must cover the script of the targets. Where its dimension
            differs from the teacher's, a linear layer is added to it.
        max_tokens: Maximum length of a text, in tokens; longer ones are truncated. By default the
            student's own limit.

    Further options are those of `TrainerRecipe`.
    """

    teacher: str = field(metadata=rule(group="model"))
    student: str = field(metadata=rule(group="model", names=("-m", "--model")))
    _: KW_ONLY
    epochs: float = 5
    batch_size: int = 64
    learning_rate: float = 1e-4
    max_tokens: int | None = option(None, at_least=3, group="data")
    evaluations: int = 12
    report_: MultilingualReport = field(init=False, repr=False)

    def fit(
        self,
        data: Data,
        *,
        evaluate: Data | None = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> MultilingualTraining:
        """Train on pairs (source, target): a list of them, or a table; see `read_examples`.

        evaluate: Such pairs held out. The weights that find most translations among all others are
        kept, and training stops when they no longer get better. checkpoint: A folder for the run's
        state and the teacher's vectors: killed, the same call goes on from there. It is left for
        the caller to delete.

        Raises:
            InvalidInputError, UnknownNameError: An option, an encoder or the pairs will not do, or
                the teacher cannot read the sources or the student the targets; before any long
                work.
            MissingExtraError: The extra `train` is not installed.
            FloatingPointError: Training diverged.
        """
        check_train_extra("MultilingualTraining.fit", self.device)
        self._check()
        examples = _translations(data, "the training data")
        aside = None if evaluate is None else _translations(evaluate, "the data of evaluate")
        notes = [*notes_of(examples, aside)]
        student = trainable(self.student)
        notes += self._check_student(student, examples.columns["positive"])
        teacher, said = _teacher(self.teacher, examples.columns["anchor"])
        notes += said
        facts = {**run_facts(self, student, examples, aside), "teacher": teacher.space}
        with checkpoint_folder(checkpoint, facts) as state:
            goals = _goals(teacher, examples, state, show_progress=show_progress)
            self._train(examples, goals, aside, state, notes, show_progress=show_progress)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write the student as sentence-transformers writes it, with a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        report = get_report(self)
        names = ("n_examples", "dim", "projected", "directions", "notes")
        training = {name: getattr(report, name) for name in names}
        return write_trained(
            Path(folder),
            KIND,
            write=lambda fresh: write_quietly(self.model_, fresh),
            facts={"base": self.student, "parameters": parameters(self), "training": training},
            card=_card(self),
            curve=report.curve,
        )

    def _check_student(self, student: Path, targets: list[str]) -> list[str]:
        from sememe.models.bert.folder import read_sentence_folder

        tokenizer = read_sentence_folder(student).tokenizer()
        return check_legible(tokenizer, targets, name=self.student, what="targets")

    def _train(
        self,
        examples: Examples,
        goals: FloatArray,
        aside: Examples | None,
        state: Path,
        notes: list[str],
        *,
        show_progress: bool,
    ) -> None:
        from sentence_transformers import SentenceTransformerTrainingArguments
        from sentence_transformers.sentence_transformer.losses import MSELoss

        from sememe.train.base.hf_callbacks import (
            Measured,
            SentenceTrainer,
            isolate_rng_and_logging,
        )
        from sememe.train.sentence.length_batching import ByLength

        dim = goals.shape[1]
        with isolate_rng_and_logging():
            model, projected = _open(self.student, dim, max_tokens=self.max_tokens, seed=self.seed)
            curve = fit_model(
                self,
                model,
                state,
                trainer=SentenceTrainer,
                options=SentenceTransformerTrainingArguments,
                data=_dataset(examples, goals),
                loss=MSELoss(model),
                held_out=None if aside is None else Measured(lambda m: directions(m, aside)),
                metric="accuracy",
                show_progress=show_progress,
                batch_sampler=ByLength,
            )
            found = {} if aside is None else directions(model, aside)
        self.model_ = model
        each = {name: value for name, value in found.items() if name != "accuracy"}
        found_notes = (*notes, *note_decline(curve))
        self.report_ = MultilingualReport(len(examples), dim, projected, curve, each, found_notes)


def directions(model: Any, pairs: Examples) -> dict[str, float]:
    """Return how many translations a model of sentence-transformers finds: see `evaluate_bitext`.

    Its metrics: accuracy, the mean of source_to_target and target_to_source.
    """
    from sememe.evaluate.runners.bitext import evaluate_bitext

    rows = list(zip(pairs.columns["anchor"], pairs.columns["positive"], strict=True))
    return evaluate_bitext(_Student(model), rows, resamples=1).metrics


@dataclass(frozen=True, slots=True)
class _Student:
    """A model of sentence-transformers as the runners of evaluation take encoders."""

    model: Any
    name: str = "the student"
    modality: Literal["text"] = "text"
    space: str = ""

    @property
    def dim(self) -> int:
        return int(self.model.get_embedding_dimension())

    def encode(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        found: FloatArray = self.model.encode(list(items), show_progress_bar=show_progress)
        return found


def _translations(data: Data, what: str) -> Examples:
    examples = read_examples(data, what=what)
    if examples.kind != "pairs":
        raise InvalidInputError(
            f"{what} has the kind {examples.kind!r}; give pairs of a sentence and its translation: "
            "a table of two columns, source and target (their names in its first row if it has "
            "more), or a list of (source, target)."
        )
    return examples


def _teacher(name: str, sources: list[str]) -> tuple[Encoder, list[str]]:
    """Return the teacher, and what is to be said of how it reads some of the sources."""
    from sememe.encoders.load.by_name import load_text

    teacher = load_text(name)
    some = sources[:: -(-len(sources) // _LOOKED_AT)]
    receipt = teacher.encode_with_receipt(some).receipt
    cure = "The source is the language that the teacher knows: give another, or turn the pairs."
    share = receipt.unknown / max(1, receipt.tokens)
    return teacher, check_share(share, name=name, what="sources", cure=cure)


def _goals(teacher: Encoder, examples: Examples, state: Path, *, show_progress: bool) -> FloatArray:
    """Return (n, dim): the teacher's vector of each source, computed once for a run."""
    place = state / _TEACHER
    sources = examples.columns["anchor"]
    texts = list(dict.fromkeys(sources))
    if place.is_file():
        rows = np.load(place, allow_pickle=False)
    else:
        rows = np.asarray(teacher.encode(texts, show_progress=show_progress), np.float32)
        with write_atomically(place) as file:
            np.save(file, rows)
    numbers = {text: i for i, text in enumerate(texts)}
    goals: FloatArray = rows[[numbers[text] for text in sources]]
    return goals


def _dataset(examples: Examples, goals: FloatArray) -> Any:
    """Return source, target and the vector that both are to get."""
    from datasets import Dataset

    columns = examples.columns
    return Dataset.from_dict(
        {"source": columns["anchor"], "target": columns["positive"], "label": goals}
    )


def _open(student: str, dim: int, *, max_tokens: int | None, seed: int) -> tuple[Any, bool]:
    """Open a student for training; one of another width gets a layer before its Normalize."""
    import torch
    from sentence_transformers.base.modules import Dense
    from sentence_transformers.sentence_transformer.modules import Normalize

    model = open_model(student, max_tokens=max_tokens, seed=seed)
    width = int(model.get_embedding_dimension())
    if width == dim:
        return model, False
    layer = Dense(width, dim, activation_function=torch.nn.Identity())
    model.insert(len(model) - isinstance(model[-1], Normalize), layer.to(model.device))
    return model, True


def _card(training: MultilingualTraining) -> str:
    report = training.report_
    results = curve_rows(report.curve)
    results |= {name.replace("_", " "): f"{v:.4f}" for name, v in report.directions.items()}
    return encoder_card(
        f"{training.student}, taught other languages by {training.teacher}",
        data=f"{report.n_examples} sentences and their translations; {training.teacher} gave the "
        f"vectors, of {report.dim} dimensions.",
        notes=report.notes,
        results=table(results),
        settings=parameters(training),
    )
