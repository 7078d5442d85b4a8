"""Train a masked language model: Devlin et al. 2019, BERT (arXiv:1810.04805).

    MaskedTraining(size="tiny").fit("corpus.txt").save("mine")        # from scratch
    MaskedTraining(base="mine", epochs=1).fit("law.txt").save("law")  # goes on, on domain text
    sememe.MaskedLM.load("law").fill("The court [MASK] the appeal.")

Tokens are hidden and the network learns to tell them from their context. From scratch, the
tokenizer is trained on the same text. transformers opens the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.text.lines import Corpus, check_corpus, read_texts
from sememe.train.base.base_model import trainable, weights_digest
from sememe.train.base.curve import Plan, plan
from sememe.train.base.device import check_one_process
from sememe.train.base.hf_trainer import arguments, check_train_extra, run
from sememe.train.base.model_card import curve_rows, model_card, table
from sememe.train.base.options import TrainerRecipe, check, fell, fitted, option, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.mlm.network import (
    POSITIONS,
    SIZES,
    Size,
    begin,
    fresh_network,
    marks_of,
    text_ids,
    trained_tokenizer,
)
from sememe.train.mlm.packing import MARK, Blocks, Marks, read_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.base.curve import Curve

KIND = "masked-lm"
HEADLESS = (
    "the base has no head for masked tokens; one with random weights was put onto it, so masked "
    "accuracy before says nothing of the base"
)
_GOING_ON = 5e-5  # step size from a base
_HELD = 500  # rows held out, at most
_COUNTED = 8192  # rows counted at once


@dataclass(frozen=True, slots=True)
class MaskedReport:
    """What `fit` did.

    Attributes:
        n_tokens: Tokens of the corpus that were trained on, once.
        n_held: Masked tokens held out, on which accuracy is measured.
        vocab_size: Tokens the model knows.
        new_words: Words that became tokens.
        curve: Losses in nats, masked accuracy, times.
        unigram: The accuracy of always naming the most frequent token: the control.
        notes: What the figures do not say.
    """

    n_tokens: int
    n_held: int
    vocab_size: int
    new_words: tuple[str, ...]
    curve: Curve
    unigram: float
    notes: tuple[str, ...] = ()


@dataclass
class MaskedTraining(TrainerRecipe):
    """Trains a masked language model, from scratch or further from a base.

    Attributes:
        size: Size of the network: tiny, mini, small, medium or base; from scratch only.
        base: Model to continue from: a folder or hf:org/name of the BERT family; by default
            training starts from scratch.
        vocab_size: Vocabulary size, from scratch only; a small corpus gives fewer tokens.
        new_words: Words that become tokens of the base, each initialised to the mean of its pieces;
            or their number, taken from the corpus's most frequent words of three pieces or more.
        max_tokens: Length of a row, special tokens included; from scratch also the maximum length
            of a text.
        mask_prob: Fraction of the tokens to mask.
        whole_word: Mask all pieces of a word together.
        steps: Optimiser steps, in place of epochs.
        batch_size: Rows per step.
        learning_rate: Peak learning rate of AdamW; by default that of the size, with a base 5e-5.
        dropout: Dropout, from scratch only; a corpus seen only a few times needs none (Geiping &
            Goldstein 2022, arXiv:2212.14034).
        held_out: Fraction of the corpus held out for evaluation, from its end; at most 500 rows.

    Further options are those of `TrainerRecipe`.
    """

    size: Size = option("tiny", choices=tuple(SIZES), group="model")
    base: str | None = option(None, group="model", names=("-m", "--model"))
    _: KW_ONLY
    vocab_size: int = option(8192, at_least=300, group="model")
    new_words: int | Sequence[str] = option(0, group="model")
    max_tokens: int = option(128, at_least=8, at_most=POSITIONS, group="data")
    mask_prob: float = option(0.15, above=0, below=1, group="data")
    whole_word: bool = option(False, group="data")
    epochs: float = 1
    steps: int | None = option(None, at_least=1, group="optimisation")
    batch_size: int = option(64, at_least=1, group="optimisation")
    learning_rate: float | None = None
    warmup: float = 0.06
    dropout: float = option(0.0, at_least=0, below=1, group="model")
    held_out: float = option(0.02, above=0, below=1, group="evaluation")
    evaluations: int = 20
    tokenizer_: Any = field(default=None, init=False, repr=False)
    report_: MaskedReport = field(init=False, repr=False)

    def fit(
        self, corpus: Corpus, *, checkpoint: str | Path | None = None, show_progress: bool = False
    ) -> MaskedTraining:
        """Train on a text file (plain, .gz, .xz; blank lines part documents) or restartable texts.

        The last rows of the corpus are held out, a fiftieth unless told: masked accuracy is
        measured there, before training, during it and after. checkpoint: A folder for the run's
        state: killed, the same call goes on from there. It is left for the caller to delete.

        Raises:
            InvalidInputError, UnknownNameError: An option, the base or the corpus will not do;
                before any long work.
            MissingExtraError: The extra `train` is not installed.
            FloatingPointError: Training diverged.
        """
        check_train_extra("MaskedTraining.fit", self.device)
        check_one_process("MaskedTraining")
        self._check()
        check_corpus(corpus)
        facts = {"parameters": parameters(self), "corpus": digest(corpus)}
        if self.base is not None:
            facts["weights of the base"] = weights_digest(trainable(self.base))
        with checkpoint_folder(checkpoint, facts) as folder:
            self._train(corpus, folder, show=show_progress)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write the model as transformers writes it, with a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        report = fitted(self)
        facts = {
            "base": self.base,
            "parameters": parameters(self),
            "training": {
                "tokens": report.n_tokens,
                "vocab_size": report.vocab_size,
                "new_words": list(report.new_words),
                "unigram_accuracy": report.unigram,
            },
        }

        def write(fresh: Path) -> None:
            from sememe.train.base.hf_callbacks import a_quiet_guest

            with a_quiet_guest():
                self.model_.save_pretrained(str(fresh))
                self.tokenizer_.save_pretrained(str(fresh))

        return write_trained(
            Path(folder), KIND, write=write, facts=facts, card=_card(self), curve=report.curve
        )

    def _train(self, corpus: Corpus, folder: Path, *, show: bool) -> None:
        from sememe.train.base.hf_callbacks import a_quiet_guest
        from sememe.train.mlm.trainer import MaskedRows

        with a_quiet_guest():
            model, tokenizer, added = self._network(corpus, folder)
            marks = marks_of(tokenizer)
            learnt, aside = self._blocks(corpus, model, tokenizer, marks, folder, show=show)
            counts = _counts(learnt, len(tokenizer))
            if self.base is None:
                begin(model, counts)
            words = np.array(text_ids(tokenizer), np.int32)
            masks = partial(
                MaskedRows,
                marks=marks,
                words=words,
                seed=self.seed,
                prob=self.mask_prob,
                whole_word=self.whole_word,
            )
            held = masks(aside, n=len(aside.tokens), plain=True)
            found = plan(
                -(-len(learnt.tokens) // self.batch_size),
                epochs=self.epochs,
                accumulate=self.accumulate,
                evaluations=self.evaluations,
                steps=self.steps,
            )
            rows = masks(learnt, n=found.steps * self.batch_size * self.accumulate)
            trainer = self._trainer(model, rows, held, found, folder)
            curve = run(trainer, show_progress=show)
        self.model_, self.tokenizer_ = model, tokenizer
        headless = self.base is not None and not has_head(self.base)
        notes = (*((HEADLESS,) if headless else ()), *fell(curve))
        unigram, n_held = _unigram(counts, held)
        self.report_ = MaskedReport(
            n_tokens=learnt.n_tokens,
            n_held=n_held,
            vocab_size=len(tokenizer),
            new_words=added,
            curve=curve,
            unigram=unigram,
            notes=notes,
        )

    def _blocks(
        self, corpus: Corpus, model: Any, tokenizer: Any, marks: Marks, folder: Path, *, show: bool
    ) -> tuple[Blocks, Blocks]:
        """Return the rows to learn from, and those held out."""
        length = self.max_tokens
        if self.base is not None:  # RoBERTa's positions begin at 2
            length = min(length, model.config.max_position_embeddings - 2)
        blocks = read_blocks(
            corpus,
            tokenizer.backend_tokenizer,
            marks,
            length=length,
            folder=folder / "blocks",
            show=show,
        )
        n_held = min(_HELD, max(1, int(len(blocks.tokens) * self.held_out)))
        learnt, aside = blocks.split(n_held)
        if not len(learnt.tokens):
            raise InvalidInputError(
                f"the corpus has {blocks.n_tokens} tokens; one row of {length} is held out and "
                "none is left to train on. Give more text, or smaller max_tokens."
            )
        return learnt, aside

    def _trainer(self, model: Any, rows: Any, held: Any, found: Plan, folder: Path) -> Any:
        from transformers import EarlyStoppingCallback, TrainingArguments

        from sememe.train.mlm.trainer import MaskedTrainer

        args = arguments(
            TrainingArguments,
            folder,
            found,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate or self._usual_rate(),
            warmup=self.warmup,
            accumulate=self.accumulate,
            seed=self.seed,
            device=self.device,
            evaluated=True,
            metric_for_best_model="eval_accuracy",
            greater_is_better=True,
            remove_unused_columns=False,
        )
        stop = [] if self.patience is None else [EarlyStoppingCallback(self.patience)]
        return MaskedTrainer(model, args, train_dataset=rows, held=held, callbacks=stop)

    def _network(self, corpus: Corpus, folder: Path) -> tuple[Any, Any, tuple[str, ...]]:
        """Return the model, its tokenizer and the words that were added to it."""
        from transformers import AutoModelForMaskedLM, AutoTokenizer, set_seed

        set_seed(self.seed)
        if self.base is None:
            most = self.max_tokens
            place = folder / "tokenizer"
            tokenizer = trained_tokenizer(corpus, self.vocab_size, place, max_tokens=most)
            model = fresh_network(self.size, tokenizer, self.dropout, max_tokens=most)
            return model, tokenizer, ()
        base = str(trainable(self.base))
        tokenizer = AutoTokenizer.from_pretrained(base)
        tokenizer.backend_tokenizer.no_truncation()  # some files cut each text, and fill it up
        tokenizer.backend_tokenizer.no_padding()
        model = AutoModelForMaskedLM.from_pretrained(base)
        if not self.new_words:
            return model, tokenizer, ()
        from sememe.train.mlm.vocabulary_extension import add_words, frequent_words

        words = self.new_words
        if isinstance(words, int):
            words = frequent_words(corpus, tokenizer.backend_tokenizer, n=words)
        return model, tokenizer, add_words(model, tokenizer, words)

    def _usual_rate(self) -> float:
        return _GOING_ON if self.base is not None else SIZES[self.size][3]

    def _check(self) -> None:
        words = self.new_words
        if words and self.base is None:
            raise InvalidInputError("new_words extend a base; from scratch, raise vocab_size.")
        n_words = words if isinstance(words, int) else 0
        valid = n_words >= 0 and not isinstance(words, str)
        check(self, ("new_words", valid, "a number of at least 0, or a list of words"))


def has_head(base: str) -> bool:
    """Return whether a network can fill masks."""
    from sememe.models.bert.folder import read_sentence_folder
    from sememe.models.bert.mlm_head import check_has_head

    folder = read_sentence_folder(trainable(base))
    try:
        check_has_head(folder.config, folder.tensors(), where=base)
    except InvalidInputError:
        return False
    return True


def digest(corpus: Corpus) -> str:
    """Return a hash of a corpus's bytes, or of its texts."""
    found = hashlib.sha256()
    if isinstance(corpus, str | Path):
        with Path(corpus).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    for text in read_texts(corpus):
        found.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return found.hexdigest()


def _counts(learnt: Blocks, vocab_size: int) -> NDArray[np.int64]:
    """Return how often each token occurs: (vocab_size,)."""
    counts = np.zeros(vocab_size, np.int64)
    for start in range(0, len(learnt.tokens), _COUNTED):
        part = slice(start, start + _COUNTED)
        text = learnt.tokens[part][learnt.starts[part] != MARK]
        counts += np.bincount(text, minlength=vocab_size)
    return counts


def _unigram(counts: NDArray[np.int64], held: Any) -> tuple[float, int]:
    """Return how often the most frequent token is the masked one, and how many are masked."""
    labels = np.concatenate([held[i]["labels"] for i in range(len(held))])
    labels = labels[labels != -100]
    return float((labels == counts.argmax()).mean()), len(labels)


def _card(training: MaskedTraining) -> str:
    report = training.report_
    head = {"library_name": "transformers", "pipeline_tag": "fill-mask", "tags": ["sememe"]}
    use = [
        "```python",
        "import sememe",
        "",
        'sememe.MaskedLM.load("this-folder").fill("one [MASK] word")',
        "```",
    ]
    results = curve_rows(report.curve)
    results["accuracy of the most frequent token (control)"] = f"{report.unigram:.4f}"
    data = [f"{report.n_tokens:,} tokens, a vocabulary of {report.vocab_size:,}."]
    if report.new_words:
        data.append(f"New tokens: {', '.join(report.new_words[:50])}.")
    sections = {
        "Use": use,
        "Data": data,
        "Results": table(results),
        "Settings": table(parameters(training)),
    }
    title = f"A masked language model, {training.base or training.size}"
    return model_card(title, head=head, sections=sections)
