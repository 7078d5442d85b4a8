"""Cross-encoders: score a pair of texts by reading both in one sequence.

    reranker = CrossEncoder.load("hf:cross-encoder/ms-marco-MiniLM-L6-v2")
    reranker.score([("how tall is the tower", "It is 330 metres high.")])  # (1,)
    reranker.rank("how tall is the tower", texts, k=3)  # [(index, score), ...]

Every word of one text attends to every word of the other, which is more accurate than the cosine of
two vectors; but each pair costs a run of the network, and nothing can be indexed (Reimers and
Gurevych 2019, arXiv:1908.10084, section 1). They are used to rerank what an encoder retrieved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from sememe._errors import InvalidInputError, TextTooLongError, UnknownNameError
from sememe._progress import progress
from sememe._ties import rank, tolerance_of_outputs
from sememe._types import FloatArray
from sememe.encoders.base import check_threads
from sememe.encoders.name import locate_folder
from sememe.encoders.text.encoder import check_texts
from sememe.models.cross_encoder.engine import CrossEngine
from sememe.models.cross_encoder.folder import CrossFolder, read_cross_folder
from sememe.space.probe import softmax
from sememe.text.tokenizers.pairs import PairTokenizer
from sememe.vectors.nearest import check_k

if TYPE_CHECKING:
    from sememe.text.tokenizers.pairs import Pair, PairTokens

PairOverflow = Literal["truncate", "error"]
_BATCH = 1024  # pairs tokenised at once


class CrossEncoder:
    """Score pairs of texts with a network for sequence classification.

    Attributes:
        name: How to load it again: the folder, or hf:org/name.
        labels: Names of the outputs; a single one where pairs get a score.
        window: Most tokens of a pair, marks included.
        overflow: Treatment of longer pairs: "truncate" shortens the longer text until both fit, as
            in training; "error" raises TextTooLongError. `find_truncated` returns those pairs.
    """

    def __init__(
        self, folder: CrossFolder, *, name: str, overflow: PairOverflow, threads: int | None
    ) -> None:
        """Use `load`."""
        self.name = name
        self.labels = folder.labels
        self.window = folder.window
        self.overflow: PairOverflow = overflow
        self._sigmoid = folder.activation == "sigmoid"
        self._exclusive = folder.exclusive
        self._tokenizer = PairTokenizer(
            folder.tokenizer, window=folder.window, prompt=folder.prompt
        )
        self._engine = CrossEngine(folder.weights, folder.head, typed=folder.typed, threads=threads)

    @classmethod
    def load(
        cls, name: str, *, overflow: PairOverflow = "truncate", threads: int | None = None
    ) -> CrossEncoder:
        """Load a cross-encoder.

        Args:
            name: A folder as transformers or sentence-transformers' CrossEncoder writes it (BERT,
                RoBERTa, XLM-R, CamemBERT, DistilBERT, MPNet), or hf:org/name on the hub.
            overflow: Treatment of pairs longer than the window.
            threads: CPU threads for the network; all cores by default.

        Raises:
            UnknownNameError: No folder of that name, or no such `overflow`.
            InvalidInputError: `threads` below 1, or the folder holds no cross-encoder.
            CorruptFileError: A file is damaged.
            OSError: A model of the hub that is not on this machine, and no connection to the hub.
        """
        if overflow not in get_args(PairOverflow):
            raise UnknownNameError.of("overflow", overflow, get_args(PairOverflow))
        check_threads(threads)
        path, canonical = locate_folder(name, "cross-encoder")
        return cls(read_cross_folder(path), name=canonical, overflow=overflow, threads=threads)

    def score(self, pairs: Sequence[Pair], *, show_progress: bool = False) -> FloatArray:
        """Return (n,) float32, a score for each pair of texts; higher is better.

        Scores are in [0, 1] where the model ends in a sigmoid, the default of such models, and
        unbounded elsewhere. A pair's score does not depend on the other pairs.

        Raises:
            InvalidInputError: An item that is not a pair of str, or a model with several labels.
            TextTooLongError: overflow="error" and a pair exceeds the window.
        """
        if len(self.labels) != 1:
            raise InvalidInputError(
                f"{self.name} gives each pair {len(self.labels)} labels "
                f"({', '.join(self.labels)}), not one score. Use probabilities(pairs)."
            )
        scores = self._run(pairs, show_progress)[:, 0]
        return _sigmoid(scores) if self._sigmoid else scores

    def probabilities(self, pairs: Sequence[Pair], *, show_progress: bool = False) -> FloatArray:
        """Return (n, labels) float32, the probability of each of `labels` for each pair.

        Rows sum to 1, except for multi-label models.

        Raises:
            InvalidInputError: An item that is not a pair of str, or a model with one output.
            TextTooLongError: As `score`.
        """
        if len(self.labels) == 1:
            raise InvalidInputError(f"{self.name} gives each pair one score. Use score(pairs).")
        outputs = self._run(pairs, show_progress)
        return softmax(outputs.astype(np.float64)) if self._exclusive else _sigmoid(outputs)

    def rank(
        self, query: str, texts: Sequence[str], *, k: int = 10, show_progress: bool = False
    ) -> list[tuple[int, float]]:
        """Return the k texts that answer a query best: (index, score), descending, ties by index.

        Errors are those of `score`, and InvalidInputError for k below 1.
        """
        k = check_k(k)
        pairs = [(query, text) for text in check_texts(texts)]
        scores = self.score(pairs, show_progress=show_progress)
        return rank(scores, range(len(texts)), tolerance=tolerance_of_outputs(scores))[:k]

    def find_truncated(self, pairs: Sequence[Pair]) -> list[int]:
        """Return the indices of the pairs that are longer than the window."""
        return [
            start + i
            for start, tokens in self._tokenize(check_pairs(pairs))
            for i, row in enumerate(tokens)
            if row.dropped
        ]

    def release(self) -> None:
        """Free memory that only makes the next call faster."""
        self._engine.release()

    def _run(self, pairs: Sequence[Pair], show_progress: bool) -> FloatArray:
        """Return the (n, labels) outputs of the network."""
        given = check_pairs(pairs)
        out = np.empty((len(given), len(self.labels)), np.float32)
        with progress("scoring", total=len(given), show=show_progress) as advance:
            for start, tokens in self._tokenize(given):
                self._check_lengths(start, tokens)
                ids, types = [row.ids for row in tokens], [row.types for row in tokens]
                out[start : start + len(tokens)] = self._engine.forward(ids, types)
                advance(start + len(tokens))
        return out

    def _tokenize(self, pairs: list[Pair]) -> Iterable[tuple[int, list[PairTokens]]]:
        for start in range(0, len(pairs), _BATCH):
            yield start, self._tokenizer.encode(pairs[start : start + _BATCH])

    def _check_lengths(self, start: int, tokens: list[PairTokens]) -> None:
        for i, row in enumerate(tokens, start):
            if row.dropped and self.overflow == "error":
                raise TextTooLongError(
                    f"pair {i} has {len(row.ids) + row.dropped} tokens, marks included; "
                    f"overflow='error' allows {self.window}. Shorten it, or use "
                    "overflow='truncate' to read the beginning of its longer text."
                )


def check_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs as a list; InvalidInputError for an item that is not a pair of str."""
    given: list[Pair] = []
    for i, pair in enumerate([pairs] if isinstance(pairs, str) else pairs):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            got = f"{len(pair)} items" if isinstance(pair, tuple | list) else type(pair).__name__
            raise InvalidInputError(f"pair {i} is {got}; give pairs of str: [(first, second), ...]")
        if wrong := [type(text).__name__ for text in pair if not isinstance(text, str)]:
            raise InvalidInputError(f"pair {i} holds {wrong[0]}; a cross-encoder takes two str.")
        given.append((pair[0], pair[1]))
    return given


def _sigmoid(x: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x)), computed in float64 to keep small values apart.

    >>> _sigmoid(np.array([0, -1000, 1000], np.float32)).tolist()
    [0.5, 0.0, 1.0]
    """
    return (1 / (1 + np.exp(-np.clip(x.astype(np.float64), -700, 700)))).astype(np.float32)
