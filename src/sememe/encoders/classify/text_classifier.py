"""Classify texts: probabilities, sets of labels that hold the true one, novelty, and reasons.

`sememe.train.classify_text.classifier` learns such classifiers and writes their folders.

References: Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random World, for sets; Li,
Monroe and Jurafsky 2016 (arXiv:1612.08220) for reasons by leaving words out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe.encoders.base import as_encoder
from sememe.encoders.classify.folder import (
    open_encoder,
    read_about,
    read_arrays,
    write_classifier,
)
from sememe.encoders.classify.text_heads import TextHeads
from sememe.encoders.prediction import Classifier
from sememe.encoders.text.encoder import check_texts
from sememe.text.split import find_sentences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import Encoder, FloatArray, Modality

_MANY_WORDS = 40  # above which sentences are left out, not words
_PARTS = 60  # left out of a text, at most
_LONGEST = 400  # characters of a sentence
_WORD = re.compile(r"\S+")
LONGEST = 20_000  # characters that are read of a text
EMPTY = "the text is empty"


class Reason(NamedTuple):
    """A part of a text, and how much less probable the answer is without it.

    Attributes:
        text: The word or the sentence.
        start, end: Its characters in the whole text.
        change: Probability of the answer with all of the text, minus that without the part.
    """

    text: str
    start: int
    end: int
    change: float


class TextModel(Classifier):
    """A classifier of texts; `TextClassifier.fit` makes it.

    Attributes:
        encoder: Encoder of the texts.
        heads: What was learnt of its vectors, and of n-grams.
        misfits: (m,) ascending: 1 - the probability of the true label, of examples held out.
        known: (r, dim) vectors of texts that were learnt from.
        familiar: Least cosine with one of `known` that is usual among them.
    """

    modality: Modality = "text"

    def __init__(
        self,
        encoder: Encoder,
        heads: TextHeads,
        labels: Sequence[str],
        *,
        misfits: FloatArray,
        known: FloatArray,
        familiar: float,
    ) -> None:
        self.encoder = as_encoder(encoder)
        self.heads = heads
        self.labels = tuple(labels)
        self.misfits = misfits
        self.known = known
        self.familiar = familiar

    def probabilities_with_failures(
        self, items: Sequence[Any]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Compute probabilities, collecting failures, which are empty texts; see `Classifier`."""
        rows, failed, _ = self.assess(items)
        return rows, failed

    def assess(self, items: Sequence[str]) -> tuple[FloatArray, dict[int, str], NDArray[np.bool_]]:
        """Encode texts once: probabilities and failures, and (n,) which are unfamiliar."""
        texts = cut_texts(check_texts(items))
        failed = {i: EMPTY for i, text in enumerate(texts) if not text.strip()}
        vectors = self.encoder.encode(texts)
        rows = self.heads.probabilities(vectors, texts)
        rows[list(failed)] = np.nan
        return rows, failed, self._are_unfamiliar(vectors)

    def choose_sets(self, probabilities: FloatArray, *, error: float) -> list[tuple[str, ...]]:
        """Return labels of each row, the most probable first, that hold the true one.

        They do for at least 1 - error of texts like those that were learnt from. A set is empty
        where no label is probable enough; it holds all labels where too few examples were held out.

        Raises:
            InvalidInputError: An error that is not above 0 and below 1.
        """
        most = find_bound(self.misfits, error)
        sets = []
        for row in probabilities:
            order = np.argsort(-row, kind="stable").tolist()
            sets.append(tuple(self.labels[i] for i in order if 1 - row[i] <= most))
        return sets

    def find_unfamiliar(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return (n,) whether a text is unlike all that was learnt from."""
        return self._are_unfamiliar(self.encoder.encode(cut_texts(check_texts(texts))))

    def _are_unfamiliar(self, vectors: FloatArray) -> NDArray[np.bool_]:
        if not len(self.known):
            return np.zeros(len(vectors), bool)
        nearest = (vectors @ self.known.T).max(axis=1)
        return np.asarray(nearest < self.familiar)

    def explain(self, text: str, *, label: str | None = None) -> list[Reason]:
        """Return the parts of a text, those first without which the answer is least probable.

        Parts are words, or sentences of a text of more than 40 words. label: By default the
        predicted one.

        Raises:
            InvalidInputError: An empty text, or a label that there is not.
        """
        if not text.strip():
            raise InvalidInputError(f"{EMPTY}. Give a text with words.")
        if label is not None and label not in self.labels:
            raise InvalidInputError(f"label={label!r} is none of {', '.join(self.labels)}.")
        (text,) = cut_texts([text])
        parts = list(_split_parts(text))[:_PARTS]
        without = [text[:start] + text[end:] for start, end in parts]
        texts = [text, *without]
        rows = self.heads.probabilities(self.encoder.encode(texts), texts)
        number = int(rows[0].argmax()) if label is None else self.labels.index(label)
        changes = (rows[0, number] - rows[1:, number]).tolist()
        reasons = [
            Reason(text[start:end], start, end, change)
            for (start, end), change in zip(parts, changes, strict=True)
        ]
        return sorted(reasons, key=lambda one: (-one.change, one.start))

    def write(self, folder: Path, facts: Mapping[str, Any]) -> None:
        """Write both files into an existing folder. facts: Further entries of sememe.json."""
        arrays = self.heads.arrays() | {
            "misfits": self.misfits,
            "known": self.known.astype(np.float16),
            "familiar": np.array(self.familiar, np.float32),
        }
        facts = {"ordered": self.heads.pool.ordered, **facts}
        write_classifier(folder, self.encoder, self.labels, arrays, facts)

    @staticmethod
    def load(
        folder: str | Path, *, encoder: Encoder | None = None, threads: int | None = None
    ) -> TextModel:
        """Load the classifier in a folder.

        encoder: By default loaded by the name in the folder. threads: CPU threads of the encoder;
        all cores by default.

        Raises:
            InvalidInputError: The folder holds no classifier of texts.
            CorruptFileError: A file is missing or damaged, or of a newer format.
            SpaceMismatchError: The encoder's name now leads to vectors of another space.
        """
        path = Path(folder)
        about = read_about(path, ("text",), ("ordered",))
        opened = open_encoder(path, about, encoder, threads=threads)

        def make(arrays: dict[str, Any]) -> TextModel:
            return TextModel(
                opened,
                TextHeads.of(arrays, ordered=bool(about["ordered"])),
                list(map(str, about["labels"])),
                misfits=arrays["misfits"],
                known=arrays["known"].astype(np.float32),
                familiar=float(arrays["familiar"]),
            )

        return read_arrays(path, make)


def find_bound(misfits: FloatArray, error: float) -> float:
    """Return how improbable, 1 - its probability, a label of a set may be at most.

    misfits: (m,) ascending, of the true labels of examples held out.

    Raises:
        InvalidInputError: An error that is not above 0 and below 1.
    """
    if not 0 < error < 1:
        raise InvalidInputError(f"error={error}; give a number above 0 and below 1, as 0.05.")
    place = math.ceil((len(misfits) + 1) * (1 - error)) - 1
    return float(misfits[place]) if place < len(misfits) else 1.0


def cut_texts(texts: Sequence[str]) -> list[str]:
    """Return the first 20,000 characters of each text, which are all that is read."""
    return [text[:LONGEST] for text in texts]


def _split_parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the words of a text begin and end, or its sentences if it has many words."""
    words = [match.span() for match in _WORD.finditer(text)]
    sentences = find_sentences(text, longest=_LONGEST) if len(words) > _MANY_WORDS else []
    yield from sentences if len(sentences) > 1 else words
