"""The losses a sentence encoder is trained with, by name.

    name                          takes              pulls and pushes
    multiple-negatives-ranking    pairs, triplets    the positive, against all others of the batch
                                                     (InfoNCE; Henderson et al. 2017, 1705.00652)
    triplet                       triplets           by a margin of cosine distance (1503.03832)
    cosent                        scored             every two pairs into the order of their scores
                                                     (Su 2022, kexue.fm/archives/8847)
    cosine                        scored             the cosine to the score, squared (1908.10084)
    batch-all-triplet             labels             every triplet of labels in a batch (1703.07737)
    simcse                        texts              a text to itself under another dropout, against
                                                     the batch (Gao et al. 2021, 2104.08821)
    tsdae                         texts              decodes a text from the vector of it with words
                                                     deleted (Wang et al. 2021, 2104.06979)

They are sentence-transformers' own. With `dims`, each is computed on the first so many dimensions
too (Matryoshka; Kusupati et al. 2022, 2205.13147).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import UnknownNameError
from sememe.train.base.device import n_processes
from sememe.train.sentence.examples import ROLES

if TYPE_CHECKING:
    from sememe.train.sentence.examples import Examples, Kind

LOSSES: Mapping[Kind, tuple[str, ...]] = {  # the first is the default
    "pairs": ("multiple-negatives-ranking",),
    "scored": ("cosent", "cosine"),
    "triplets": ("multiple-negatives-ranking", "triplet"),
    "labels": ("batch-all-triplet",),
    "texts": ("simcse", "tsdae"),
}
_SIMCSE = 0.1  # dropout
_IN_BATCH = ("multiple-negatives-ranking", "simcse")
_DELETED = 0.6  # share of the words that TSDAE deletes


def check_loss(name: str | None, kind: Kind) -> str:
    """Return the loss for examples of a kind; raise UnknownNameError if it does not take them."""
    if name is None:
        return LOSSES[kind][0]
    if name not in LOSSES[kind]:
        raise UnknownNameError.of(f"loss for {kind}", name, LOSSES[kind])
    return name


def make_loss(
    name: str, model: Any, *, temperature: float, margin: float, dims: Sequence[int]
) -> Any:
    """Return sentence-transformers' loss; TSDAE's decoder shares the network's own weights."""
    from sentence_transformers.sentence_transformer import losses

    if name in _IN_BATCH:
        loss = losses.MultipleNegativesRankingLoss(
            model, scale=1 / temperature, gather_across_devices=n_processes() > 1
        )
    elif name == "triplet":
        cosine = losses.TripletDistanceMetric.COSINE
        loss = losses.TripletLoss(model, distance_metric=cosine, triplet_margin=margin)
    elif name == "batch-all-triplet":
        cosine = losses.BatchHardTripletLossDistanceFunction.cosine_distance
        loss = losses.BatchAllTripletLoss(model, distance_metric=cosine, margin=margin)
    elif name == "cosine":
        loss = losses.CosineSimilarityLoss(model)
    elif name == "cosent":
        loss = losses.CoSENTLoss(model, scale=1 / temperature)
    else:
        loss = losses.DenoisingAutoEncoderLoss(model, tie_encoder_decoder=True)
    return losses.MatryoshkaLoss(model, loss, list(dims)) if dims else loss


def drop_out(model: Any) -> None:
    """Set a dropout of 0.1 in a model without any: SimCSE's two views differ in it alone.

    Reference: Gao et al. 2021, 3 (arXiv:2104.08821).
    """
    import torch

    layers = [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    if not any(layer.p for layer in layers):
        for layer in layers:
            layer.p = _SIMCSE


def choose_sampler(name: str) -> Any:
    """Return how batches are drawn: in-batch negatives must not be positives, labels must meet."""
    from sentence_transformers.base.training_args import BatchSamplers

    from sememe.train.sentence.length_batching import ByLength

    if name in _IN_BATCH:
        return BatchSamplers.NO_DUPLICATES
    return BatchSamplers.GROUP_BY_LABEL if name == "batch-all-triplet" else ByLength


def make_dataset(examples: Examples, name: str, *, seed: int) -> Any:
    """Return the examples as the loss takes them."""
    from datasets import Dataset

    columns = {role: examples.columns[role] for role in ROLES[examples.kind]}
    if name == "simcse":
        columns = {"anchor": columns["text"], "positive": columns["text"]}
    elif name == "tsdae":
        rng = np.random.default_rng(seed)
        damaged = [delete_words(text, rng) for text in columns["text"]]
        columns = {"damaged": damaged, "text": columns["text"]}
    elif examples.kind == "labels":
        numbers = {label: i for i, label in enumerate(dict.fromkeys(columns["label"]))}
        columns = columns | {"label": [numbers[label] for label in columns["label"]]}
    return Dataset.from_dict(columns)


def delete_words(text: str, rng: np.random.Generator) -> str:
    """Delete 60 % of the words of a text at random, but keep one at least.

    >>> delete_words("one two three four five", np.random.default_rng(1))
    'two four'
    """
    words = text.split()
    kept = rng.random(len(words)) > _DELETED
    if not kept.any():
        kept[rng.integers(len(words))] = True
    return " ".join(compress(words, kept))
