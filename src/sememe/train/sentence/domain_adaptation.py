"""Adapt a sentence encoder to a domain: Gururangan et al. 2020 (arXiv:2004.10964).

    training = DomainAdaptation("all-minilm-l6-v2")
    training.fit("contracts.txt", examples="train.tsv", evaluate="dev.tsv").save("legal")
    sememe.load("legal")

One road: the domain's words become tokens; masked language modelling goes on, on its text; the
network is put back under the base's own pooling and is fine-tuned on examples, or on the text
itself where there are none. What each step gave is measured, and what did not help is said.

<checkpoint>/masked/, start/, sentence/, direct/    what a finished stage left: it is not repeated
<checkpoint>/<stage>-run/                           the state of the stage that a kill met
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sememe._atomic import replace_folder
from sememe._errors import InvalidInputError
from sememe._persistence import ABOUT
from sememe.text.lines import Corpus, check_corpus, read_texts
from sememe.text.normalize import well_formed
from sememe.train.base.base_model import trainable, weights_digest
from sememe.train.base.curve import Curve
from sememe.train.base.device import check_one_process
from sememe.train.base.hf_trainer import check_train_extra, write_quietly
from sememe.train.base.options import Recipe, get_report, option, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.mlm.masked_lm import MaskedTraining, digest, has_head
from sememe.train.sentence.bi_encoder import SentenceTraining, open_model
from sememe.train.sentence.domain_report import DomainReport, card, notes_on
from sememe.train.sentence.evaluator import score_model
from sememe.train.sentence.examples import Data, Examples, notes_of, read_examples
from sememe.train.sentence.losses import check_loss

KIND = "domain"
_HELD = 0.1  # of the text, for masked accuracy
_MOST = 100_000  # texts of the corpus that make examples, at most
_LINES = 2000  # texts cut into tokens at once


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
    ) -> DomainAdaptation:
        """Adapt to a text file (plain, .gz, .xz), or to texts that can be read more than once.

        examples: Of any kind, see `read_examples`; without them the texts of the corpus, 100,000
        at most. evaluate: Examples held out, on which the base and each stage are measured; the
        best weights of the sentence stage are kept. checkpoint: A folder for the run's state:
        killed, the same call goes on in the stage it was in. It is left for the caller to delete.

        Raises:
            InvalidInputError, UnknownNameError: An option, the base, the corpus or the examples
                will not do; before any long work.
            MissingExtraError: The extra `train` is not installed.
            FloatingPointError: Training diverged.
        """
        check_train_extra("DomainAdaptation.fit", self.device)
        check_one_process("DomainAdaptation")
        check_corpus(corpus)
        self._check()
        base = trainable(self.base)
        found = read_examples(_own_texts(corpus, self.seed) if examples is None else examples)
        loss = check_loss(self.loss, found.kind)
        aside = None if evaluate is None else read_examples(evaluate, what="the data of evaluate")
        if aside is not None and aside.kind == "texts":
            raise InvalidInputError(
                "the data of evaluate holds bare texts, which say nothing to measure. Give pairs, "
                "scored pairs, triplets or labels."
            )
        facts = {
            "parameters": parameters(self),
            "corpus": digest(corpus),
            "weights of the base": weights_digest(base),
            "data": found.digest(),
            "evaluate": None if aside is None else aside.digest(),
        }
        with checkpoint_folder(checkpoint, facts) as state:
            run = _Run(self, state, aside, show_progress)
            self._train(run, corpus, found, loss)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write the encoder as sentence-transformers writes it, with report.json, a card, a curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        report = get_report(self)
        told = {name: value for name, value in asdict(report).items() if name != "curve"}

        def write(fresh: Path) -> None:
            write_quietly(self.model_, fresh)
            text = json.dumps(told, ensure_ascii=False, indent=1)
            (fresh / "report.json").write_text(text + "\n", encoding="utf-8")

        return write_trained(
            Path(folder),
            KIND,
            write=write,
            facts={"base": self.base, "parameters": parameters(self), "training": told},
            card=card(report, parameters(self)),
            curve=report.curve,
        )

    def _train(self, run: _Run, corpus: Corpus, found: Examples, loss: str) -> None:
        from sememe.train.base.hf_callbacks import isolate_rng_and_logging

        masked = run.masked(corpus) if self.mlm_epochs else None
        start = self.base if masked is None else str(run.start())
        adapted = run.sentence("sentence", start, found)
        direct = run.sentence("direct", self.base, found) if self.compare and masked else None
        before = run.measure(self.base)
        words = (
            tokens_per_word(corpus, self.base),
            tokens_per_word(corpus, str(run.state / "masked" if masked else self.base)),
        )
        report = DomainReport(
            base=self.base,
            kind=found.kind,
            loss=loss,
            n_examples=len(found),
            n_evaluated=0 if run.aside is None else len(run.aside),
            new_words=tuple(masked["training"]["new_words"]) if masked else (),
            tokens_per_word=words,
            masked=_ends(_curve(masked)) if masked else None,
            masked_control=masked["training"]["unigram_accuracy"] if masked else None,
            metric=_curve(adapted).metric,
            before=before,
            after_masked=run.measure(start) if masked else None,
            after=_curve(adapted).after,
            direct=None if direct is None else _curve(direct).after,
            curve=_curve(adapted),
            notes=notes_of(found, run.aside),
        )
        with isolate_rng_and_logging():
            self.model_ = open_model(str(run.state / "sentence"))
        self.report_ = notes_on(report, headless=not has_head(self.base))

    def _masked(self) -> MaskedTraining:
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

    def _sentence(self, base: str) -> SentenceTraining:
        return SentenceTraining(
            base,
            loss=self.loss,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            evaluations=self.evaluations,
            patience=self.patience,
            seed=self.seed,
            device=self.device,
        )

    def _check(self) -> None:
        super()._check()
        self._masked()._check()
        self._sentence(self.base)._check()


@dataclass(frozen=True, slots=True)
class _Run:
    """The stages of a run; a stage that has left its folder is not repeated."""

    training: DomainAdaptation
    state: Path
    aside: Examples | None
    show: bool

    def masked(self, corpus: Corpus) -> dict[str, Any]:
        """Add the words and go on with masking; return what its sememe.json says."""
        place, own = self.state / "masked", self.state / "masked-run"
        if not place.is_dir():
            recipe = self.training._masked()
            recipe.fit(corpus, checkpoint=own, show_progress=self.show).save(place)
        shutil.rmtree(own, ignore_errors=True)
        return _about(place)

    def start(self) -> Path:
        """Put the masked network under the base's own pooling."""
        place = self.state / "start"
        if not place.is_dir():
            model = grafted(self.training.base, self.state / "masked", keep=self.training.keep)
            with replace_folder(place) as fresh:
                write_quietly(model, fresh)
        return place

    def sentence(self, stage: str, base: str, found: Examples) -> dict[str, Any]:
        """Fine-tune on the examples; return what its sememe.json says."""
        place, own = self.state / stage, self.state / f"{stage}-run"
        if not place.is_dir():
            recipe = self.training._sentence(base)
            recipe.fit(found, evaluate=self.aside, checkpoint=own, show_progress=self.show).save(
                place
            )
        shutil.rmtree(own, ignore_errors=True)
        return _about(place)

    def measure(self, name: str) -> float | None:
        """Return the figure of an encoder on the examples held out."""
        if self.aside is None:
            return None
        from sememe.train.base.hf_callbacks import isolate_rng_and_logging

        with isolate_rng_and_logging():
            model = open_model(name)
            return next(iter(score_model(model, self.aside).values()))


def grafted(base: str, masked: Path, *, keep: float = 0.0) -> Any:
    """Return a sentence encoder with the network and the words of a masked language model.

    Pooling, and what stands behind it, are the base's own, and so is the longest text. keep: Share
    of the base's weights in those that both have.
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
    """Return transformers' tokenizer of a network, which neither cuts nor fills up."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(trainable(base)))
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def tokens_per_word(corpus: Corpus, base: str) -> float:
    """Return into how many tokens a word of a corpus is cut on average, its punctuation with it.

    Words are parted by spaces.
    """
    cutter = open_tokenizer(base).backend_tokenizer
    n_words = n_tokens = 0
    lines = map(well_formed, read_texts(corpus))
    while texts := list(islice(lines, _LINES)):
        n_words += sum(len(text.split()) for text in texts)
        cut = cutter.encode_batch(texts, add_special_tokens=False)
        n_tokens += sum(len(one.ids) for one in cut)
    return n_tokens / max(1, n_words)


def _own_texts(corpus: Corpus, seed: int) -> list[str]:
    """Return the texts of a corpus that are not blank, so many at most, in their order."""
    texts = list(dict.fromkeys(line.strip() for line in read_texts(corpus) if line.strip()))
    if len(texts) <= _MOST:
        return texts
    chosen = np.random.default_rng(seed).choice(len(texts), _MOST, replace=False)
    return [texts[i] for i in np.sort(chosen)]


def _about(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / ABOUT).read_text(encoding="utf-8"))
    return found


def _curve(about: dict[str, Any]) -> Curve:
    told = about["curve"]
    points = {name: tuple(map(tuple, told[name])) for name in ("losses", "metrics")}
    return Curve(**{**told, **points})


def _ends(curve: Curve) -> tuple[float, float]:
    return float(curve.before or 0), float(curve.after or 0)
