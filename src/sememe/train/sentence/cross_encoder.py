"""Fine-tune a cross-encoder: Nogueira & Cho 2019 (arXiv:1901.04085), Reimers & Gurevych 2019.

    CrossTraining("all-minilm-l6-v2").fit("train.tsv", evaluate="dev.tsv").save("judge")
    sememe.CrossEncoder.load("judge").score([("a question", "an answer")])

A network reads both texts at once and scores the pair from 0 to 1; binary cross-entropy brings that
to the examples' scores. Trainer and loss are those of sentence-transformers, which opens the folder
too. all-minilm-l6-v2 on 1,000 pairs of the STS benchmark: minutes on a core, Spearman 0.77 on its
test pairs (one seed).
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sememe._errors import InvalidInputError
from sememe.train.base.base_model import trainable
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table
from sememe.train.base.options import option, parameters
from sememe.train.sentence.examples import HELD_OUT, Data, Examples, read_examples
from sememe.train.sentence.negatives import add_hard_negatives, add_random_negatives
from sememe.train.sentence.recipe import ExampleRecipe, Run

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

_READ = ("scored", "pairs", "triplets")


@dataclass(frozen=True, slots=True)
class CrossReport:
    """What `fit` did.

    Attributes:
        kind: Kind of the examples: scored, pairs or triplets.
        n_examples: Number of pairs of texts with a score, negatives included.
        curve: Losses, metrics and times. The metric is spearman for scored pairs, else the
            accuracy: how often a positive outscores a negative (half of them by chance).
        notes: What was left out of the data, or added.
    """

    kind: str
    n_examples: int
    curve: Curve
    notes: tuple[str, ...]


@dataclass
class CrossTraining(ExampleRecipe):
    """Trains a cross-encoder on scored pairs, pairs or triplets.

    The target of a scored pair is its score. Pairs: 1, and 0 for the anchor with each of its
    `negatives`. Triplets: 1 for the positive, 0 for the negative.

    Attributes:
        base: Model to fine-tune: a name of the catalogue, a folder (a network of the BERT family or
            a cross-encoder) or hf:org/name. A base without a scoring head gets a new one.
        max_tokens: Maximum length of a pair, in tokens; longer ones are truncated. By default the
            base's own limit.
        negatives: Negatives per pair, where the examples are pairs.
        miner: Encoder that mines them as hard negatives; by default they are drawn at random.

    Further options are those of `TrainerRecipe`. Held-out pairs get a random negative each.
    """

    folder_kind: ClassVar[str] = "cross"

    base: str = option("all-minilm-l6-v2", group="model", names=("-m", "--model"))
    _: KW_ONLY
    epochs: float = 4
    learning_rate: float = 5e-5
    max_tokens: int | None = option(None, at_least=3, group="data")
    negatives: int = option(4, at_least=1, group="data")
    miner: str | None = option(None, group="data")
    evaluations: int = 12
    report_: CrossReport = field(init=False, repr=False)

    def _prepare(self, data: Data, evaluate: Data | None) -> Run:
        read = _check_kind(read_examples(data), "the training data")
        if self.miner is not None and read.kind != "pairs":
            raise InvalidInputError(
                f"miner={self.miner!r} finds negatives for pairs, the data has the kind "
                f"{read.kind!r}. Leave it out."
            )
        held = None if evaluate is None else _read_held_out(evaluate, seed=self.seed)
        base = _find_base(self.base, self.max_tokens)
        return Run(base, self._score(read), held, extra=read.kind)

    def _train(self, run: Run, folder: Path, *, show: bool) -> None:
        import torch
        from datasets import Dataset
        from sentence_transformers import CrossEncoder
        from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments
        from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

        from sememe.train.base.hf_callbacks import CrossTrainer, isolate_rng_and_logging
        from sememe.train.sentence.length_batching import ByLength

        with isolate_rng_and_logging():
            torch.manual_seed(self.seed)  # of layers that the base lacks
            sigmoid = torch.nn.Sigmoid()
            model = CrossEncoder(str(run.base), num_labels=1, activation_fn=sigmoid)
            if self.max_tokens is not None:
                model.max_seq_length = self.max_tokens
            curve = self._fit_model(
                model,
                run,
                folder,
                trainer=CrossTrainer,
                options=CrossEncoderTrainingArguments,
                data=Dataset.from_dict(dict(run.examples.columns)),
                loss=BinaryCrossEntropyLoss(model),
                batch_sampler=ByLength,
                show=show,
            )
        self.model_ = model
        self.report_ = CrossReport(run.extra, len(run.examples), curve, self._notes(run, curve))

    def _score(self, examples: Examples) -> Examples:
        """Return the examples as scored pairs, with negatives if they are pairs."""
        if examples.kind != "pairs":
            return score_pairs(examples)
        if self.miner is None:
            triplets = add_random_negatives(examples, n=self.negatives, seed=self.seed)
        else:
            from sememe.encoders.load.by_name import load_text

            triplets = add_hard_negatives(examples, load_text(self.miner), n=self.negatives)
        if not len(triplets):
            raise InvalidInputError(
                f"none of the {len(examples)} pairs has a negative ({'; '.join(triplets.notes)}). "
                "Give more pairs, or triplets."
            )
        return score_pairs(triplets, pairs=examples)

    def _facts(self) -> dict[str, Any]:
        report = self.report_
        training = {"examples": report.n_examples, "kind": report.kind, "notes": report.notes}
        return {"base": self.base, "training": training}

    def _card(self) -> str:
        report = self.report_
        data = f"{report.n_examples} pairs of texts with a score, from examples of the kind "
        sections = {
            "Use": [
                "```python",
                "import sememe",
                "",
                'judge = sememe.CrossEncoder.load("this-folder")',
                'scores = judge.score([("a question", "an answer")])  # 0 to 1',
                "```",
                "",
                "The folder opens in sentence-transformers too, as a CrossEncoder.",
            ],
            "Data": [f"{data}{report.kind}.", "", *note_lines(report.notes)],
            "Results": table(curve_rows(report.curve)),
            "Settings": table(parameters(self)),
        }
        head = {
            "library_name": "sentence-transformers",
            "pipeline_tag": "text-ranking",
            "tags": ["sentence-transformers", "sememe", "cross-encoder"],
        }
        return model_card(f"A cross-encoder trained from {self.base}", head=head, sections=sections)


def score_pairs(examples: Examples, *, pairs: Examples | None = None) -> Examples:
    """Return examples as pairs of texts with a score from 0 to 1, each pair once.

    examples: Scored pairs or triplets. pairs: Where the triplets come from; all are positives.

    >>> triplets = read_examples([("a", "b", "c"), ("a", "b", "d")])
    >>> score_pairs(triplets).columns["sentence2"], score_pairs(triplets).columns["score"]
    (['b', 'c', 'd'], [1.0, 0.0, 0.0])
    """
    notes = list(examples.notes)
    columns = examples.columns
    if examples.kind == "scored":
        if min(columns["score"]) < 0:
            notes.append("scores brought from -1 to 1 to 0 to 1")
            columns = {**columns, "score": [(score + 1) / 2 for score in columns["score"]]}
        return Examples("scored", columns, examples.n_read, tuple(notes))
    right = columns if pairs is None else pairs.columns
    scores = dict.fromkeys(zip(right["anchor"], right["positive"], strict=True), 1.0)
    clashes = 0
    for pair in zip(columns["anchor"], columns["negative"], strict=True):
        clashes += scores.setdefault(pair, 0.0) == 1.0
    if clashes:
        notes.append(f"{clashes} negatives left out: their anchor has them as a positive elsewhere")
    first, second = map(list, zip(*scores, strict=True))
    columns = {"sentence1": first, "sentence2": second, "score": list(scores.values())}
    return Examples("scored", columns, examples.n_read, tuple(notes))


def _check_kind(examples: Examples, what: str) -> Examples:
    """Return examples that hold two texts each, or refuse them."""
    if examples.kind not in _READ:
        raise InvalidInputError(
            f"{what} has the kind {examples.kind!r}; a cross-encoder reads two texts at once. Give "
            "scored pairs (sentence1, sentence2, score), pairs (anchor, positive) or triplets "
            "(anchor, positive, negative); for others train a sentence encoder."
        )
    return examples


def _read_held_out(data: Data, *, seed: int) -> Examples:
    examples = _check_kind(read_examples(data, what=HELD_OUT), HELD_OUT)
    if examples.kind != "pairs":
        return examples
    triplets = add_random_negatives(examples, n=1, seed=seed)
    if not len(triplets):
        raise InvalidInputError(
            f"{HELD_OUT}: no pair has a negative. Give more pairs, or triplets."
        )
    return triplets


def _find_base(base: str, max_tokens: int | None) -> Path:
    """Return the base's folder; refuse one that scores several labels or has a lower limit."""
    from transformers import AutoConfig

    from sememe.models.weights.folder import ModelFolder, ModelKind

    folder = trainable(base)
    config = AutoConfig.from_pretrained(folder)
    if ModelFolder.open(folder).kind is ModelKind.CROSS_ENCODER and config.num_labels != 1:
        raise InvalidInputError(
            f"{base} gives each pair {config.num_labels} labels; a cross-encoder that is trained "
            "further gives one score. Give another base."
        )
    limit = getattr(config, "max_position_embeddings", None)
    if max_tokens is not None and limit is not None and max_tokens > limit:
        raise InvalidInputError(f"max_tokens={max_tokens}; {base} reads up to {limit}.")
    return folder
