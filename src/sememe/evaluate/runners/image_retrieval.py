"""Image-text retrieval: recall@k of the images and texts that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._ties import best_places
from sememe._types import Encoder, FloatArray
from sememe.encoders.base import as_encoder
from sememe.evaluate.control import derangement
from sememe.evaluate.metrics.intervals import Seed, bootstrap_intervals
from sememe.evaluate.results import Evaluation
from sememe.sources.datasets.image_text import ImageTexts
from sememe.vectors.nearest import iterate_blocks

RECALLS = (1, 5, 10)


@dataclass(frozen=True, eq=False, slots=True)
class Retrieved:
    """Results of retrieval by query.

    Attributes:
        hits: Metric, such as "text to image recall@10" -> (n queries,) of 0 and 1.
        control: The same metrics with relevance shuffled over queries.
    """

    hits: dict[str, NDArray[np.float64]]
    control: dict[str, float]

    @property
    def metrics(self) -> dict[str, float]:
        """The mean of each metric."""
        return {name: float(hit.mean()) for name, hit in self.hits.items()}


def retrieve(
    images: FloatArray,
    texts: FloatArray,
    pairs: NDArray[np.int64],
    columns: Sequence[str] = (),
    *,
    seed: Seed = 0,
) -> Retrieved:
    """Retrieve images by text, texts by image, and images by image.

    images: (n, dim), texts: (m, dim), unit rows. pairs: (p, 3): an image, a text and their group;
    everything of one group is relevant. columns: The column of each pair's text; if there are
    several, each has its own metrics.

    Recall@k is 1 if something relevant is among the k nearest; ties are in order of rows. An image
    is not its own answer, and images alone in their group are not queries among images.
    """
    shown, captions = np.unique(pairs[:, 0]), np.unique(pairs[:, 1])
    groups, of_pair = np.unique(pairs[:, 2], return_inverse=True)
    rows = images[shown]
    of_image = np.zeros((len(shown), len(groups)), bool)
    of_image[np.searchsorted(shown, pairs[:, 0]), of_pair] = True
    of_text = np.zeros((len(captions), len(groups)), bool)
    of_text[np.searchsorted(captions, pairs[:, 1]), of_pair] = True
    recalls = {
        "text to image": _recalls(texts[captions], rows, of_text, of_image, seed),
        "image to text": _recalls(rows, texts[captions], of_image, of_text, seed),
    }
    names = list(dict.fromkeys(columns))
    for name in names if len(names) > 1 else ():
        own = np.unique(pairs[np.array(columns, object) == name, 1])
        of_own = of_text[np.searchsorted(captions, own)]
        recalls[f"{name} to image"] = _recalls(texts[own], rows, of_own, of_image, seed)
    own = np.flatnonzero((of_image[:, of_image.sum(axis=0) > 1]).any(axis=1))
    if len(own):
        recalls["image to image"] = _recalls(rows[own], rows, of_image[own], of_image, seed, own)
    hits, control = {}, {}
    for way, (right, wrong) in recalls.items():
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
    """Evaluate an image and a text encoder of one space; see `retrieve`.

    Control: relevance shuffled over queries.

    Raises:
        InvalidInputError: No image can be read.
    """
    images, texts = encoders
    done = as_encoder(images).encode_with_receipt(data.images, show_progress=show_progress)
    kept = data.without(done.receipt.failed)
    if not len(kept.pairs):
        raise InvalidInputError(f"no image can be read: {'; '.join(kept.notes)}")
    captions = texts.encode(list(kept.texts), batch_size=batch_size)
    result = retrieve(done.vectors, captions, kept.pairs, kept.columns, seed=seed)
    return Evaluation(
        task="image-retrieval",
        model=images.name,
        n=len(data.pairs),
        metrics=result.metrics,
        covered=len(kept.pairs) / len(data.pairs),
        intervals=bootstrap_intervals(result.hits, resamples=resamples, seed=seed),
        control=result.control,
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

    of_query: (n queries, groups); of_answer: (n answers, groups). own: (n queries,) the answer that
    is the query itself, which is excluded.
    """
    most = min(max(RECALLS), len(answers))
    best = np.empty((len(queries), most), np.int64)
    for block in iterate_blocks(len(queries), len(answers)):
        scores = queries[block] @ answers.T
        if own is not None:
            scores[np.arange(len(scores)), own[block]] = -np.inf
        best[block] = best_places(scores, most)
    shuffled = of_query[derangement(len(queries), seed=seed)]
    return _hits_at(best, of_query, of_answer), _hits_at(best, shuffled, of_answer)


def _hits_at(
    best: NDArray[np.int64], of_query: NDArray[np.bool_], of_answer: NDArray[np.bool_]
) -> _Recalls:
    right = np.stack([(of_query & of_answer[best[:, j]]).any(axis=1) for j in range(best.shape[1])])
    return {k: np.any(right[:k], axis=0).astype(np.float64) for k in RECALLS}
