"""Negatives for pairs: other texts, drawn at random or near to the anchor (hard ones).

Hard negatives are texts near an anchor that are not its positives. An encoder ranks all positives
by cosine for each anchor. Its own positives are left out, and so is every text nearly as near as
they are: such a text is likely a positive that nobody marked. This is the positive-aware mining of
Moreira et al. 2024 (NV-Retriever, arXiv:2407.15831).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.encoders.base import as_encoder
from sememe.train.sentence.examples import Examples

if TYPE_CHECKING:
    from sememe._types import Encoder, FloatArray

_BLOCK = 1024


def with_hard_negatives(
    examples: Examples, encoder: Encoder, *, n: int, below: float = 0.95
) -> Examples:
    """Make triplets of pairs: each anchor with its positive and each of its n nearest others.

    below: A negative's cosine is at most this part of the cosine of anchor and positive. Pairs
    without any such text are left out, and counted.
    """
    anchors, positives = examples.columns["anchor"], examples.columns["positive"]
    texts = list(dict.fromkeys(positives))
    numbers = {text: i for i, text in enumerate(texts)}
    own = examples.positives()
    queries = as_encoder(encoder).encode_query(anchors)
    rows = encoder.encode(texts)
    found: dict[str, list[Any]] = {"anchor": [], "positive": [], "negative": []}
    none = 0
    for start in range(0, len(anchors), _BLOCK):
        cosine = queries[start : start + _BLOCK] @ rows.T
        for i, scores in enumerate(cosine, start):
            limit = below * scores[numbers[positives[i]]]
            right = {anchors[i], *own[anchors[i]]}
            known = [numbers[text] for text in right if text in numbers]
            negatives = _nearest(scores, limit, known, n)
            none += not negatives
            found["anchor"] += [anchors[i]] * len(negatives)
            found["positive"] += [positives[i]] * len(negatives)
            found["negative"] += [texts[j] for j in negatives]
    notes = [*examples.notes, f"{len(found['anchor'])} hard negatives for {len(anchors)} pairs"]
    if none:
        notes.append(f"{none} pairs left out: no text is a hard negative of theirs")
    return Examples("triplets", found, examples.n_read, tuple(notes))


def with_random_negatives(examples: Examples, *, n: int, seed: int) -> Examples:
    """Make triplets of pairs: each anchor with its positive and each of n others drawn at random.

    Pairs whose anchor is right with every text are left out, and counted.
    """
    anchors, positives = examples.columns["anchor"], examples.columns["positive"]
    texts = list(dict.fromkeys(positives))
    own = {anchor: {anchor, *texts} for anchor, texts in examples.positives().items()}
    rng = np.random.default_rng(seed)
    found: dict[str, list[Any]] = {"anchor": [], "positive": [], "negative": []}
    none = 0
    for anchor, positive in zip(anchors, positives, strict=True):
        most = min(len(texts), n + len(own[anchor]))
        drawn = [texts[i] for i in rng.choice(len(texts), most, replace=False).tolist()]
        negatives = [text for text in drawn if text not in own[anchor]][:n]
        none += not negatives
        found["anchor"] += [anchor] * len(negatives)
        found["positive"] += [positive] * len(negatives)
        found["negative"] += negatives
    notes = [*examples.notes, f"{len(found['anchor'])} random negatives for {len(anchors)} pairs"]
    if none:
        notes.append(f"{none} pairs have no negative: their anchor goes with every text")
    return Examples("triplets", found, examples.n_read, tuple(notes))


def _nearest(scores: FloatArray, limit: float, own: list[int], n: int) -> list[int]:
    """Return the n best places at or below the limit, but for its own; ties by place."""
    allowed = scores <= limit
    allowed[own] = False
    places = np.flatnonzero(allowed)
    order = np.lexsort((places, -scores[places]))[:n]
    return [int(places[i]) for i in order]
