"""Weights of the tokens of a distilled encoder, by rank or by frequency.

By Zipf's law the token of rank r has a frequency in proportion to 1/r. Vocabularies list frequent
tokens first, so that ranks are known without a corpus.

Reference: Tulkens & van Dongen 2024, Model2Vec (github.com/MinishLab/model2vec); Arora et al. 2017
(ICLR) for SIF.
"""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.text.lines import Corpus, read_texts
from sememe.text.normalize import well_formed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNUSED = re.compile(r"\[unused\d+\]|<unused_?\d+>|<extra_id_\d+>|extra_token_id_\d+|madeupword\d+")
_TEXTS = 1000  # of the corpus tokenised at once


def tokens_of(tokenizer: Any) -> list[str]:
    """Return the names of a tokenizer's ids, in order; InvalidInputError if one has none."""
    names = sorted(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda pair: pair[1])
    if [number for _, number in names] != list(range(len(names))):
        raise InvalidInputError(
            f"the tokenizer has {len(names)} tokens but ids up to {names[-1][1]}: ids without a "
            "token cannot be distilled. Give a teacher whose vocabulary is whole."
        )
    return [name for name, _ in names]


def select_tokens(tokenizer: Any) -> NDArray[np.int64]:
    """Return the ids that get a row, ascending: no marks, no unknown token, no unused ones."""
    document = json.loads(tokenizer.to_str())
    model = document["model"]
    out = {token["content"] for token in document["added_tokens"] if token["special"]}
    out.add(model.get("unk_token"))
    names = tokens_of(tokenizer)
    if model.get("unk_id") is not None:
        out.add(names[model["unk_id"]])
    kept = [i for i, name in enumerate(names) if name not in out and not _UNUSED.fullmatch(name)]
    if not kept:
        raise InvalidInputError(
            f"none of the teacher's {len(names)} tokens is text. Give another teacher."
        )
    return np.array(kept, np.int64)


def token_ranks(tokenizer: Any, kept: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rank (n,) of each kept token by the order of the vocabulary, 1 being the first.

    WordPiece vocabularies begin with their alphabet, and end with it once more as continuations
    ("##a"), sorted by code point, not by frequency. Letters, digits and marks count as the most
    frequent there, rank 1; a wide character (Chinese, Japanese, Korean), which is a syllable or a
    word, as one in the middle; the others are numbered among themselves.
    """
    model = json.loads(tokenizer.to_str())["model"]
    if model.get("type") != "WordPiece":
        return np.arange(1, len(kept) + 1)
    names = tokens_of(tokenizer)
    prefix = model.get("continuing_subword_prefix") or ""
    bare = [names[i].removeprefix(prefix) for i in kept.tolist()]
    single = np.array([len(token) == 1 for token in bare])
    wide = np.array([len(t) == 1 and unicodedata.east_asian_width(t) in "WF" for t in bare])
    ranks = np.where(single, 1, np.cumsum(~single))
    return np.where(wide, (np.count_nonzero(~single) + 1) // 2, ranks)


def zipf_weights(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log(1 + rank) for each rank (n,).

    >>> zipf_weights(np.array([1, 3])).round(4).tolist()
    [0.6931, 1.3863]
    """
    return np.log1p(ranks)


def sif_weights(shares: NDArray[np.float64], coefficient: float) -> NDArray[np.float64]:
    """Return a / (a + p) for frequencies (n,) of any scale: p are their shares of the sum.

    >>> sif_weights(np.array([3.0, 1.0, 0.0]), 0.25).tolist()
    [0.25, 0.5, 1.0]
    """
    weights: NDArray[np.float64] = coefficient / (coefficient + shares / shares.sum())
    return weights


def token_counts(tokenizer: Any, corpus: Corpus) -> NDArray[np.float64]:
    """Return how often each id (n,) occurs in a corpus; see `read_texts`."""
    counts = np.zeros(tokenizer.get_vocab_size(with_added_tokens=True))
    texts = read_texts(corpus)
    while batch := [well_formed(text) for text in islice(texts, _TEXTS)]:
        for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
            counts += np.bincount(encoding.ids, minlength=len(counts))
    return counts
