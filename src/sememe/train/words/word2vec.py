"""Word2Vec: words in similar contexts get similar vectors.

Mikolov et al. 2013 (arXiv:1301.3781, 1310.4546), trained by the kernels in `skipgram` and `cbow`.
About 3 million words per second on 2 cores; two epochs over 20 million words take 15 seconds.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_args

from sememe._cpus import count_cpus
from sememe._errors import InvalidInputError
from sememe.text.words import Tokens
from sememe.train.base.options import check, option
from sememe.train.base.output_folder import check_place
from sememe.train.words import model_folder
from sememe.train.words.corpus.encoded import MAX_SENTENCE, encode_corpus
from sememe.train.words.corpus.reader import Corpus, Source, open_corpus
from sememe.train.words.corpus.vocabulary import Vocabulary, build_vocabulary, merge_vocabularies
from sememe.train.words.kernels import choose
from sememe.train.words.kernels.choose import Kind, Mode, Objective, Step
from sememe.train.words.kernels.rows import new_rows, row_width
from sememe.train.words.kernels.sampling import make_sampler
from sememe.train.words.report import TrainingReport, plain
from sememe.train.words.schedule import Schedule
from sememe.train.words.training_run import Run, StateKeeping, hold_state
from sememe.vectors.keyed import KeyedVectors
from sememe.vectors.record import StrPath

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.float32]]


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
            skipgram, 0.05 for cbow and fastText. It falls linearly.
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

    kind: ClassVar[Kind] = "word2vec"

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
        """Train on a corpus, from scratch.

        Args:
            corpus: A text file (plain, .gz or .xz; one sentence or paragraph per line), or a
                restartable iterable of token lists. It is read twice, in bounded memory; all epochs
                read its words from a temporary file, 4 bytes each.
            checkpoint: A folder for the state of the run, saved every `checkpoint_seconds` and when
                interrupted, and removed at the end. A killed run is resumed by the same call with
                the same corpus and parameters; with `deterministic` or one worker it then gives the
                same bytes as an uninterrupted run.
            checkpoint_seconds: Interval of saving.
            keep_checkpoint: Also save the state at the end, and keep it, to be deleted once the
                model is saved.
            show_progress: Draw progress bars: of reading, then with speed, loss and time left.

        Raises:
            InvalidInputError: A parameter out of range, no words, none frequent enough, a corpus
                that cannot be read twice, or a checkpoint of another run.
        """
        self._check()
        with hold_state(checkpoint, checkpoint_seconds, keep=keep_checkpoint) as state:
            return self._learn(corpus, None, state, show_progress=show_progress)

    def partial_fit(
        self,
        corpus: Source,
        *,
        checkpoint: StrPath | None = None,
        checkpoint_seconds: float = 60.0,
        keep_checkpoint: bool = False,
        show_progress: bool = False,
    ) -> Self:
        """Continue training on new text, which may have new words.

        Words that occur at least `min_count` times in the new text are appended to the vocabulary,
        most frequent first, up to `max_vocab`; those left out are noted in `report_`. Counts are
        added. The learning rate starts from `learning_rate` again: use a lower one, or fewer
        epochs, to give the old text more weight.

        The arguments are those of `fit`. To resume from a checkpoint, call it on the same model as
        before, not on one trained further since.

        Raises:
            InvalidInputError: As in `fit`, or a changed parameter that determines the shape of the
                trained rows.
            CorruptFileError: The state of a loaded model is missing or damaged.
        """
        self._check()
        known = getattr(self, "vocabulary_", None)
        with hold_state(checkpoint, checkpoint_seconds, keep=keep_checkpoint) as state:
            return self._learn(corpus, known, state, show_progress=show_progress)

    def save(self, path: StrPath) -> Path:
        """Write the model into a folder for `load`; `KeyedVectors.load` reads its vectors.

        An existing model is replaced atomically: a kill leaves the old one or the new one.

        Raises:
            InvalidInputError: Not fitted; or the path is a file, the working folder, or a folder
                with other files than those of a saved model of this kind.
        """
        if not hasattr(self, "vectors_"):
            raise InvalidInputError(f"this {type(self).__name__} has learnt nothing yet: call fit.")
        check_place(Path(path), self.kind, files=model_folder.MODEL_FILES)
        return model_folder.write_model(Path(path), self, self._read_trained())

    @classmethod
    def load(cls, path: StrPath) -> Self:
        """Read a model written by `save`, to use it or to continue training.

        Raises:
            CorruptFileError: No such folder, damaged files, or another kind of model.
        """
        read = model_folder.read_model(Path(path), cls.kind, cls.__name__)
        names = {field.name for field in fields(cls) if field.init}
        model = cls(**{name: value for name, value in read[0].items() if name in names})
        _, model.vocabulary_, model.report_, model.vectors_ = read
        model._arrays = Path(path) / "state"
        return model

    def lasting_parameters(self) -> dict[str, Any]:
        """Return the parameters that affect the result, by name: all but `workers`."""
        names = [f.name for f in fields(self) if f.init and f.name != "workers"]
        return {name: plain(getattr(self, name)) for name in names}

    def rate(self) -> float:
        """Return the learning rate at the first word."""
        default = 0.025 if self.mode == "skipgram" else 0.05
        return default if self.learning_rate is None else self.learning_rate

    def n_threads(self) -> int:
        """Return the number of threads that read, and train unless `deterministic`."""
        return self.workers or count_cpus()

    def _learn(
        self,
        corpus: Source,
        known: Vocabulary | None,
        state: StateKeeping | None,
        *,
        show_progress: bool,
    ) -> Self:
        """Count the words of a corpus and train; `known` words keep their rows."""
        began = time.perf_counter()
        choose.precompile(self.kind, self.mode, self.objective)
        opened = open_corpus(corpus, tokens=self.tokens)
        rows: Arrays = {}
        vocabulary = build_vocabulary(
            opened,
            min_count=self.min_count,
            max_vocab=self.max_vocab,
            workers=self.n_threads(),
            known=() if known is None else known.keys,
            show_progress=show_progress,
        )
        if known is not None:
            vocabulary, rows = merge_vocabularies(known, vocabulary), self._read_trained()
        self._train(opened, vocabulary, rows, state, began=began, show_progress=show_progress)
        return self

    def _train(
        self,
        corpus: Corpus,
        vocabulary: Vocabulary,
        known: Arrays,
        state: StateKeeping | None,
        *,
        began: float,
        show_progress: bool,
    ) -> None:
        """Encode the corpus and run all jobs; only then replace the model's state."""
        n_known = len(self.vocabulary_) if known else 0
        with tempfile.TemporaryDirectory(prefix="sememe-") as folder:
            encoded = encode_corpus(
                corpus, vocabulary, folder, workers=self.n_threads(), show_progress=show_progress
            )
            if not encoded.n_kept:
                raise InvalidInputError("no word of the corpus is in the vocabulary. Add text")
            arrays, facts = self._new_arrays(vocabulary, known), self.lasting_parameters()
            facts |= {"kind": self.kind, "corpus": encoded.fingerprint}  # identify the run
            if known and state:
                facts["from"] = self.vectors_.fingerprint
            run = Run(
                Schedule(encoded, self.epochs, self.rate(), self.min_learning_rate, self.seed),
                arrays,
                workers=1 if self.deterministic else self.n_threads(),
                state=state,
                facts=facts,
            )
            reading = time.perf_counter() - began
            run.go(self._make_step(vocabulary, arrays), show_progress=show_progress)
        notes = list(corpus.notes)
        if encoded.n_kept == encoded.n_sentences:
            notes.append("no two known words share a sentence: there was nothing to learn from")
        self.report_ = run.report(
            reading=reading, n_keys=len(vocabulary), n_known=n_known, notes=notes
        )
        self.vectors_ = self._make_vectors(vocabulary, arrays)
        self.vocabulary_, self._arrays = vocabulary, arrays
        run.forget()

    def _read_trained(self) -> Arrays:
        """Return the trained rows; a loaded model reads them now."""
        sizes, dim = self._sizes(len(self.vocabulary_)), self.vectors_.dim
        if isinstance(self._arrays, Path):
            mark = self.vectors_.fingerprint
            self._arrays = model_folder.read_arrays(self._arrays, dim, sizes, fingerprint=mark)
        trained = {name: len(rows) for name, rows in self._arrays.items()}
        if (dim, sizes) != (self.dim, trained):
            shapes = {name: (n, dim) for name, n in trained.items()}
            raise InvalidInputError(
                f"the parameters no longer fit the rows that were trained, {shapes}. Set them "
                "back, or call fit to begin anew."
            )
        return self._arrays

    def _sizes(self, n: int) -> dict[str, int]:
        """Return the number of rows of each array for n words."""
        return {"inputs": n, "outputs": n}

    def _new_arrays(self, vocabulary: Vocabulary, known: Arrays) -> Arrays:
        """Return the rows to train: known ones first, then random inputs and zero outputs."""
        n, width = len(vocabulary), row_width(self.dim)
        return {
            "inputs": new_rows(n, self.dim, width, seed=self.seed, known=known.get("inputs")),
            "outputs": self._new_outputs(n, known),
        }

    def _new_outputs(self, n: int, known: Arrays) -> NDArray[np.float32]:
        """Return output rows; those of a Huffman tree start anew, since new counts change it."""
        old = known.get("outputs") if self.objective == "negative-sampling" else None
        return new_rows(n, self.dim, row_width(self.dim), seed=None, known=old)

    def _make_step(self, vocabulary: Vocabulary, arrays: Arrays) -> Step:
        """Return the function that trains on one block."""
        tree, negatives = choose.choose_tree(self.objective, self.negatives, vocabulary.counts)
        sampler = make_sampler(
            vocabulary.counts, subsample=self.subsample, noise_exponent=self.noise_exponent
        )
        rows = arrays["inputs"], arrays["outputs"]
        return choose.make_step(self.kind, self.mode, *rows, sampler, tree, self.window, negatives)

    def _make_vectors(self, vocabulary: Vocabulary, arrays: Arrays) -> KeyedVectors:
        """Return the vectors that the trained rows make."""
        matrix = arrays["inputs"][:, : self.dim]  # a view: a copy would cost half as much again
        return KeyedVectors(vocabulary.keys, matrix, counts=vocabulary.counts)

    def _check(self) -> None:
        """Refuse parameters out of range."""
        check(self)
        allowed = f"a number above 0, up to the learning rate, {self.rate()}"
        check(self, ("min_learning_rate", self.min_learning_rate <= self.rate(), allowed))
