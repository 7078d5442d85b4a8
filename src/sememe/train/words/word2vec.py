"""Word2Vec: words that occur in like company get like vectors.

Mikolov et al. 2013 (arXiv:1301.3781, 1310.4546), trained by the kernels in `skipgram` and `cbow`.
About 3 million words a second on 2 cores; 20 million words of Wikipedia, twice, take 15 seconds.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

import numpy as np

from sememe._errors import InvalidInputError
from sememe.text.words import Tokens
from sememe.train.base.options import check, option
from sememe.train.growth import merge_vocabularies
from sememe.train.words import model_folder as saved
from sememe.train.words.corpus.encoded import MAX_SENTENCE, encode_corpus
from sememe.train.words.corpus.reader import Corpus, Source, open_corpus
from sememe.train.words.corpus.vocabulary import Vocabulary, build_vocabulary
from sememe.train.words.kernels.cbow import cbow_block
from sememe.train.words.kernels.huffman import make_tree, no_tree
from sememe.train.words.kernels.rows import new_rows, row_width
from sememe.train.words.kernels.sampling import make_sampler
from sememe.train.words.kernels.skipgram import skipgram_block
from sememe.train.words.precompile import compile_apart
from sememe.train.words.report import TrainingReport, plain
from sememe.train.words.training_run import Run, StateKeeping, kept_state
from sememe.vectors.keyed import KeyedVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.words.schedule import Step

    Arrays = dict[str, NDArray[np.float32]]

Mode = Literal["skipgram", "cbow"]
Objective = Literal["negative-sampling", "hierarchical-softmax"]
StrPath = str | os.PathLike[str]


@dataclass(kw_only=True, eq=False)
class Word2Vec:
    """Learn a vector for each word of a corpus.

    Attributes:
        dim: Dimension of a vector (word2vec.c's -size).
        mode: Architecture: skipgram (each word predicts its neighbours; better for rare words) or
            cbow (the mean of the neighbours predicts the word; faster).
        objective: Training objective: negative-sampling, or hierarchical-softmax (-hs), which uses
            no negatives.
        window: Maximum distance of a neighbour on either side; for each word a distance from 1 to
            `window` is drawn.
        negatives: Negative samples per window (-negative); all pairs of a window share them.
        noise_exponent: Exponent of the noise distribution, count ** noise_exponent.
        subsample: Frequency above which words are randomly discarded (-sample); 0 keeps all.
        min_count: Minimum count of a word; rarer ones get no vector (-min-count).
        max_vocab: Maximum size of the vocabulary, most frequent words first; by default unlimited.
            Words once learnt are kept.
        epochs: Passes over the corpus (-iter).
        learning_rate: Initial learning rate (-alpha); by default word2vec.c's own, 0.025 for
            skipgram and 0.05 for cbow. It falls linearly.
        min_learning_rate: Final learning rate.
        tokens: Tokenisation of a text file: words (lower case, no punctuation) or whitespace (text
            that is tokenised already).
        workers: Number of threads; by default one per core. They update the same vectors without
            locks (Hogwild, Recht et al. 2011, arXiv:1106.5730), so two runs differ a little.
        deterministic: Give the same bytes for any number of threads on a machine. They share the
            reading, but one thread trains: with 2 cores training takes about twice as long.
        seed: Seed of all random numbers.

    After `fit`: `vectors_` (KeyedVectors), `vocabulary_` and `report_`.

    >>> corpus = [["the", "cat", "sat"], ["the", "dog", "sat"]] * 20
    >>> model = Word2Vec(dim=8, min_count=1, epochs=2, workers=1, seed=1).fit(corpus)
    >>> model.vectors_
    KeyedVectors(4 keys, dim=8)
    """

    kind: ClassVar[str] = "word2vec"

    dim: int = option(100, at_least=1, group="model")
    mode: Mode = option("skipgram", choices=get_args(Mode), group="model")
    objective: Objective = option("negative-sampling", choices=get_args(Objective), group="model")
    window: int = option(5, at_least=1, at_most=MAX_SENTENCE, group="model")
    negatives: int = option(5, at_least=1, at_most=10_000, group="model")
    noise_exponent: float = option(0.75, at_least=-2, at_most=2, group="model")
    subsample: float = option(1e-3, at_least=0, below=1, group="data")
    min_count: int = option(5, at_least=1, group="data")
    max_vocab: int | None = option(None, at_least=1, group="data")
    epochs: int = option(5, at_least=1, group="optimisation")
    learning_rate: float | None = option(None, above=0, below=10, group="optimisation")
    min_learning_rate: float = option(1e-4, above=0, group="optimisation")
    tokens: Tokens = option("words", choices=get_args(Tokens), group="data")
    workers: int | None = option(None, at_least=1, group="optimisation")
    deterministic: bool = option(False, group="optimisation")
    seed: int = option(0, at_least=0, group="optimisation")

    vectors_: KeyedVectors = field(init=False, repr=False)
    vocabulary_: Vocabulary = field(init=False, repr=False)
    report_: TrainingReport = field(init=False, repr=False)
    _arrays: Arrays | Path = field(init=False, repr=False)

    def fit(
        self,
        corpus: Source,
        *,
        checkpoint: StrPath | None = None,
        checkpoint_seconds: float = 60.0,
        keep_checkpoint: bool = False,
        show_progress: bool = False,
    ) -> Self:
        """Learn from a corpus, forgetting what was learnt before.

        Args:
            corpus: A text file (plain, .gz or .xz; one sentence or paragraph a line), or a
                restartable iterable of token lists. It is read twice, in bounded memory; its words
                go to a temporary file as numbers, 4 bytes each, which all epochs read.
            checkpoint: A folder for the state of the run, stored every `checkpoint_seconds` and
                when interrupted, and removed at the end. Called again after a kill with the same
                corpus and parameters, training goes on from there; with `deterministic` or one
                worker to the same bytes as if nothing had happened.
            checkpoint_seconds: See there.
            keep_checkpoint: Store the state at the end too, and leave it: for who wants to delete
                it only once the model is saved.
            show_progress: Draw bars: of reading, then with words a second, loss and time left.

        Raises:
            InvalidInputError: A parameter out of range, no words, none often enough, a corpus that
                cannot be read twice, or a checkpoint of another run.
        """
        self._check()
        began = time.perf_counter()
        with kept_state(checkpoint, checkpoint_seconds, keep=keep_checkpoint) as state:
            compile_apart(self)
            opened = open_corpus(corpus, tokens=self.tokens)
            vocabulary = self._count(opened, show_progress=show_progress)
            self._train(opened, vocabulary, began=began, state=state, show_progress=show_progress)
        return self

    def partial_fit(
        self,
        corpus: Source,
        *,
        checkpoint: StrPath | None = None,
        checkpoint_seconds: float = 60.0,
        keep_checkpoint: bool = False,
        show_progress: bool = False,
    ) -> Self:
        """Go on learning from new text, which may bring new words.

        Words that occur at least `min_count` times in the new text join, after those known, the
        most frequent first and as many as `max_vocab` leaves room for; what it leaves out is noted
        in `report_`. Counts add up. The learning rate starts from `learning_rate` again: give a
        lower one, or fewer epochs, where the old text shall weigh more.

        All arguments are those of `fit`. To resume from a checkpoint, call it on the same model as
        before, not on one that learnt more since.

        Raises:
            InvalidInputError: As in `fit`, or a parameter changed that gives the rows their shape.
            CorruptFileError: The state of a loaded model is missing or damaged.
        """
        if not hasattr(self, "vocabulary_"):
            return self.fit(
                corpus,
                checkpoint=checkpoint,
                checkpoint_seconds=checkpoint_seconds,
                keep_checkpoint=keep_checkpoint,
                show_progress=show_progress,
            )
        self._check()
        began = time.perf_counter()
        with kept_state(checkpoint, checkpoint_seconds, keep=keep_checkpoint) as state:
            compile_apart(self)
            opened = open_corpus(corpus, tokens=self.tokens)
            new = self._count(opened, self.vocabulary_.keys, show_progress=show_progress)
            vocabulary = merge_vocabularies(self.vocabulary_, new)
            known = self._trained()
            self._train(
                opened, vocabulary, known, began=began, state=state, show_progress=show_progress
            )
        return self

    def save(self, path: StrPath) -> Path:
        """Write the model into a folder, which `load` reads, and KeyedVectors.load the vectors of.

        A model that is there is replaced as a whole: a kill leaves the old one or the new one.

        Raises:
            InvalidInputError: Not fitted yet; or the path is a file, the folder you work in, or a
                folder that holds other files than those of a saved model of this kind.
        """
        self._check_fitted()
        return saved.write_model(Path(path), self)

    @classmethod
    def load(cls, path: StrPath) -> Self:
        """Read a model that `save` wrote, to use it or to go on training.

        Raises:
            CorruptFileError: No such folder, damaged files, or another kind of model.
        """
        return saved.read_model(Path(path), cls)

    def lasting_parameters(self) -> dict[str, Any]:
        """Return the parameters that shape what is learnt, by name."""
        names = [f.name for f in fields(self) if f.init and f.name != "workers"]
        return {name: plain(getattr(self, name)) for name in names}

    def rate(self) -> float:
        """Return the learning rate at the first word."""
        usual = 0.025 if self.mode == "skipgram" else 0.05
        return usual if self.learning_rate is None else self.learning_rate

    def n_threads(self) -> int:
        """Return how many threads read, and train unless `deterministic`."""
        return self.workers or os.cpu_count() or 1

    def _count(
        self, corpus: Corpus, known: Sequence[str] = (), *, show_progress: bool
    ) -> Vocabulary:
        return build_vocabulary(
            corpus,
            tokens=self.tokens,
            min_count=self.min_count,
            max_vocab=self.max_vocab,
            workers=self.n_threads(),
            known=known,
            show_progress=show_progress,
        )

    def _train(
        self,
        corpus: Corpus,
        vocabulary: Vocabulary,
        known: Arrays | None = None,
        *,
        began: float,
        state: StateKeeping | None = None,
        show_progress: bool,
    ) -> None:
        """Number the corpus and do all jobs; then, and only then, take over what was learnt."""
        with tempfile.TemporaryDirectory(prefix="sememe-") as folder:
            encoded = encode_corpus(
                corpus,
                vocabulary,
                folder,
                tokens=self.tokens,
                workers=self.n_threads(),
                show_progress=show_progress,
            )
            if not encoded.n_kept:
                raise InvalidInputError("no word of the corpus is in the vocabulary. Add text")
            arrays = self.new_arrays(vocabulary, known or {})
            start = self.vectors_ if known else None
            run = Run(self, encoded, vocabulary, arrays, state, start)
            reading = time.perf_counter() - began
            run.go(self.make_step(vocabulary, arrays), show_progress=show_progress)
        n_known = len(self.vocabulary_) if known else 0
        notes = list(corpus.notes)
        if encoded.n_kept == encoded.n_sentences:
            notes.append("no two known words share a sentence: there was nothing to learn from")
        self.report_ = run.report(reading=reading, n_known=n_known, notes=notes)
        self.vectors_ = self._make_vectors(vocabulary, arrays)
        self.vocabulary_ = vocabulary
        self._arrays = arrays
        run.forget()

    def _trained(self) -> Arrays:
        """Return the rows that were trained; a model that was loaded reads them now."""
        sizes, dim = self._sizes(len(self.vocabulary_)), self.vectors_.dim
        if isinstance(self._arrays, Path):
            mark = self.vectors_.fingerprint
            self._arrays = saved.read_arrays(self._arrays, dim, sizes, fingerprint=mark)
        if dim != self.dim or sizes != {name: len(rows) for name, rows in self._arrays.items()}:
            have = {name: (len(rows), dim) for name, rows in self._arrays.items()}
            raise InvalidInputError(
                f"the parameters no longer fit the rows that were trained, {have}. Set them back, "
                "or call fit to begin anew."
            )
        return self._arrays

    def _sizes(self, n: int) -> dict[str, int]:
        """Return how many rows each array has for n words."""
        return {"inputs": n, "outputs": n}

    def new_arrays(self, vocabulary: Vocabulary, known: Arrays) -> Arrays:
        """Return the rows to train: random inputs and zero outputs, beneath those known."""
        n, width = len(vocabulary), row_width(self.dim)
        return {
            "inputs": new_rows(n, self.dim, width, seed=self.seed, known=known.get("inputs")),
            "outputs": self._new_outputs(n, known),
        }

    def kernel(self) -> Any:
        """Return the compiled function that trains on a block."""
        return skipgram_block if self.mode == "skipgram" else cbow_block

    def _new_outputs(self, n: int, known: Arrays) -> NDArray[np.float32]:
        """Return output rows; a Huffman tree of new counts has other nodes, which begin anew."""
        old = known.get("outputs") if self.objective == "negative-sampling" else None
        return new_rows(n, self.dim, row_width(self.dim), seed=None, known=old)

    def make_step(self, vocabulary: Vocabulary, arrays: Arrays) -> Step:
        """Return the function that trains on one block."""
        negatives, tree = self._outputs(vocabulary)
        sampler = make_sampler(
            vocabulary.counts, subsample=self.subsample, noise_exponent=self.noise_exponent
        )
        block = self.kernel()
        rows = arrays["inputs"], arrays["outputs"]

        def step(ids: NDArray[np.int32], rate: float, last: float, seed: np.uint64) -> float:
            loss = block(ids, *rows, sampler, tree, self.window, negatives, rate, last, seed)
            return float(loss)

        return step

    def _outputs(self, vocabulary: Vocabulary) -> tuple[int, Any]:
        if self.objective == "negative-sampling":
            return self.negatives, no_tree()
        if len(vocabulary) < 2:
            raise InvalidInputError(
                "a tree needs 2 words, the vocabulary has 1. Give more text, or "
                "objective='negative-sampling'."
            )
        return 0, make_tree(vocabulary.counts)

    def _make_vectors(self, vocabulary: Vocabulary, arrays: Arrays) -> KeyedVectors:
        matrix = arrays["inputs"][:, : self.dim]  # a view: a copy would cost half as much again
        return KeyedVectors(vocabulary.keys, matrix, counts=vocabulary.counts)

    def _check_fitted(self) -> None:
        if not hasattr(self, "vectors_"):
            raise InvalidInputError(f"this {type(self).__name__} has learnt nothing yet: call fit.")

    def _check(self) -> None:
        """Refuse parameters out of range."""
        check(self)
        check(
            self,
            (
                "min_learning_rate",
                self.min_learning_rate <= self.rate(),
                f"a number above 0, up to the learning rate, {self.rate()}",
            ),
        )
