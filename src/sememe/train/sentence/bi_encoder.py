"""Fine-tune a sentence encoder: Reimers & Gurevych 2019, Sentence-BERT (arXiv:1908.10084).

    SentenceTraining("all-minilm-l6-v2").fit("train.tsv", evaluate="dev.tsv").save("mine")
    sememe.load("mine")

A network encodes each text alone; its vectors are pulled together or pushed apart as the examples
require. Trainer and losses are those of sentence-transformers, which opens the folder too.
all-minilm-l6-v2 on the STS benchmark (5,749 pairs) takes minutes on 2 cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sememe._errors import InvalidInputError
from sememe.train.base.base_model import trainable
from sememe.train.base.model_card import curve_rows, encoder_card, table
from sememe.train.base.options import option, parameters
from sememe.train.sentence import losses
from sememe.train.sentence.evaluator import score_examples
from sememe.train.sentence.examples import Data, Examples, read_examples, read_held_out
from sememe.train.sentence.negatives import add_hard_negatives
from sememe.train.sentence.recipe import ExampleRecipe, Run
from sememe.vectors.nearest import unit

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve


@dataclass(frozen=True, slots=True)
class SentenceReport:
    """What `fit` did.

    Attributes:
        kind: Kind of the examples: pairs, scored, triplets, labels or texts.
        loss: Name of the loss.
        n_examples: Number of training examples.
        curve: Losses, metrics and times.
        dims: The metric at each of `dims`, where examples were held out.
        notes: What was left out of the data, or changed.
    """

    kind: str
    loss: str
    n_examples: int
    curve: Curve
    dims: dict[int, float]
    notes: tuple[str, ...]


@dataclass
class SentenceTraining(ExampleRecipe):
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

    folder_kind: ClassVar[str] = "sentence"

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

    def _prepare(self, data: Data, evaluate: Data | None) -> Run:
        base = trainable(self.base)
        examples, held = read_examples(data), read_held_out(evaluate)
        examples = self._add_negatives(examples)
        loss = losses.check_loss(self.loss, examples.kind)
        return Run(base, examples, held, extra=loss)

    def _train(self, run: Run, folder: Path, *, show: bool) -> None:
        from sememe.train.base.hf_callbacks import isolate_rng_and_logging

        loss, held = run.extra, run.held
        with isolate_rng_and_logging():
            model = open_model(
                self.base, max_tokens=self.max_tokens, dims=self.dims, seed=self.seed
            )
            if loss == "simcse":
                losses.drop_out(model)
            widths = {*self.dims, _width(model)} if self.dims else ()
            curve = self._fit_model(
                model,
                run,
                folder,
                data=losses.make_dataset(run.examples, loss, seed=self.seed),
                loss=losses.make_loss(
                    loss,
                    model,
                    temperature=self.temperature,
                    margin=self.margin,
                    dims=sorted(widths, reverse=True),
                ),
                batch_sampler=losses.choose_sampler(loss),
                show=show,
            )
            scores = {} if held is None else _score_widths(model, held, self.dims)
        self.model_ = model
        kind, n, notes = run.examples.kind, len(run.examples), self._notes(run, curve)
        self.report_ = SentenceReport(kind, loss, n, curve, scores, notes)

    def _add_negatives(self, examples: Examples) -> Examples:
        if not self.hard_negatives:
            return examples
        if examples.kind != "pairs":
            raise InvalidInputError(
                f"hard_negatives={self.hard_negatives} are mined for pairs, the data has the kind "
                f"{examples.kind!r}. Leave it out."
            )
        from sememe.encoders.load.by_name import load_text

        return add_hard_negatives(examples, load_text(self.base), n=self.hard_negatives)

    def _facts(self) -> dict[str, Any]:
        report = self.report_
        names = ("kind", "loss", "notes", "dims")
        training = {name: getattr(report, name) for name in names}
        return {"base": self.base, "training": {"examples": report.n_examples, **training}}

    def _card(self) -> str:
        report, options = self.report_, parameters(self)
        results = curve_rows(report.curve)
        for dim, value in report.dims.items():
            results[f"{report.curve.metric}, {dim} dimensions"] = f"{value:.4f}"
        given = {name: value for name, value in options.items() if value not in ((), [])}
        return encoder_card(
            f"A sentence encoder trained from {self.base}",
            data=f"{report.n_examples} examples of the kind {report.kind}.",
            notes=report.notes,
            results=table(results),
            settings={"loss used": report.loss, **given},
        )


def open_model(
    base: str, *, max_tokens: int | None = None, dims: Sequence[int] = (), seed: int = 0
) -> Any:
    """Open a base for training, as sentence-transformers does.

    seed: Of the weights that the base lacks, such as a pooler that no sentence vector uses.

    Raises:
        InvalidInputError, UnknownNameError: No such encoder, or one without a network; `dims` or
            `max_tokens` exceed its own.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    torch.manual_seed(seed)
    model = SentenceTransformer(str(trainable(base)))
    width = _width(model)
    if beyond := [dim for dim in dims if dim > width]:
        raise InvalidInputError(f"dims={list(dims)}: {base} has {width}; {beyond[0]} is beyond.")
    limit = model.get_max_seq_length()
    if max_tokens is not None:
        if limit is not None and max_tokens > limit:
            raise InvalidInputError(f"max_tokens={max_tokens}; {base} reads up to {limit}.")
        model.max_seq_length = max_tokens
    return model


def _width(model: Any) -> int:
    return int(model.get_embedding_dimension())


def _score_widths(model: Any, held: Examples, dims: Sequence[int]) -> dict[int, float]:
    """Return the metric of vectors truncated to each of `dims`."""

    def score(dim: int) -> float:
        def encode(texts: list[str]) -> Any:
            return unit(model.encode(texts, show_progress_bar=False)[:, :dim])

        return next(iter(score_examples(held, encode=encode).values()))

    return {dim: score(dim) for dim in sorted(dims)}
