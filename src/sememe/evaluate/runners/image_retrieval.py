"""Retrieval across pictures and texts: are those that belong together found first?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sememe._errors import InvalidInputError
from sememe._ties import best_places
from sememe._types import Encoder
from sememe.encoders.base import as_encoder
from sememe.evaluate.control import derangement
from sememe.evaluate.metrics.intervals import Seed, bootstrap_interval
from sememe.evaluate.results import Evaluation
from sememe.evaluate.unit_vectors import row_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.sources.datasets.image_text import ImageTexts

RECALLS = (1, 5, 10)


@dataclass(frozen=True, eq=False, slots=True)
class Retrieved:
    """Whether each query found what belongs to it.

    Attributes:
        hits: Name of a figure, as "text to image recall@10" -> (n queries,) of 0 and 1.
        control: The same figures where what is right was dealt to others.
    """

    hits: dict[str, NDArray[np.float64]]
    control: dict[str, float]

    @property
    def metrics(self) -> dict[str, float]:
        """The mean of each figure."""
        return {name: float(hit.mean()) for name, hit in self.hits.items()}


def retrieve(
    images: FloatArray,
    texts: FloatArray,
    pairs: NDArray[np.int64],
    columns: Sequence[str] = (),
    *,
    seed: Seed = 0,
) -> Retrieved:
    """Look up each text among the images, each image among the texts, and images among images.

    images: (n, dim), texts: (m, dim), unit rows. pairs: (p, 3): rows of both that belong together,
    and their group; whatever is of one group is right. columns: Of each pair, which column its text
    came from: where there are several, each has figures of its own.

    A query counts as answered, recall@k, when something right is among its k nearest; of equal
    similarities the lower row comes first. An image is never its own answer, and those alone in
    their group are not looked up among images.
    """
    shown, said = np.unique(pairs[:, 0]), np.unique(pairs[:, 1])
    groups = {name: i for i, name in enumerate(np.unique(pairs[:, 2]).tolist())}
    of_pair = np.array([groups[one] for one in pairs[:, 2].tolist()])
    of_image = np.zeros((len(shown), len(groups)), bool)
    of_image[np.searchsorted(shown, pairs[:, 0]), of_pair] = True
    of_text = np.zeros((len(said), len(groups)), bool)
    of_text[np.searchsorted(said, pairs[:, 1]), of_pair] = True
    found = {
        "text to image": _recalls(texts[said], images[shown], of_text, of_image, seed),
        "image to text": _recalls(images[shown], texts[said], of_image, of_text, seed),
    }
    names = list(dict.fromkeys(columns))
    for name in names if len(names) > 1 else ():
        own = np.unique(pairs[np.array(columns, object) == name, 1])
        at = np.searchsorted(said, own)
        found[f"{name} to image"] = _recalls(texts[own], images[shown], of_text[at], of_image, seed)
    twins = (of_image[:, of_image.sum(axis=0) > 1]).any(axis=1)
    if twins.any():
        rows, own = images[shown], np.flatnonzero(twins)
        found["image to image"] = _recalls(rows[own], rows, of_image[own], of_image, seed, own)
    hits, control = {}, {}
    for way, (right, wrong) in found.items():
        for k in RECALLS:
            hits[f"{way} recall@{k}"] = right[k]
            control[f"{way} recall@{k}"] = float(wrong[k].mean())
    return Retrieved(hits, control)


def evaluate_image_retrieval(
    encoders: tuple[Encoder, Encoder],
    data: ImageTexts,
    *,
    batch_size: int | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Evaluate an encoder of images and one of texts that share a space; see `retrieve`.

    Control: what is right, dealt to others.

    Raises:
        InvalidInputError: No image can be read.
    """
    images, texts = encoders
    done = as_encoder(images).encode_with_receipt(data.images, show_progress=show_progress)
    kept = data.without(done.receipt.failed)
    if not len(kept.pairs):
        raise InvalidInputError(f"no image can be read: {'; '.join(kept.notes)}")
    said = texts.encode(list(kept.texts), batch_size=batch_size)
    found = retrieve(done.vectors, said, kept.pairs, kept.columns, seed=seed)
    return Evaluation(
        task="image-retrieval",
        model=images.name,
        n=len(data.pairs),
        metrics=found.metrics,
        covered=len(kept.pairs) / len(data.pairs),
        intervals={
            name: bootstrap_interval(hit, resamples=resamples, seed=seed)
            for name, hit in found.hits.items()
        },
        control=found.control,
    )


_Recalls = dict[int, "NDArray[np.float64]"]


def _recalls(
    queries: FloatArray,
    answers: FloatArray,
    of_query: NDArray[np.bool_],
    of_answer: NDArray[np.bool_],
    seed: Seed,
    own: NDArray[np.int64] | None = None,
) -> tuple[_Recalls, _Recalls]:
    """Return recall@k of each query, and of the control.

    of_query: (n queries, groups); of_answer: (n answers, groups). own: the answer that is the query
    itself, which does not count.
    """
    most = min(max(RECALLS), len(answers))
    best = np.empty((len(queries), most), np.int64)
    for block in row_blocks(len(queries), len(answers)):
        scores = queries[block] @ answers.T
        if own is not None:
            scores[np.arange(len(scores)), own[block]] = -np.inf
        best[block] = best_places(scores, most)
    dealt = of_query[derangement(len(queries), seed=seed)]
    return _hits_at(best, of_query, of_answer), _hits_at(best, dealt, of_answer)


def _hits_at(
    best: NDArray[np.int64], of_query: NDArray[np.bool_], of_answer: NDArray[np.bool_]
) -> _Recalls:
    right = np.stack([(of_query & of_answer[best[:, j]]).any(axis=1) for j in range(best.shape[1])])
    found: _Recalls = {}
    for k in RECALLS:
        found[k] = np.any(right[:k], axis=0).astype(np.float64)
    return found
