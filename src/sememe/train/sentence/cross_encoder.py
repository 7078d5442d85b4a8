"""Fine-tune a cross-encoder: Nogueira & Cho 2019 (arXiv:1901.04085), Reimers & Gurevych 2019.

    CrossTraining("all-minilm-l6-v2").fit("train.tsv", evaluate="dev.tsv").save("judge")
    sememe.CrossEncoder.load("judge").score([("a question", "an answer")])

A network reads both texts at once and says how well they go together, from 0 to 1; what it says is
brought to the examples' scores by binary cross-entropy. The trainer and the loss are those of
sentence-transformers, and the folder opens there. all-minilm-l6-v2 on 1,000 pairs of the STS
benchmark: minutes on a core, Spearman 0.77 on its test pairs (one seed).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe.train.base.base_model import trainable
from sememe.train.base.hf_trainer import check_train_extra, fit_model, write_quietly
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table
from sememe.train.base.options import TrainerRecipe, get_report, note_decline, option, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.sentence.evaluator import metric_of, score_model
from sememe.train.sentence.examples import Data, Examples, notes_of, read_examples, run_facts
from sememe.train.sentence.negatives import with_hard_negatives, with_random_negatives

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

KIND = "cross"
_READ = ("scored", "pairs", "triplets")


@dataclass(frozen=True, slots=True)
class CrossReport:
    """What `fit` did.

    Attributes:
        kind: What the examples said: scored, pairs or triplets.
        n_examples: How many pairs of texts with a score were trained on, negatives among them.
        curve: Losses, metrics and times. The metric is spearman for scored pairs held out, else the
            accuracy: how often a positive gets more than a negative (half of them by chance).
        notes: What was left out of the data, or added.
    """

    kind: str
    n_examples: int
    curve: Curve
    notes: tuple[str, ...]


@dataclass
class CrossTraining(TrainerRecipe):
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

    Further options are those of `TrainerRecipe`.
    """

    base: str = option("all-minilm-l6-v2", group="model", names=("-m", "--model"))
    _: KW_ONLY
    epochs: float = 4
    learning_rate: float = 5e-5
    max_tokens: int | None = option(None, at_least=3, group="data")
    negatives: int = option(4, at_least=1, group="data")
    miner: str | None = option(None, group="data")
    evaluations: int = 12
    report_: CrossReport = field(init=False, repr=False)

    def fit(
        self,
        data: Data,
        *,
        evaluate: Data | None = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> CrossTraining:
        """Train on examples; see `read_examples` for what they may be.

        evaluate: Examples held out; pairs get a random other as a negative. The weights that are
        best on them are kept, and training stops when they no longer get better. checkpoint: A
        folder for the run's state: killed, the same call goes on from there. It is left for the
        caller to delete.

        Raises:
            InvalidInputError, UnknownNameError: An option, the base or the examples will not do;
                before any long work.
            MissingExtraError: The extra `train` is not installed.
            FloatingPointError: Training diverged.
        """
        check_train_extra("CrossTraining.fit", self.device)
        self._check()
        read = _of_pairs(read_examples(data), "the training data")
        if self.miner is not None and read.kind != "pairs":
            raise InvalidInputError(
                f"miner={self.miner!r} finds negatives for pairs, the data has the kind "
                f"{read.kind!r}. Leave it out."
            )
        aside = None if evaluate is None else _held_out(evaluate, seed=self.seed)
        folder = _base(self.base, self.max_tokens)
        examples = self._scored(read)
        with checkpoint_folder(checkpoint, run_facts(self, folder, examples, aside)) as state:
            curve = self._train(folder, examples, aside, state, show_progress=show_progress)
        notes = (*notes_of(examples, aside), *note_decline(curve))
        self.report_ = CrossReport(read.kind, len(examples), curve, notes)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write the cross-encoder as sentence-transformers writes it, with a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        report = get_report(self)
        training = {"examples": report.n_examples, "kind": report.kind, "notes": report.notes}
        return write_trained(
            Path(folder),
            KIND,
            write=lambda fresh: write_quietly(self.model_, fresh),
            facts={"base": self.base, "parameters": parameters(self), "training": training},
            card=_card(self),
            curve=report.curve,
        )

    def _train(
        self,
        base: Path,
        examples: Examples,
        aside: Examples | None,
        state: Path,
        *,
        show_progress: bool,
    ) -> Curve:
        from datasets import Dataset
        from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments
        from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

        from sememe.train.base.hf_callbacks import CrossTrainer, Measured, isolate_rng_and_logging
        from sememe.train.sentence.length_batching import ByLength

        with isolate_rng_and_logging():
            model = _open(base, max_tokens=self.max_tokens, seed=self.seed)
            curve = fit_model(
                self,
                model,
                state,
                trainer=CrossTrainer,
                options=CrossEncoderTrainingArguments,
                data=Dataset.from_dict(dict(examples.columns)),
                loss=BinaryCrossEntropyLoss(model),
                held_out=None if aside is None else Measured(lambda m: score_model(m, aside)),
                metric=metric_of(aside),
                show_progress=show_progress,
                batch_sampler=ByLength,
            )
        self.model_ = model
        return curve

    def _scored(self, examples: Examples) -> Examples:
        if examples.kind != "pairs":
            return scored_pairs(examples)
        if self.miner is None:
            found = with_random_negatives(examples, n=self.negatives, seed=self.seed)
        else:
            from sememe.encoders.load.by_name import load_text

            found = with_hard_negatives(examples, load_text(self.miner), n=self.negatives)
        if not len(found):
            raise InvalidInputError(
                f"none of the {len(examples)} pairs has a negative ({'; '.join(found.notes)}). "
                "Give more pairs, or triplets."
            )
        return scored_pairs(found, pairs=examples)


def scored_pairs(examples: Examples, *, pairs: Examples | None = None) -> Examples:
    """Return examples as pairs of texts with a score from 0 to 1, each pair once.

    examples: Scored pairs or triplets. pairs: Where the triplets come from; all count as positive.

    >>> found = scored_pairs(read_examples([("a", "b", "c"), ("a", "b", "d")]))
    >>> found.columns["sentence2"], found.columns["score"]
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
    return Examples("scored", _columns(scores, scores.values()), examples.n_read, tuple(notes))


def _columns(pairs: Iterable[tuple[str, str]], scores: Iterable[float]) -> dict[str, list[Any]]:
    first, second = zip(*pairs, strict=True)
    return {"sentence1": list(first), "sentence2": list(second), "score": list(scores)}


def _of_pairs(examples: Examples, what: str) -> Examples:
    """Refuse examples that say nothing of two texts."""
    if examples.kind not in _READ:
        raise InvalidInputError(
            f"{what} has the kind {examples.kind!r}; a cross-encoder reads two texts at once. Give "
            "scored pairs (sentence1, sentence2, score), pairs (anchor, positive) or triplets "
            "(anchor, positive, negative); for others train a sentence encoder."
        )
    return examples


def _held_out(data: Data, *, seed: int) -> Examples:
    what = "the data of evaluate"
    examples = _of_pairs(read_examples(data, what=what), what)
    if examples.kind != "pairs":
        return examples
    found = with_random_negatives(examples, n=1, seed=seed)
    if not len(found):
        raise InvalidInputError(f"{what}: no pair has a negative. Give more pairs, or triplets.")
    return found


def _base(base: str, max_tokens: int | None) -> Path:
    """Return the base's folder.

    Raises:
        InvalidInputError, UnknownNameError: It is no network, reads less, or tells several labels.
    """
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


def _open(folder: Path, *, max_tokens: int | None, seed: int) -> Any:
    """Open a base as sentence-transformers does; a layer that it lacks is drawn by the seed."""
    import torch
    from sentence_transformers import CrossEncoder

    torch.manual_seed(seed)
    model = CrossEncoder(str(folder), num_labels=1, activation_fn=torch.nn.Sigmoid())
    if max_tokens is not None:
        model.max_seq_length = max_tokens
    return model


def _card(training: CrossTraining) -> str:
    report = training.report_
    head = {
        "library_name": "sentence-transformers",
        "pipeline_tag": "text-ranking",
        "tags": ["sentence-transformers", "sememe", "cross-encoder"],
    }
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
        "Data": [
            f"{report.n_examples} pairs of texts with a score, from examples of the kind "
            f"{report.kind}.",
            "",
            *note_lines(report.notes),
        ],
        "Results": table(curve_rows(report.curve)),
        "Settings": table(parameters(training)),
    }
    return model_card(f"A cross-encoder trained from {training.base}", head=head, sections=sections)
