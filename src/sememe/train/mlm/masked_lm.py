"""Train a masked language model: Devlin et al. 2019, BERT (arXiv:1810.04805).

    MaskedTraining(size="tiny").fit("corpus.txt").save("mine")        # from scratch
    MaskedTraining(base="mine", epochs=1).fit("law.txt").save("law")  # goes on, on domain text
    sememe.MaskedLM.load("law").fill("The court [MASK] the appeal.")

Tokens are masked and the network learns to predict them from their context. From scratch, the
tokenizer is trained on the same text. transformers opens the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sememe._errors import InvalidInputError
from sememe._persistence import hash_file
from sememe.text.lines import Corpus, check_corpus, read_texts
from sememe.train.base import hf_trainer
from sememe.train.base.base_model import trainable, weights_digest
from sememe.train.base.device import check_one_process
from sememe.train.base.model_card import curve_rows, model_card, table
from sememe.train.base.options import TrainerRecipe, check, note_decline, option, parameters
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.mlm import network
from sememe.train.mlm.network import POSITIONS, SIZES, Size
from sememe.train.mlm.packing import MARK, Blocks, Marks, read_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.base.curve import Curve, Plan

HEADLESS = (
    "the base has no head for masked tokens and got one with random weights, so masked accuracy "
    "before does not measure the base"
)
_BASE_RATE = 5e-5  # learning rate from a base
_MAX_HELD_OUT = 500  # rows
_COUNTED = 8192  # rows counted at once


@dataclass(frozen=True, slots=True)
class MaskedReport:
    """The report of `fit`.

    Attributes:
        n_tokens: Tokens of the training corpus, counted once.
        n_held: Masked tokens held out, on which accuracy is measured.
        vocab_size: Tokens the model knows.
        new_words: Words that became tokens.
        curve: Losses in nats, masked accuracy, times.
        unigram: The accuracy of always predicting the most frequent token: the control.
        notes: What the figures do not show.
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

    folder_kind: ClassVar[str] = "masked-lm"

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

        The last rows of the corpus are held out, a fiftieth by default; masked accuracy is measured
        on them before, during and after training. checkpoint: A folder for the run's state, from
        which the same call resumes a killed run. The caller deletes it.

        Raises:
            InvalidInputError, UnknownNameError: An invalid option, base or corpus, before any long
                work.
            MissingExtraError: The extra `train` is not installed.
            FloatingPointError: Training diverged.
        """
        hf_trainer.check_train_extra("MaskedTraining.fit", self.device)
        check_one_process("MaskedTraining")
        self._check()
        check_corpus(corpus)
        facts = {"parameters": parameters(self), "corpus": digest(corpus)}
        if self.base is not None:
            facts["weights of the base"] = weights_digest(trainable(self.base))
        with checkpoint_folder(checkpoint, facts) as folder:
            self._train(corpus, folder, show=show_progress)
        return self

    def _facts(self) -> dict[str, Any]:
        report = self.report_
        training = {
            "tokens": report.n_tokens,
            "vocab_size": report.vocab_size,
            "new_words": list(report.new_words),
            "unigram_accuracy": report.unigram,
        }
        return {"base": self.base, "training": training}

    def _write(self, folder: Path) -> None:
        from sememe.train.base.hf_callbacks import isolate_rng_and_logging

        with isolate_rng_and_logging():
            self.model_.save_pretrained(str(folder))
            self.tokenizer_.save_pretrained(str(folder))

    def _card(self) -> str:
        report = self.report_
        head = {"library_name": "transformers", "pipeline_tag": "fill-mask", "tags": ["sememe"]}
        call = 'sememe.MaskedLM.load("this-folder").fill("one [MASK] word")'
        results = curve_rows(report.curve)
        results["accuracy of the most frequent token (control)"] = f"{report.unigram:.4f}"
        data = [f"{report.n_tokens:,} tokens, a vocabulary of {report.vocab_size:,}."]
        if report.new_words:
            data.append(f"New tokens: {', '.join(report.new_words[:50])}.")
        sections = {
            "Use": ["```python", "import sememe", "", call, "```"],
            "Data": data,
            "Results": table(results),
            "Settings": table(parameters(self)),
        }
        title = f"A masked language model, {self.base or self.size}"
        return model_card(title, head=head, sections=sections)

    def _train(self, corpus: Corpus, folder: Path, *, show: bool) -> None:
        from sememe.train.base.hf_callbacks import isolate_rng_and_logging
        from sememe.train.mlm.trainer import MaskedRows

        with isolate_rng_and_logging():
            model, tokenizer, added = self._make_model(corpus, folder)
            marks = network.marks_of(tokenizer)
            train, held_out = self._read_blocks(corpus, model, tokenizer, marks, folder, show=show)
            counts = _count_tokens(train, len(tokenizer))
            if self.base is None:
                network.initialise(model, counts)
            planned = hf_trainer.plan_steps(self, len(train.tokens), steps=self.steps)
            rows = MaskedRows(
                train,
                marks,
                np.array(network.text_ids(tokenizer), np.int32),
                n=planned.steps * self.batch_size * self.accumulate,
                seed=self.seed,
                prob=self.mask_prob,
                whole_word=self.whole_word,
            )
            held = replace(rows, blocks=held_out, n=len(held_out.tokens), plain=True)
            trainer = self._make_trainer(model, rows, held, planned, folder)
            curve = hf_trainer.run(trainer, show_progress=show)
        self.model_, self.tokenizer_ = model, tokenizer
        headless = self.base is not None and not has_head(self.base)
        labels = np.concatenate([row["labels"] for row in held])
        labels = labels[labels != -100]
        self.report_ = MaskedReport(
            n_tokens=train.n_tokens,
            n_held=len(labels),
            vocab_size=len(tokenizer),
            new_words=added,
            curve=curve,
            unigram=float((labels == counts.argmax()).mean()),
            notes=(*((HEADLESS,) if headless else ()), *note_decline(curve)),
        )

    def _read_blocks(
        self, corpus: Corpus, model: Any, tokenizer: Any, marks: Marks, folder: Path, *, show: bool
    ) -> tuple[Blocks, Blocks]:
        """Return the rows to train on, and those held out."""
        length = self.max_tokens
        if self.base is not None:  # RoBERTa's positions begin at 2
            length = min(length, model.config.max_position_embeddings - 2)
        folder, backend = folder / "blocks", tokenizer.backend_tokenizer
        blocks = read_blocks(corpus, backend, marks, length=length, folder=folder, show=show)
        n_held = min(_MAX_HELD_OUT, max(1, int(len(blocks.tokens) * self.held_out)))
        train, held_out = blocks.split(n_held)
        if not len(train.tokens):
            raise InvalidInputError(
                f"the corpus has {blocks.n_tokens} tokens; one row of {length} is held out and "
                "none is left to train on. Give more text, or smaller max_tokens."
            )
        return train, held_out

    def _make_trainer(self, model: Any, rows: Any, held: Any, planned: Plan, folder: Path) -> Any:
        from transformers import TrainingArguments

        from sememe.train.mlm.trainer import MaskedTrainer

        args = hf_trainer.make_arguments(
            TrainingArguments,
            folder,
            planned,
            self,
            metric="accuracy",
            learning_rate=self.learning_rate or (_BASE_RATE if self.base else SIZES[self.size][3]),
            remove_unused_columns=False,
        )
        stops = hf_trainer.stop_early(self)
        return MaskedTrainer(model, args, train_dataset=rows, held=held, callbacks=stops)

    def _make_model(self, corpus: Corpus, folder: Path) -> tuple[Any, Any, tuple[str, ...]]:
        """Return the model, its tokenizer and the words that were added to it."""
        from transformers import AutoModelForMaskedLM, AutoTokenizer, set_seed

        set_seed(self.seed)
        if self.base is None:
            folder, length = folder / "tokenizer", self.max_tokens
            tokenizer = network.train_tokenizer(corpus, self.vocab_size, folder, max_tokens=length)
            model = network.make_network(self.size, tokenizer, self.dropout, max_tokens=length)
            return model, tokenizer, ()
        base = str(trainable(self.base))
        tokenizer = AutoTokenizer.from_pretrained(base)
        tokenizer.backend_tokenizer.no_truncation()  # some files cut and pad each text
        tokenizer.backend_tokenizer.no_padding()
        model = AutoModelForMaskedLM.from_pretrained(base)
        if not self.new_words:
            return model, tokenizer, ()
        from sememe.train.mlm.vocabulary_extension import add_words, frequent_words

        words = self.new_words
        if isinstance(words, int):
            words = frequent_words(corpus, tokenizer.backend_tokenizer, n=words)
        return model, tokenizer, add_words(model, tokenizer, words)

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
    if isinstance(corpus, str | Path):
        return hash_file(Path(corpus)).hexdigest()
    total = hashlib.sha256()
    for text in read_texts(corpus):
        total.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return total.hexdigest()


def _count_tokens(blocks: Blocks, vocab_size: int) -> NDArray[np.int64]:
    """Return how often each token occurs: (vocab_size,)."""
    counts = np.zeros(vocab_size, np.int64)
    for start in range(0, len(blocks.tokens), _COUNTED):
        part = slice(start, start + _COUNTED)
        text = blocks.tokens[part][blocks.starts[part] != MARK]
        counts += np.bincount(text, minlength=vocab_size)
    return counts
