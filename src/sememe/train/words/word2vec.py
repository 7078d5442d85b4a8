"""Word2Vec: words in similar contexts get similar vectors.

Mikolov et al. 2013 (arXiv:1301.3781, 1310.4546), trained by the kernels in `skipgram` and `cbow`.
About 3 million words per second on 2 cores; two epochs over 20 million words take 15 seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sememe.train.words.corpus.vocabulary import Vocabulary
from sememe.train.words.kernels.choose import Kind, Step, word_step
from sememe.train.words.kernels.rows import new_rows, row_width
from sememe.train.words.kernels.sampling import make_sampler
from sememe.train.words.model import WordModel
from sememe.vectors.keyed import KeyedVectors

if TYPE_CHECKING:
    from sememe.train.words.model import Arrays


@dataclass(kw_only=True, eq=False)
class Word2Vec(WordModel):
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

    def rate(self) -> float:
        """Return the learning rate at the first word."""
        usual = 0.025 if self.mode == "skipgram" else 0.05
        return usual if self.learning_rate is None else self.learning_rate

    def _sizes(self, n: int) -> dict[str, int]:
        return {"inputs": n, "outputs": n}

    def _new_arrays(self, vocabulary: Vocabulary, known: Arrays) -> Arrays:
        n, width = len(vocabulary), row_width(self.dim)
        return {
            "inputs": new_rows(n, self.dim, width, seed=self.seed, known=known.get("inputs")),
            "outputs": self._new_outputs(n, known),
        }

    def _make_step(self, vocabulary: Vocabulary, arrays: Arrays) -> Step:
        tree, negatives = self._choose_tree(vocabulary)
        sampler = make_sampler(
            vocabulary.counts, subsample=self.subsample, noise_exponent=self.noise_exponent
        )
        return word_step(
            self.mode,
            arrays["inputs"],
            arrays["outputs"],
            sampler=sampler,
            tree=tree,
            window=self.window,
            negatives=negatives,
        )

    def _make_vectors(self, vocabulary: Vocabulary, arrays: Arrays) -> KeyedVectors:
        matrix = arrays["inputs"][:, : self.dim]  # a view: a copy would cost half as much again
        return KeyedVectors(vocabulary.keys, matrix, counts=vocabulary.counts)
