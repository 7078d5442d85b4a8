"""Adapt a sentence encoder to a domain: Gururangan et al. 2020 (arXiv:2004.10964).

    training = DomainAdaptation("all-minilm-l6-v2")
    training.fit("contracts.txt", examples="train.tsv", evaluate="dev.tsv").save("legal")
    sememe.load("legal")

Words of the domain become tokens; masked language modelling continues on its text; the network goes
back under the base's own pooling and is fine-tuned on examples, or on the text itself without any.
Each stage is measured, and the report notes the ones that did not help.

<checkpoint>/masked/, start/, sentence/, direct/    finished stages, which are not repeated
<checkpoint>/<stage>-run/                           the state of the stage in progress
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from sememe._atomic import replace_folder
from sememe._errors import InvalidInputError
from sememe._persistence import ABOUT
from sememe.text.lines import Corpus, check_corpus, read_texts
from sememe.text.normalize import well_formed
from sememe.train.base.base_model import trainable
from sememe.train.base.curve import Curve
from sememe.train.base.device import check_one_process
from sememe.train.base.hf_trainer import check_train_extra, write_quietly
from sememe.train.base.options import Recipe, describe_report, option, parameters
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.mlm.masked_lm import MaskedTraining, digest, has_head
from sememe.train.sentence.bi_encoder import SentenceTraining, open_model
from sememe.train.sentence.domain_report import DomainReport, add_notes, make_card
from sememe.train.sentence.evaluator import score_model
from sememe.train.sentence.examples import HELD_OUT, Data, Examples, read_examples, read_held_out
from sememe.train.sentence.losses import check_loss
from sememe.train.sentence.recipe import collect_notes, describe_run

_HELD = 0.1  # of the text, for masked accuracy
_MAX_TEXTS = 100_000  # of the corpus that become examples
_LINES = 2000  # texts tokenized at once


@dataclass
class DomainAdaptation(Recipe):
    """Adapts a sentence encoder to the text of a domain, and to examples where there are any.

    Attributes:
        base: Model to adapt: a name of the catalogue, a folder or hf:org/name, of the BERT family.
        new_words: Words that become tokens, each initialised to the mean of its pieces; or their
            number, taken from the corpus's most frequent words of three pieces or more.
        mlm_epochs: Passes over the corpus with masked words; 0 skips masking, and new words with
            it.
        mlm_learning_rate: Peak learning rate of masked language modelling.
        mlm_batch_size: Rows of 128 tokens per step of masked language modelling.
        keep: Weight of the base in the average with the weights after masking; 0 takes those alone
            (Wortsman et al. 2022, arXiv:2109.01903).
        loss: Loss of the sentence stage, see `sememe.train.sentence.losses`; by default the first
            for the kind of examples.
        epochs: Passes over the examples.
        batch_size: Examples per step.
        learning_rate: Peak learning rate of the sentence stage.
        compare: Also train the sentence stage from the base itself, to measure the gain of new
            words and masking.
        patience: Evaluations without improvement after which the sentence stage stops; by default
            it does not.

    Further options are those of `Recipe`.
    """

    folder_kind: ClassVar[str] = "domain"

    base: str = option("all-minilm-l6-v2", group="model", names=("-m", "--model"))
    _: KW_ONLY
    new_words: int | Sequence[str] = option(100, group="data")
    mlm_epochs: float = option(5, at_least=0, group="optimisation")
    mlm_learning_rate: float = option(5e-5, above=0, group="optimisation")
    mlm_batch_size: int = option(16, at_least=1, group="optimisation")
    keep: float = option(0.0, at_least=0, below=1, group="optimisation")
    loss: str | None = option(None, group="optimisation")
    epochs: float = 4
    batch_size: int = option(32, at_least=2, group="optimisation")
    learning_rate: float = 5e-5
    compare: bool = option(False, group="evaluation")
    evaluations: int = 12
    patience: int | None = option(None, at_least=1, group="evaluation", none=0)
    report_: DomainReport = field(init=False, repr=False)

    def fit(
        self,
        corpus: Corpus,
        *,
        examples: Data | None = None,
        evaluate: Data | None = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> Self:
        """Adapt to a text file (plain, .gz, .xz), or to texts that can be read more than once.

        examples: Of any kind, see `read_examples`; without them up to 100,000 texts of the corpus.
        evaluate: Held-out examples on which the base and each stage are measured; the weights of
        the sentence stage that score best on them are kept. checkpoint: A folder for the state of
        the run, to resume after a kill; the caller deletes it.

        Raises:
            InvalidInputError, UnknownNameError: An option, the base, the corpus or the examples
                are invalid; before any long work.
            MissingExtraError: The extra `train` is not installed.
            FloatingPointError: Training diverged.
        """
        check_train_extra("DomainAdaptation.fit", self.device)
        check_one_process("DomainAdaptation")
        check_corpus(corpus)
        self._check()
        base = trainable(self.base)
        data = read_examples(_sample_texts(corpus, self.seed) if examples is None else examples)
        loss = check_loss(self.loss, data.kind)
        held = read_held_out(evaluate)
        if held is not None and held.kind == "texts":
            raise InvalidInputError(
                f"{HELD_OUT} holds bare texts, which measure nothing. Give pairs, scored pairs, "
                "triplets or labels."
            )
        facts = {**describe_run(self, base, data, held), "corpus": digest(corpus)}
        with checkpoint_folder(checkpoint, facts) as folder:
            self._train(_Run(self, folder, held, show_progress), corpus, data, loss)
        return self

    def _write(self, folder: Path) -> None:
        write_quietly(self.model_, folder)
        text = json.dumps(describe_report(self.report_), ensure_ascii=False, indent=1)
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")

    def _facts(self) -> dict[str, Any]:
        return {"base": self.base}

    def _card(self) -> str:
        return make_card(self.report_, parameters(self))

    def _train(self, run: _Run, corpus: Corpus, data: Examples, loss: str) -> None:
        from sememe.train.base.hf_callbacks import isolate_rng_and_logging

        masked = run.mask(corpus) if self.mlm_epochs else None
        start = self.base if masked is None else str(run.start())
        curve = _curve(masked) if masked else None
        adapted = _curve(run.fine_tune("sentence", start, data))
        compared = run.fine_tune("direct", self.base, data) if self.compare and masked else None
        direct = _curve(compared) if compared else None
        from_base = direct if masked else adapted
        last = str(run.folder / "masked" if masked else self.base)
        report = DomainReport(
            base=self.base,
            kind=data.kind,
            loss=loss,
            n_examples=len(data),
            n_evaluated=0 if run.held is None else len(run.held),
            new_words=tuple(masked["training"]["new_words"]) if masked else (),
            tokens_per_word=(
                count_tokens_per_word(corpus, self.base),
                count_tokens_per_word(corpus, last),
            ),
            masked=(curve.before or 0.0, curve.after or 0.0) if curve else None,
            masked_control=masked["training"]["unigram_accuracy"] if masked else None,
            metric=adapted.metric,
            before=from_base.before if from_base else run.measure(self.base),
            after_masked=adapted.before if masked else None,
            after=adapted.after,
            direct=direct.after if direct else None,
            curve=adapted,
            notes=collect_notes(data, run.held),
        )
        with isolate_rng_and_logging():
            self.model_ = open_model(str(run.folder / "sentence"))
        self.report_ = add_notes(report, headless=not has_head(self.base))

    def _mask_recipe(self) -> MaskedTraining:
        return MaskedTraining(
            base=self.base,
            new_words=self.new_words,
            epochs=self.mlm_epochs or 1,
            batch_size=self.mlm_batch_size,
            learning_rate=self.mlm_learning_rate,
            held_out=_HELD,
            evaluations=self.evaluations,
            seed=self.seed,
            device=self.device,
        )

    def _sentence_recipe(self, base: str) -> SentenceTraining:
        names = ("loss", "epochs", "batch_size", "learning_rate", "evaluations", "patience")
        options = {name: getattr(self, name) for name in names}
        return SentenceTraining(base, **options, seed=self.seed, device=self.device)

    def _check(self) -> None:
        super()._check()
        self._mask_recipe()._check()
        self._sentence_recipe(self.base)._check()


@dataclass(frozen=True, slots=True)
class _Run:
    """The stages of a run; a finished one is not repeated."""

    training: DomainAdaptation
    folder: Path
    held: Examples | None
    show: bool

    def mask(self, corpus: Corpus) -> dict[str, Any]:
        """Add the words and continue masked language modelling; return its sememe.json."""
        return self._fit_stage("masked", self.training._mask_recipe(), corpus)

    def start(self) -> Path:
        """Put the masked network under the base's own pooling."""
        path = self.folder / "start"
        if not path.is_dir():
            model = graft_network(self.training.base, self.folder / "masked", self.training.keep)
            with replace_folder(path) as fresh:
                write_quietly(model, fresh)
        return path

    def fine_tune(self, stage: str, base: str, data: Examples) -> dict[str, Any]:
        """Fine-tune on the examples; return its sememe.json."""
        recipe = self.training._sentence_recipe(base)
        return self._fit_stage(stage, recipe, data, evaluate=self.held)

    def _fit_stage(self, stage: str, recipe: Any, data: Any, **more: Any) -> dict[str, Any]:
        path, state = self.folder / stage, self.folder / f"{stage}-run"
        if not path.is_dir():
            recipe.fit(data, checkpoint=state, show_progress=self.show, **more).save(path)
        shutil.rmtree(state, ignore_errors=True)
        about: dict[str, Any] = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        return about

    def measure(self, name: str) -> float | None:
        """Return the metric of an encoder on the held-out examples."""
        if self.held is None:
            return None
        from sememe.train.base.hf_callbacks import isolate_rng_and_logging

        with isolate_rng_and_logging():
            return next(iter(score_model(open_model(name), self.held).values()))


def graft_network(base: str, masked: Path, keep: float = 0.0) -> Any:
    """Return a sentence encoder with the network and the words of a masked language model.

    Pooling, the modules after it and the maximum length are the base's own. keep: Weight of the
    base in the average of weights that both have.
    """
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    from sememe.train.base.hf_callbacks import isolate_rng_and_logging

    with isolate_rng_and_logging(), torch.no_grad():
        model = open_model(base)
        limit = model.get_max_seq_length()
        tokenizer = AutoTokenizer.from_pretrained(str(masked))
        trained = AutoModelForMaskedLM.from_pretrained(str(masked)).base_model
        network = model.transformers_model
        network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        own = network.state_dict()
        n_old = len(open_tokenizer(base))
        table = network.get_input_embeddings().weight
        for name, rows in trained.state_dict().items():
            shared = own[name].data_ptr() == table.data_ptr()
            kept = n_old if shared else len(rows)
            mean = torch.lerp(rows[:kept].float(), own[name][:kept].float(), keep)
            own[name].copy_(rows)
            own[name][:kept].copy_(mean)
        model[0].processor = tokenizer
        model.max_seq_length = limit
    return model


def open_tokenizer(base: str) -> Any:
    """Return transformers' tokenizer of a network, which neither truncates nor pads."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(trainable(base)))
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def count_tokens_per_word(corpus: Corpus, base: str) -> float:
    """Return the mean number of tokens per word of a corpus, words separated by spaces."""
    tokenizer = open_tokenizer(base).backend_tokenizer
    n_words = n_tokens = 0
    lines = map(well_formed, read_texts(corpus))
    while texts := list(islice(lines, _LINES)):
        n_words += sum(len(text.split()) for text in texts)
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        n_tokens += sum(len(one.ids) for one in encodings)
    return n_tokens / max(1, n_words)


def _sample_texts(corpus: Corpus, seed: int) -> list[str]:
    """Return up to `_MAX_TEXTS` distinct texts of a corpus that are not blank, in their order."""
    texts = list(dict.fromkeys(line.strip() for line in read_texts(corpus) if line.strip()))
    if len(texts) <= _MAX_TEXTS:
        return texts
    chosen = np.random.default_rng(seed).choice(len(texts), _MAX_TEXTS, replace=False)
    return [texts[i] for i in np.sort(chosen)]


def _curve(about: dict[str, Any]) -> Curve:
    curve = about["curve"]
    points = {name: tuple(map(tuple, curve[name])) for name in ("losses", "metrics")}
    return Curve(**{**curve, **points})
