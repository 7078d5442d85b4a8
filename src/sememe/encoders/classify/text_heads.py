"""The parts of a text classifier: linear layers on vectors and on hashed n-grams, in NumPy.

Their rows are logits of the classes; of K grades in order, of the K - 1 bounds between them: of the
grade being above the first, above the second ...

`sememe.train.classify_text.heads` fits them with scikit-learn, which is not needed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sememe.space.probe import softmax
from sememe.text.hashed_ngrams import hash_ngrams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

_TEXTS = 1000  # whose n-grams are held at once


@dataclass(frozen=True, eq=False, slots=True)
class VectorHead:
    """A linear layer on an encoder's vectors.

    Attributes:
        weight: (classes, dim); bounds, not classes, in order.
        bias: (classes,).
    """

    weight: FloatArray
    bias: FloatArray

    def logits(self, vectors: FloatArray) -> FloatArray:
        """Return (n, classes or bounds) for (n, dim) unit rows."""
        rows: FloatArray = vectors @ self.weight.T + self.bias
        return rows


@dataclass(frozen=True, eq=False, slots=True)
class NgramHead:
    """A linear layer on the hashed n-grams of texts, weighted and scaled to unit length.

    Attributes:
        ids: (m,) int32, the buckets that have weights, ascending.
        scale: (m,) what an n-gram counts in a text; those of other buckets count nothing.
        weight: (classes, m).
        bias: (classes,).
    """

    ids: NDArray[np.int32]
    scale: FloatArray
    weight: FloatArray
    bias: FloatArray

    def logits(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, classes or bounds); of a text without a known n-gram it is the bias."""
        parts = [
            self._logits(texts[start : start + _TEXTS]) for start in range(0, len(texts), _TEXTS)
        ]
        return np.concatenate([np.empty((0, len(self.bias)), np.float32), *parts])

    def _logits(self, texts: Sequence[str]) -> FloatArray:
        offsets, ids = hash_ngrams(texts)
        row = np.repeat(np.arange(len(texts)), np.diff(offsets))
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        known = self.ids[place] == ids
        row, place = row[known], place[known]
        values = self.scale[place].astype(np.float64)
        length = np.sqrt(np.bincount(row, values**2, len(texts)))
        values /= length[row]
        sums = [np.bincount(row, values * weight[place], len(texts)) for weight in self.weight]
        return np.stack(sums, axis=1).astype(np.float32) + self.bias


@dataclass(frozen=True, eq=False, slots=True)
class Pool:
    """How the logits of heads become probabilities: a weighted sum of them.

    A softmax of it is the product of the heads' probabilities, each to the power of its weight
    (Heskes 1998, Selecting weighting factors in logarithmic opinion pools). The weights are fitted
    to examples that the heads had not seen, so that the probabilities are calibrated, too. Of
    grades it gives the probability of each bound being passed (Frank and Hall 2001, A simple
    approach to ordinal classification); those of grades follow, and a power makes them true.

    Attributes:
        weights: Of each head, that on vectors first.
        bias: (classes or bounds,), added.
        power: Of the probabilities of grades, before they are scaled to add up to 1.
        ordered: Whether the classes are grades in order.
    """

    weights: tuple[float, ...]
    bias: FloatArray
    power: float = 1.0
    ordered: bool = False

    def probabilities(self, logits: Sequence[FloatArray]) -> FloatArray:
        """Return (n, classes) float32, rows adding up to 1, for (n, classes or bounds) of heads."""
        rows = self.bias
        for weight, own in zip(self.weights, logits, strict=True):
            rows = rows + np.float32(weight) * own
        likely = to_probabilities(rows, ordered=self.ordered)
        if self.power == 1:
            return likely
        likely = likely**self.power
        return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class TextHeads:
    """The heads of a classifier, pooled.

    Attributes:
        vectors: Of the encoder's vectors.
        ngrams: Of n-grams; None where there are too few examples, or too many classes.
        pool: Of both.
    """

    vectors: VectorHead
    ngrams: NgramHead | None
    pool: Pool

    def probabilities(self, vectors: FloatArray, texts: Sequence[str]) -> FloatArray:
        """Return (n, classes) float32, rows adding up to 1, for (n, dim) vectors of n texts."""
        logits = [self.vectors.logits(vectors)]
        if self.ngrams is not None:
            logits.append(self.ngrams.logits(texts))
        return self.pool.probabilities(logits)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fitted state, n-grams in float16."""
        arrays: dict[str, NDArray[Any]] = {
            "weight": self.vectors.weight,
            "vector_bias": self.vectors.bias,
            "pool_weights": np.array(self.pool.weights, np.float32),
            "pool_bias": self.pool.bias,
            "pool_power": np.array(self.pool.power, np.float32),
        }
        if (ngrams := self.ngrams) is not None:
            arrays |= {
                "ngrams": ngrams.ids,
                "ngram_scale": ngrams.scale.astype(np.float16),
                "ngram_weight": ngrams.weight.astype(np.float16),
                "ngram_bias": ngrams.bias,
            }
        return arrays

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], *, ordered: bool) -> Self:
        """Return the heads with this state; KeyError or ValueError if it is none."""
        head = VectorHead(arrays["weight"], arrays["vector_bias"])
        weights = tuple(arrays["pool_weights"].tolist())
        pool = Pool(weights, arrays["pool_bias"], float(arrays["pool_power"]), ordered)
        ngrams = None
        if "ngrams" in arrays:
            scale, weight = (arrays[f"ngram_{n}"].astype(np.float32) for n in ("scale", "weight"))
            ngrams = NgramHead(arrays["ngrams"], scale, weight, arrays["ngram_bias"])
        return cls(head, ngrams, pool)


def to_probabilities(logits: FloatArray, *, ordered: bool) -> FloatArray:
    """Return (n, classes), rows adding up to 1, for logits of classes or of bounds.

    >>> to_probabilities(np.array([[0.0, -30.0]], np.float32), ordered=True).round(2).tolist()
    [[0.5, 0.5, 0.0]]
    """
    if not ordered:
        return softmax(logits)
    above = 1 / (1 + np.exp(-logits.astype(np.float64)))
    above = -np.sort(-above, axis=1)  # where bounds cross, they change places
    ends = np.ones((len(above), 1)), np.zeros((len(above), 1))
    return -np.diff(np.hstack([ends[0], above, ends[1]]), axis=1).astype(np.float32)
