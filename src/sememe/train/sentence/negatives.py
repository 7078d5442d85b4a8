"""Negatives for pairs: other texts, drawn at random or near to the anchor (hard ones).

Hard negatives are texts near an anchor that are not its positives. An encoder ranks all positives
by cosine for each anchor. Its own positives are left out, and so is every text nearly as near as
they are: likely an unlabelled positive. This is the positive-aware mining of Moreira et al. 2024
(NV-Retriever, arXiv:2407.15831).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sememe.encoders.base import as_encoder
from sememe.train.sentence.examples import ROLES, Examples

if TYPE_CHECKING:
    from sememe._types import Encoder, FloatArray

_BLOCK = 1024


def add_hard_negatives(
    examples: Examples, encoder: Encoder, *, n: int, below: float = 0.95
) -> Examples:
    """Make triplets of pairs: each anchor with its positive and each of its n nearest others.

    below: Maximum cosine of a negative, as a fraction of that of anchor and positive. Pairs without
    any such text are left out, and counted.
    """
    anchors, positives = examples.columns["anchor"], examples.columns["positive"]
    texts = list(dict.fromkeys(positives))
    numbers = {text: i for i, text in enumerate(texts)}
    own = examples.positives()
    queries = as_encoder(encoder).encode_query(anchors)
    rows = encoder.encode(texts)
    negatives: list[list[str]] = []  # of each pair
    for start in range(0, len(anchors), _BLOCK):
        cosine = queries[start : start + _BLOCK] @ rows.T
        for i, scores in enumerate(cosine, start):
            limit = below * scores[numbers[positives[i]]]
            right = {anchors[i], *own[anchors[i]]}
            known = [numbers[text] for text in right if text in numbers]
            negatives.append([texts[j] for j in _find_nearest(scores, limit, known, n)])
    note = "pairs left out: no text is a hard negative of theirs"
    return _make_triplets(examples, negatives, kind="hard", without=note)


def add_random_negatives(examples: Examples, *, n: int, seed: int) -> Examples:
    """Make triplets of pairs: each anchor with its positive and each of n others drawn at random.

    Pairs whose anchor is right with every text are left out, and counted.
    """
    texts = list(dict.fromkeys(examples.columns["positive"]))
    own = {anchor: {anchor, *right} for anchor, right in examples.positives().items()}
    rng = np.random.default_rng(seed)
    negatives = []
    for anchor in examples.columns["anchor"]:
        size = min(len(texts), n + len(own[anchor]))
        drawn = [texts[i] for i in rng.choice(len(texts), size, replace=False).tolist()]
        negatives.append([text for text in drawn if text not in own[anchor]][:n])
    note = "pairs have no negative: their anchor goes with every text"
    return _make_triplets(examples, negatives, kind="random", without=note)


def _make_triplets(
    examples: Examples, negatives: list[list[str]], *, kind: str, without: str
) -> Examples:
    """Return a triplet for each negative of each pair. without: A note on pairs with none."""
    pairs = zip(examples.columns["anchor"], examples.columns["positive"], strict=True)
    triplets = [(*pair, one) for pair, own in zip(pairs, negatives, strict=True) for one in own]
    columns = {name: [row[i] for row in triplets] for i, name in enumerate(ROLES["triplets"])}
    notes = [*examples.notes, f"{len(triplets)} {kind} negatives for {len(examples)} pairs"]
    if none := sum(not own for own in negatives):
        notes.append(f"{none} {without}")
    return Examples("triplets", columns, examples.n_read, tuple(notes))


def _find_nearest(scores: FloatArray, limit: float, own: list[int], n: int) -> list[int]:
    """Return the n best columns at or below the limit, without its own; ties by column."""
    allowed = scores <= limit
    allowed[own] = False
    columns = np.flatnonzero(allowed)
    order = np.lexsort((columns, -scores[columns]))[:n]
    return [int(columns[i]) for i in order]
