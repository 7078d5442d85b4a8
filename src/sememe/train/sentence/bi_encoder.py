"""Fine-tune a sentence encoder: Reimers & Gurevych 2019, Sentence-BERT (arXiv:1908.10084).

    SentenceTraining("all-minilm-l6-v2").fit("train.tsv", evaluate="dev.tsv").save("mine")
    sememe.load("mine")

A network reads two texts apart and its vectors are pulled together or pushed apart, as the examples
say. The trainer and the losses are those of sentence-transformers, and the folder opens there.
all-minilm-l6-v2 on the STS benchmark (5,749 pairs) takes minutes on 2 cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe.train.base.base_model import trainable
from sememe.train.base.hf_trainer import check_train_extra, fit_model, write_quietly
from sememe.train.base.model_card import curve_rows, encoder_card, table
from sememe.train.base.options import TrainerRecipe, get_report, note_decline, option, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.sentence.evaluator import metric_of, score_model
from sememe.train.sentence.examples import Data, Examples, notes_of, read_examples, run_facts
from sememe.train.sentence.losses import check_loss, dataset, drop_out, make_loss, sampler

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

KIND = "sentence"


@dataclass(frozen=True, slots=True)
class SentenceReport:
    """What `fit` did.

    Attributes:
        kind: What the examples said: pairs, scored, triplets, labels or texts.
        loss: The loss that was used.
        n_examples: How many were trained on.
        curve: Losses, metrics and times.
        dims: The metric of each width, where `dims` were given and examples held out.
        notes: What was left out of the data, or changed.
    """

    kind: str
    loss: str
    n_examples: int
    curve: Curve
    dims: dict[int, float]
    notes: tuple[str, ...]


@dataclass
class SentenceTraining(TrainerRecipe):
    """Trains a sentence encoder on pairs, scored pairs, triplets, labels or bare texts.

    Attributes:
        base: Model to fine-tune: a name of the catalogue, a folder (a sentence encoder, or a bare
            network as `sememe train mlm` writes it, pooled by the mean) or hf:org/name.
        loss: Loss function: multiple-negatives-ranking or triplet for pairs and triplets, cosent or
            cosine for scored pairs, batch-all-triplet for labels, simcse or tsdae for texts; by
            default the first for the kind of examples. See `sememe.train.sentence.losses`.
        max_tokens: Maximum length of a text, in tokens; longer ones are truncated. By default the
            base's own limit.
        temperature: Divisor of cosines in multiple-negatives-ranking, simcse and cosent.
        margin: Margin of the triplet losses, in cosine distance.
        dims: Dimensions that vectors can be truncated to (Matryoshka).
        hard_negatives: Hard negatives per pair, mined by the base before training.

    Further options are those of `TrainerRecipe`. Larger batches give more in-batch negatives.
    """

    base: str = option("all-minilm-l6-v2", group="model", names=("-m", "--model"))
    loss: str | None = option(None, group="optimisation")
    _: KW_ONLY
    epochs: float = 4
    learning_rate: float = 5e-5
    max_tokens: int | None = option(None, at_least=3, group="data")
    temperature: float = option(0.05, above=0, group="optimisation")
    margin: float = option(0.3, above=0, below=2, group="optimisation")
    dims: Sequence[int] = option((), at_least=1, group="model")
    hard_negatives: int = option(0, at_least=0, group="data")
    evaluations: int = 12
    report_: SentenceReport = field(init=False, repr=False)

    def fit(
        self,
        data: Data,
        *,
        evaluate: Data | None = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> SentenceTraining:
        """Train on examples; see `read_examples` for what they may be.

        evaluate: Examples held out. The weights that are best on them are kept, and training stops
        when they no longer get better. checkpoint: A folder for the run's state: killed, the same
        call goes on from there. It is left for the caller to delete.

        Raises:
            InvalidInputError, UnknownNameError: An option, the base or the examples will not do;
                before any long work.
            MissingExtraError: The extra `train` is not installed.
            FloatingPointError: Training diverged.
        """
        check_train_extra("SentenceTraining.fit", self.device)
        self._check()
        base = trainable(self.base)
        examples = read_examples(data)
        aside = None if evaluate is None else read_examples(evaluate, what="the data of evaluate")
        examples = self._with_negatives(examples)
        loss = check_loss(self.loss, examples.kind)
        with checkpoint_folder(checkpoint, run_facts(self, base, examples, aside)) as folder:
            self._train(examples, aside, loss, folder, show_progress=show_progress)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write the encoder as sentence-transformers writes it, with a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        report = get_report(self)
        facts = {
            "base": self.base,
            "parameters": parameters(self),
            "training": {
                "examples": report.n_examples,
                "kind": report.kind,
                "loss": report.loss,
                "notes": report.notes,
                "dims": report.dims,
            },
        }
        return write_trained(
            Path(folder),
            KIND,
            write=lambda fresh: write_quietly(self.model_, fresh),
            facts=facts,
            card=_card(self),
            curve=report.curve,
        )

    def _train(
        self,
        examples: Examples,
        aside: Examples | None,
        loss: str,
        folder: Path,
        *,
        show_progress: bool,
    ) -> None:
        from sentence_transformers import SentenceTransformerTrainingArguments

        from sememe.train.base.hf_callbacks import (
            Measured,
            SentenceTrainer,
            isolate_rng_and_logging,
        )

        with isolate_rng_and_logging():
            model = open_model(
                self.base, max_tokens=self.max_tokens, dims=self.dims, seed=self.seed
            )
            if loss == "simcse":
                drop_out(model)
            curve = fit_model(
                self,
                model,
                folder,
                trainer=SentenceTrainer,
                options=SentenceTransformerTrainingArguments,
                data=dataset(examples, loss, seed=self.seed),
                loss=make_loss(
                    loss,
                    model,
                    temperature=self.temperature,
                    margin=self.margin,
                    dims=_with_whole(self.dims, model),
                ),
                held_out=None if aside is None else Measured(lambda m: score_model(m, aside)),
                metric=metric_of(aside),
                show_progress=show_progress,
                batch_sampler=sampler(loss),
            )
            widths = {} if aside is None else _widths(model, aside, self.dims)
        self.model_ = model
        self.report_ = SentenceReport(
            examples.kind,
            loss,
            len(examples),
            curve,
            widths,
            (*notes_of(examples, aside), *note_decline(curve)),
        )

    def _with_negatives(self, examples: Examples) -> Examples:
        if not self.hard_negatives:
            return examples
        if examples.kind != "pairs":
            raise InvalidInputError(
                f"hard_negatives={self.hard_negatives} are mined for pairs, the data has the kind "
                f"{examples.kind!r}. Leave it out."
            )
        from sememe.encoders.load.by_name import load_text
        from sememe.train.sentence.negatives import with_hard_negatives

        return with_hard_negatives(examples, load_text(self.base), n=self.hard_negatives)


def open_model(
    base: str, *, max_tokens: int | None = None, dims: Sequence[int] = (), seed: int = 0
) -> Any:
    """Open a base for training, as sentence-transformers does.

    seed: Of the weights that the base lacks, as a pooler that no sentence vector uses.

    Raises:
        InvalidInputError, UnknownNameError: No such encoder, or one without a network; a width or
            a length beyond it.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    torch.manual_seed(seed)
    model = SentenceTransformer(str(trainable(base)))
    width = int(model.get_embedding_dimension())
    if beyond := [dim for dim in dims if dim > width]:
        raise InvalidInputError(f"dims={list(dims)}: {base} has {width}; {beyond[0]} is beyond.")
    limit = model.get_max_seq_length()
    if max_tokens is not None:
        if limit is not None and max_tokens > limit:
            raise InvalidInputError(f"max_tokens={max_tokens}; {base} reads up to {limit}.")
        model.max_seq_length = max_tokens
    return model


def _with_whole(dims: Sequence[int], model: Any) -> list[int]:
    """Return the widths to train, greatest first, the model's own among them."""
    return sorted({*dims, int(model.get_embedding_dimension())}, reverse=True) if dims else []


def _widths(model: Any, aside: Examples, dims: Sequence[int]) -> dict[int, float]:
    """Return the metric of the first so many dimensions."""
    from sememe.train.sentence.evaluator import score_examples
    from sememe.vectors.nearest import unit

    found = {}
    for dim in sorted(dims):

        def encode(texts: list[str], dim: int = dim) -> Any:
            return unit(model.encode(texts, show_progress_bar=False)[:, :dim])

        found[dim] = next(iter(score_examples(aside, encode=encode).values()))
    return found


def _card(training: SentenceTraining) -> str:
    report = training.report_
    options = {name: value for name, value in parameters(training).items() if value not in ((), [])}
    results = curve_rows(report.curve)
    for dim, value in report.dims.items():
        results[f"{report.curve.metric}, {dim} dimensions"] = f"{value:.4f}"
    return encoder_card(
        f"A sentence encoder trained from {training.base}",
        data=f"{report.n_examples} examples of the kind {report.kind}.",
        notes=report.notes,
        results=table(results),
        settings={"loss used": report.loss, **options},
    )
