"""Cross-encoders: two texts are read in one sequence, and get one score.

    reranker = CrossEncoder.load("hf:cross-encoder/ms-marco-MiniLM-L6-v2")
    reranker.score([("how tall is the tower", "It is 330 metres high.")])  # (1,)
    reranker.rank("how tall is the tower", texts, k=3)  # [(place, score), ...]

Every word of one text can heed every word of the other, so that they judge better than the cosine
of two vectors; but each pair costs a run of the network, and nothing can be indexed (Reimers and
Gurevych 2019, arXiv:1908.10084, section 1). So they rank again what an encoder has found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from sememe._errors import InvalidInputError, TextTooLongError, UnknownNameError
from sememe._progress import progress
from sememe._ties import rank, tolerance_of_outputs
from sememe.encoders.text.encoder import checked_texts
from sememe.models.cross_encoder.engine import CrossEngine
from sememe.models.cross_encoder.folder import CrossFolder, read_cross_folder
from sememe.models.locate import fetch
from sememe.models.weights.hub import PREFIX
from sememe.text.tokenizers.pairs import PairTokenizer
from sememe.vectors.nearest import check_k

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.text.tokenizers.pairs import Pair, PairTokens

PairOverflow = Literal["truncate", "error"]
_PAIRS = 1024  # tokenised at once


class CrossEncoder:
    """Score pairs of texts with a network that classifies sequences.

    Attributes:
        labels: Names of the outputs; one where pairs get a score.
        window: Tokens of a pair at most, marks included.
        overflow: What becomes of a longer one: "truncate" cuts the end of the longer text until
            both fit, as in training; "error" raises TextTooLongError. `cut` tells which it meets.
    """

    def __init__(
        self, folder: CrossFolder, *, name: str, overflow: PairOverflow, threads: int | None
    ) -> None:
        """Use `load`."""
        self._name = name
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
            overflow: What becomes of pairs longer than the window.
            threads: CPU threads for the network; all cores unless told.

        Raises:
            UnknownNameError: No folder of that name, or no such `overflow`.
            InvalidInputError: `threads` below 1, or the folder holds no cross-encoder.
            CorruptFileError: A file is damaged.
            OSError: A model of the hub that is not here, and the hub cannot be reached.
        """
        if overflow not in get_args(PairOverflow):
            raise UnknownNameError.of("overflow", overflow, get_args(PairOverflow))
        if threads is not None and threads < 1:
            raise InvalidInputError(
                f"threads={threads}; give a whole number of at least 1, or None."
            )
        folder, shown = _place(name)
        return cls(read_cross_folder(folder), name=shown, overflow=overflow, threads=threads)

    @property
    def name(self) -> str:
        """How to load it again: the folder, or hf:org/name."""
        return self._name

    def score(self, pairs: Sequence[Pair], *, show_progress: bool = False) -> FloatArray:
        """Return (n,) float32, a score for each pair of texts; higher is better.

        In [0, 1] where the model ends in a sigmoid, as it does unless its config says otherwise;
        else any number. A pair's score depends on nothing but the pair.

        Raises:
            InvalidInputError: Something that is no pair of str, or a model with several labels.
            TextTooLongError: overflow="error" and a pair exceeds the window.
        """
        if len(self.labels) != 1:
            raise InvalidInputError(
                f"{self.name} gives each pair {len(self.labels)} labels "
                f"({', '.join(self.labels)}), not one score. Use probabilities(pairs)."
            )
        scores = self._outputs(pairs, show_progress)[:, 0]
        return _sigmoid(scores) if self._sigmoid else scores

    def probabilities(self, pairs: Sequence[Pair], *, show_progress: bool = False) -> FloatArray:
        """Return (n, labels) float32, how probable each of `labels` is for each pair.

        Rows add up to 1, but for a model of several labels that do not exclude one another.

        Raises:
            InvalidInputError: Something that is no pair of str, or a model with one output.
            TextTooLongError: As `score`.
        """
        if len(self.labels) == 1:
            raise InvalidInputError(f"{self.name} gives each pair one score. Use score(pairs).")
        outputs = self._outputs(pairs, show_progress)
        return _softmax(outputs) if self._exclusive else _sigmoid(outputs)

    def rank(
        self, query: str, texts: Sequence[str], *, k: int = 10, show_progress: bool = False
    ) -> list[tuple[int, float]]:
        """Return the k texts that answer a query best: (place, score), descending, ties by place.

        Raises:
            InvalidInputError: As `score`; or k below 1.
        """
        k = check_k(k)
        pairs = [(query, text) for text in checked_texts(texts)]
        scores = self.score(pairs, show_progress=show_progress)
        return rank(scores, range(len(texts)), tolerance=tolerance_of_outputs(scores))[:k]

    def cut(self, pairs: Sequence[Pair]) -> list[int]:
        """Return the places of the pairs that are longer than the window."""
        found: list[int] = []
        for start, tokens in self._tokens(checked_pairs(pairs)):
            found += [start + i for i, row in enumerate(tokens) if row.dropped]
        return found

    def release(self) -> None:
        """Give back the memory that only makes the next call faster."""
        self._engine.release()

    def _outputs(self, pairs: Sequence[Pair], show_progress: bool) -> FloatArray:
        """Return (n, labels) as the network gives them."""
        given = checked_pairs(pairs)
        out = np.empty((len(given), len(self.labels)), np.float32)
        with progress("scoring", total=len(given), show=show_progress) as advance:
            for start, tokens in self._tokens(given):
                self._check_lengths(start, tokens)
                stop = start + len(tokens)
                out[start:stop] = self._engine.forward(
                    [row.ids for row in tokens], [row.types for row in tokens]
                )
                advance(stop)
        return out

    def _tokens(self, pairs: list[Pair]) -> Iterable[tuple[int, list[PairTokens]]]:
        for start in range(0, len(pairs), _PAIRS):
            yield start, self._tokenizer.encode(pairs[start : start + _PAIRS])

    def _check_lengths(self, start: int, tokens: list[PairTokens]) -> None:
        if self.overflow != "error":
            return
        for i, row in enumerate(tokens, start):
            if row.dropped:
                raise TextTooLongError(
                    f"pair {i} has {len(row.ids) + row.dropped} tokens, marks included; "
                    f"overflow='error' allows {self.window}. Shorten it, or use "
                    "overflow='truncate' to read the beginning of its longer text."
                )


def checked_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs as a list, or say which is none."""
    found: list[Pair] = []
    for i, pair in enumerate([pairs] if isinstance(pairs, str) else pairs):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            got = f"{len(pair)} things" if isinstance(pair, tuple | list) else type(pair).__name__
            raise InvalidInputError(f"pair {i} is {got}; give pairs of str: [(first, second), ...]")
        if wrong := [type(text).__name__ for text in pair if not isinstance(text, str)]:
            raise InvalidInputError(f"pair {i} holds {wrong[0]}; a cross-encoder takes two str.")
        found.append((pair[0], pair[1]))
    return found


def _place(name: str) -> tuple[Path, str]:
    """Return a model's folder, and the name to show."""
    if name.startswith(PREFIX):
        return fetch(name), name
    path = Path(name).expanduser()
    if not name or not path.is_dir():
        raise UnknownNameError(
            f"{name!r} is no folder; give that of a cross-encoder, or hf:org/name."
        )
    return path.resolve(), str(path.resolve())


def _sigmoid(x: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x)), computed in float64 so that small ones differ.

    >>> _sigmoid(np.array([0, -1000, 1000], np.float32)).tolist()
    [0.5, 0.0, 1.0]
    """
    y: FloatArray = (1 / (1 + np.exp(-np.clip(x.astype(np.float64), -700, 700)))).astype(np.float32)
    return y


def _softmax(x: FloatArray) -> FloatArray:
    y = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    shares: FloatArray = (y / y.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
