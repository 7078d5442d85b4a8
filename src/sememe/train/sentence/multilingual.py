"""Teach an encoder another language: Reimers & Gurevych 2020 (arXiv:2004.09813).

    training = MultilingualTraining("all-minilm-l6-v2", "my-mlm")
    training.fit("train.tsv", evaluate="dev.tsv").save("both")
    sememe.load("both")

A teacher knows the language of the sources. A student learns to encode a source and its translation
to the teacher's vector of the source, by mean squared error: both languages share the teacher's
space. The teacher runs once, before training and without torch; the folder opens in
sentence-transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from sememe._atomic import write_atomically
from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.train.base.base_model import trainable
from sememe.train.base.model_card import curve_rows, encoder_card, table
from sememe.train.base.options import option, parameters, rule
from sememe.train.sentence.bi_encoder import open_model
from sememe.train.sentence.examples import HELD_OUT, Data, Examples, read_examples
from sememe.train.sentence.recipe import ExampleRecipe, Run

if TYPE_CHECKING:
    from sememe._types import Encoder, FloatArray
    from sememe.train.base.curve import Curve

_TEACHER = "teacher.npy"
_CHECKED = 200  # sources whose unknown tokens are counted
_MAX_TEXTS = 10_000  # that are tokenized
_REFUSED, _NOTED = 0.5, 0.1  # shares of unknown tokens
_PARTS = 1.2  # tokens per character, from which on characters are split


@dataclass(frozen=True, slots=True)
class MultilingualReport:
    """What `fit` did.

    Attributes:
        n_examples: Number of training pairs.
        dim: Dimension of the teacher's vectors, and now of the student's.
        projected: Whether a layer that projects to that dimension was added to the student.
        curve: Losses, metrics and times. The metric is the accuracy of `evaluate_bitext`, the mean
            of both directions.
        directions: Accuracy of each direction after training, where pairs were held out.
        notes: What was left out of the data, and caveats on it.
    """

    n_examples: int
    dim: int
    projected: bool
    curve: Curve
    directions: dict[str, float]
    notes: tuple[str, ...]


@dataclass
class MultilingualTraining(ExampleRecipe):
    """Trains a student to give other languages the vectors of its teacher's language.

    `fit` takes pairs (source, target); the teacher must be able to read the sources, and the
    student the targets.

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

    folder_kind: ClassVar[str] = "multilingual"

    teacher: str = field(metadata=rule(group="model"))
    student: str = field(metadata=rule(group="model", names=("-m", "--model")))
    _: KW_ONLY
    epochs: float = 5
    batch_size: int = 64
    learning_rate: float = 1e-4
    max_tokens: int | None = option(None, at_least=3, group="data")
    evaluations: int = 12
    report_: MultilingualReport = field(init=False, repr=False)

    def _prepare(self, data: Data, evaluate: Data | None) -> Run:
        from sememe.models.bert.folder import read_sentence_folder

        examples = _read_translations(data, "the training data")
        held = None if evaluate is None else _read_translations(evaluate, HELD_OUT)
        base, targets = trainable(self.student), examples.columns["positive"]
        tokenizer = read_sentence_folder(base).tokenizer()
        notes = check_coverage(tokenizer, targets, name=self.student, what="targets")
        teacher, more = _open_teacher(self.teacher, examples.columns["anchor"])
        facts = {"teacher": teacher.space}
        return Run(base, examples, held, (*notes, *more), facts, extra=teacher)

    def _train(self, run: Run, folder: Path, *, show: bool) -> None:
        from datasets import Dataset
        from sentence_transformers.sentence_transformer.losses import MSELoss

        from sememe.train.base.hf_callbacks import isolate_rng_and_logging
        from sememe.train.sentence.length_batching import ByLength

        sources, targets = (run.examples.columns[name] for name in ("anchor", "positive"))
        goals = _encode_sources(run.extra, sources, folder, show=show)
        n, dim = goals.shape
        with isolate_rng_and_logging():
            model, projected = _open(self.student, dim, max_tokens=self.max_tokens, seed=self.seed)
            curve = self._fit_model(
                model,
                run,
                folder,
                measure=score_directions,
                data=Dataset.from_dict({"source": sources, "target": targets, "label": goals}),
                loss=MSELoss(model),
                batch_sampler=ByLength,
                show=show,
            )
            scores = {} if run.held is None else score_directions(model, run.held)
        self.model_ = model
        scores.pop("accuracy", None)
        notes = self._notes(run, curve)
        self.report_ = MultilingualReport(n, dim, projected, curve, scores, notes)

    def _facts(self) -> dict[str, Any]:
        names = ("n_examples", "dim", "projected", "directions", "notes")
        training = {name: getattr(self.report_, name) for name in names}
        return {"base": self.student, "training": training}

    def _card(self) -> str:
        report = self.report_
        results = curve_rows(report.curve)
        results |= {name.replace("_", " "): f"{v:.4f}" for name, v in report.directions.items()}
        return encoder_card(
            f"{self.student}, taught other languages by {self.teacher}",
            data=f"{report.n_examples} sentences and their translations; {self.teacher} gave the "
            f"vectors, of {report.dim} dimensions.",
            notes=report.notes,
            results=table(results),
            settings=parameters(self),
        )


def score_directions(model: Any, pairs: Examples) -> dict[str, float]:
    """Return the metrics of `evaluate_bitext` for a model of sentence-transformers.

    They are accuracy, the mean of source_to_target and target_to_source.
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
        rows: FloatArray = self.model.encode(list(items), show_progress_bar=show_progress)
        return rows


def _read_translations(data: Data, what: str) -> Examples:
    examples = read_examples(data, what=what)
    if examples.kind != "pairs":
        raise InvalidInputError(
            f"{what} has the kind {examples.kind!r}; give pairs of a sentence and its translation: "
            "a table of two columns, source and target (their names in its first row if it has "
            "more), or a list of (source, target)."
        )
    return examples


def _open_teacher(name: str, sources: list[str]) -> tuple[Encoder, list[str]]:
    """Return the teacher, and notes on how it reads a sample of the sources."""
    from sememe.encoders.load.by_name import load_text

    teacher = load_text(name)
    some = sources[:: -(-len(sources) // _CHECKED)]
    receipt = teacher.encode_with_receipt(some).receipt
    cure = "The source is the language that the teacher knows: give another, or turn the pairs."
    share = receipt.unknown / max(1, receipt.tokens)
    return teacher, check_share(share, name=name, what="sources", cure=cure)


def _encode_sources(
    teacher: Encoder, sources: list[str], folder: Path, *, show: bool
) -> FloatArray:
    """Return the teacher's vector of each source, (n, dim), computed once for a run."""
    path, texts = folder / _TEACHER, list(dict.fromkeys(sources))
    if path.is_file():
        rows = np.load(path, allow_pickle=False)
    else:
        rows = np.asarray(teacher.encode(texts, show_progress=show), np.float32)
        with write_atomically(path) as file:
            np.save(file, rows)
    numbers = {text: i for i, text in enumerate(texts)}
    vectors: FloatArray = rows[[numbers[text] for text in sources]]
    return vectors


def _open(student: str, dim: int, *, max_tokens: int | None, seed: int) -> tuple[Any, bool]:
    """Open a student for training; one of another dimension gets a layer before its Normalize."""
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


@dataclass(frozen=True, slots=True)
class Coverage:
    """How a tokenizer splits texts.

    Attributes:
        unknown: Share of the tokens that are unknown, 0 to 1.
        per_character: Tokens per character, blanks left out. Words of a vocabulary that knows them
            give about 0.25; single letters 1; above 1 characters are split.
    """

    unknown: float
    per_character: float


def measure_coverage(tokenizer: Path, texts: Sequence[str]) -> Coverage:
    """Measure coverage on at most 10,000 of the texts, evenly over them.

    tokenizer: A tokenizer.json in Hugging Face's format.

    Raises:
        MissingExtraError: `tokenizers` is not installed.
        CorruptFileError: The file is no tokenizer.
    """
    from sememe.text.tokenizers.subwords import SubwordTokenizer

    library = require("tokenizers", "measure_coverage")
    opened = SubwordTokenizer.load(tokenizer)
    own = library.Tokenizer.from_str(opened.tokenizer.to_str())  # a copy that neither cuts nor pads
    own.no_truncation()
    own.no_padding()
    unknown = own.token_to_id(opened.unk_token) if opened.unk_token else None
    some = list(texts[:: -(-len(texts) // _MAX_TEXTS)]) if texts else []
    rows = own.encode_batch(some, add_special_tokens=False)
    n_tokens = sum(len(row.ids) for row in rows)
    n_unknown = sum(row.ids.count(unknown) for row in rows) if unknown is not None else 0
    n_characters = sum(not letter.isspace() for text in some for letter in text)
    return Coverage(n_unknown / max(1, n_tokens), n_tokens / max(1, n_characters))


def check_coverage(tokenizer: Path, texts: Sequence[str], *, name: str, what: str) -> list[str]:
    """Return notes on a tokenizer's coverage of texts; see `check_share`.

    name: The network's name. what: What the texts are, in the plural.
    """
    coverage = measure_coverage(tokenizer, texts)
    cure = "Give a network whose vocabulary holds their script."
    notes = check_share(coverage.unknown, name=name, what=what, cure=cure)
    if coverage.per_character > _PARTS:
        notes.append(
            f"{name} cuts the characters of the {what} into parts, "
            f"{coverage.per_character:.1f} tokens each: it learns slowly and reads short texts only"
        )
    return notes


def check_share(unknown: float, *, name: str, what: str, cure: str) -> list[str]:
    """Return notes on a share of unknown tokens above 0.1; raise InvalidInputError above 0.5."""
    if unknown > _REFUSED:
        raise InvalidInputError(
            f"{name} cannot read the {what}: {unknown:.0%} of their tokens are unknown to it, at "
            f"most half may be. {cure}"
        )
    if unknown > _NOTED:
        return [f"{unknown:.0%} of the tokens of the {what} are unknown to {name}"]
    return []
