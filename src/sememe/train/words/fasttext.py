"""FastText: vectors of words and their character n-grams, so that no word is unknown.

Bojanowski et al. 2017 (arXiv:1607.04606); for Hangul over letters, Park et al. 2018 (ACL).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, get_args

import numpy as np

from sememe.text.ngrams import Hangul, Ngrams
from sememe.train.base.options import option
from sememe.train.words.corpus.vocabulary import Vocabulary
from sememe.train.words.kernels.choose import Kind, Step, choose_tree, make_step
from sememe.train.words.kernels.rows import new_rows, row_width
from sememe.train.words.kernels.sampling import make_sampler
from sememe.train.words.kernels.subword import Parts
from sememe.train.words.prediction_targets import Targets, stem_rows
from sememe.train.words.word2vec import Word2Vec
from sememe.vectors.all_but_the_top import find_common_part
from sememe.vectors.keyed import SubwordVectors
from sememe.vectors.ngram_rows import average_with_ngrams

if TYPE_CHECKING:
    from sememe.train.words.word2vec import Arrays

_FREQUENT = 10_000  # words from which the common directions are computed
_ENOUGH = 1_000  # words, at least, to remove common directions


@dataclass(kw_only=True, eq=False)
class FastText(Word2Vec):
    """Learn vectors for the words of a corpus and for their character n-grams.

    A word is the mean of its own row and its n-gram rows, and any other string the mean of its
    n-gram rows. It has all parameters of Word2Vec, with the defaults of the official program: a
    higher learning rate, stronger subsampling, flatter noise.

    Attributes:
        min_n: Shortest n-gram, in letters (-minn).
        max_n: Longest n-gram, in letters (-maxn).
        buckets: Hash buckets of the n-grams (-bucket); memory is buckets x dim x 4 bytes.
        hangul: Letters of Hangul in n-grams: jamo decomposes syllables, so that 먹다 and 먹었다
            share n-grams; syllables keeps them whole, as the official program and a .bin file do.
        targets: Predicted words: stems strips particles and endings from a Korean neighbour, so
            that 학교는 and 학교에서 count as one; words predicts it unchanged, as the official
            program does. Words of other scripts are predicted unchanged.
        common_directions: Principal directions, after the mean, that are removed from every
            trained row (Mu & Viswanath 2018, arXiv:1702.01417): shared n-grams make what all
            vectors have in common large. Nothing is removed with None, as in the official program,
            and with a vocabulary of fewer than 1,000 words.
        spelling: Let unseen words borrow from frequent words one letter away, which corrects
            misspellings; fastText uses n-grams alone.

    After `fit`: `vectors_` (SubwordVectors), `vocabulary_` and `report_`.

    >>> corpus = [["고양이가", "잔다"], ["고양이는", "운다"]] * 20
    >>> model = FastText(dim=8, min_count=1, buckets=1000, workers=1).fit(corpus)
    >>> model.vectors_["고양이도"].shape  # not in the corpus
    (8,)
    """

    kind: ClassVar[Kind] = "fasttext"

    noise_exponent: float = 0.5
    subsample: float = 1e-4
    min_n: int = option(3, at_least=1, group="model")
    max_n: int = option(6, at_least=1, group="model")
    buckets: int = option(2_000_000, at_least=1, at_most=2**31 - 1, group="model")
    hangul: Hangul = option("jamo", group="model")
    targets: Targets = option("stems", choices=get_args(Targets), group="model")
    common_directions: int | None = option(2, at_least=0, group="model", none=-1)
    spelling: bool = option(True, group="model", names=("--no-spelling",))

    def _subwords(self) -> Ngrams:
        return Ngrams(int(self.min_n), int(self.max_n), int(self.buckets), self.hangul)

    def rate(self) -> float:
        """Return the learning rate at the first word."""
        return 0.05 if self.learning_rate is None else self.learning_rate

    def _check(self) -> None:
        super()._check()
        self._subwords()

    def _sizes(self, n: int) -> dict[str, int]:
        return {"words": n, "ngrams": self.buckets, "outputs": n}

    def _new_arrays(self, vocabulary: Vocabulary, known: Arrays) -> Arrays:
        n, shape, seed = len(vocabulary), (self.dim, row_width(self.dim)), self.seed
        return {
            "words": new_rows(n, *shape, seed=seed, known=known.get("words")),
            "ngrams": new_rows(self.buckets, *shape, seed=seed + 1, known=known.get("ngrams")),
            "outputs": self._new_outputs(n, known),
        }

    def _make_step(self, vocabulary: Vocabulary, arrays: Arrays) -> Step:
        tree, negatives = choose_tree(self.objective, self.negatives, vocabulary.counts)
        targets = np.arange(len(vocabulary), dtype=np.int32)
        if self.targets == "stems":
            targets = stem_rows(vocabulary.keys)
        sampler = make_sampler(
            vocabulary.counts,
            subsample=self.subsample,
            noise_exponent=self.noise_exponent,
            noise_counts=np.bincount(targets, vocabulary.counts, len(targets)),
        )
        buckets = self._subwords().ids_of_many(vocabulary.keys)
        parts = Parts(arrays["words"], arrays["ngrams"], *buckets)
        rest = sampler, tree, self.mode == "cbow", self.window, negatives
        return make_step(self.kind, self.mode, parts, targets, arrays["outputs"], *rest)

    def _make_vectors(self, vocabulary: Vocabulary, arrays: Arrays) -> SubwordVectors:
        words, ngrams = arrays["words"][:, : self.dim], arrays["ngrams"][:, : self.dim]
        subwords = self._subwords()
        matrix = average_with_ngrams(vocabulary.keys, words, ngrams=ngrams, subwords=subwords)
        if self.common_directions is not None and len(matrix) >= _ENOUGH:
            trained = np.unique(subwords.ids_of_many(vocabulary.keys)[1])
            directions = min(self.common_directions, self.dim - 1)
            without = find_common_part(matrix[:_FREQUENT], directions=directions)
            matrix, ngrams = without(matrix), np.array(ngrams)
            for start in range(0, len(trained), _FREQUENT):
                some = trained[start : start + _FREQUENT]
                ngrams[some] = without(ngrams[some])
        return SubwordVectors(
            vocabulary.keys,
            matrix,
            ngrams=ngrams,
            subwords=subwords,
            counts=vocabulary.counts,
            spelling=self.spelling,
        )
