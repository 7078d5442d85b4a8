"""Masked language models: accuracy, cross-entropy and perplexity of masked tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._progress import progress
from sememe._types import FloatArray
from sememe.evaluate.metrics.intervals import Seed, bootstrap_interval
from sememe.evaluate.results import Evaluation

_TEXTS = 64  # per call of the model


@runtime_checkable
class MaskedModel(Protocol):
    """A model that predicts masked tokens, such as `sememe.encoders.text.masked_lm.MaskedLM`."""

    @property
    def name(self) -> str:
        """How to load it again."""

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids that are never masked: special and unknown tokens."""

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text."""

    def predict(
        self, ids: Sequence[Sequence[int]], positions: Sequence[Sequence[int]]
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Mask positions; return (m,) log-probabilities of the masked tokens, (m,) best ids."""

    def token_log_probabilities(self, texts: Sequence[str]) -> list[FloatArray]:
        """Return the log-probabilities of each text's tokens, each masked alone."""


@dataclass(frozen=True, eq=False, slots=True)
class _Texts:
    """Token ids of texts; ascending positions of those that may be, and those that are masked."""

    ids: list[list[int]]
    known: list[NDArray[np.int64]]
    hidden: list[NDArray[np.int64]]


@dataclass(frozen=True, eq=False, slots=True)
class _Figure:
    """A metric of (n, 3) sums by text, those of the control, and the fraction of tokens."""

    statistic: Callable[[NDArray[np.float64]], float]
    sums: NDArray[np.float64]
    control: NDArray[np.float64]
    coverage: float


def evaluate_masked(
    model: MaskedModel,
    texts: Sequence[str],
    *,
    mask_prob: float = 0.15,
    pseudo_texts: int = 0,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Mask random tokens of texts and predict them.

    Of each text's n tokens max(1, round(mask_prob * n)) are masked, all of them by the mask token,
    without the 10 % that are kept and the 10 % that are replaced in training. The same seed masks
    the same tokens. Unknown and special tokens are never masked: `coverage` is the fraction of
    tokens that may be, `covered` the fraction of texts with such a token.

    Metrics, over all masked tokens: "accuracy"; "cross_entropy", the mean -log p in nats;
    "perplexity", its exponential. With pseudo_texts above 0, "pseudo_perplexity" of that many
    covered texts, from the first: each token is masked alone, in one forward pass per token
    (Salazar et al. 2020, arXiv:1910.14659). All but accuracy depend on the vocabulary: compare
    models with the same tokenization. Intervals: bootstrap over texts.

    Control: a unigram model with the frequencies of these texts, without context, which always
    predicts the most frequent token.

    Reference: Devlin et al. 2019 (arXiv:1810.04805), 3.1.

    Raises:
        InvalidInputError: Not a masked language model, no text with a known token, or a mask_prob
            outside (0, 1].
    """
    check_masked_model(model)
    if not 0 < mask_prob <= 1:
        raise InvalidInputError(f"mask_prob={mask_prob} is not in (0, 1]. Try 0.15.")
    if pseudo_texts < 0:
        raise InvalidInputError(f"pseudo_texts={pseudo_texts}; give 0, or how many texts to take.")
    masked = _draw_hidden(model, texts, mask_prob, seed)
    figures = _figures(model, texts, masked, pseudo_texts, show_progress)
    return Evaluation(
        task="masked",
        model=model.name,
        n=len(texts),
        metrics={name: one.statistic(one.sums) for name, one in figures.items()},
        covered=float(np.mean([len(positions) > 0 for positions in masked.known])),
        intervals={
            name: bootstrap_interval(
                one.sums[one.sums[:, 2] > 0],
                statistic=one.statistic,
                resamples=resamples,
                seed=seed,
            )
            for name, one in figures.items()
        },
        control={name: one.statistic(one.control) for name, one in figures.items()},
        coverage={name: one.coverage for name, one in figures.items()},
    )


def check_masked_model(model: object) -> MaskedModel:
    """Return the model, or refuse one that does not predict masked tokens."""
    if not isinstance(model, MaskedModel):
        raise InvalidInputError(
            f"task 'masked' got {type(model).__name__}; allowed: a masked language model. Give "
            "one: from sememe.encoders.text.masked_lm import MaskedLM; MaskedLM.load(FOLDER)."
        )
    return model


def _figures(
    model: MaskedModel, texts: Sequence[str], masked: _Texts, pseudo_texts: int, show_progress: bool
) -> dict[str, _Figure]:
    """Predict the masked tokens by the model and by the control."""
    n_known, n_tokens = sum(map(len, masked.known)), sum(map(len, masked.ids))
    if not n_known:
        raise InvalidInputError(
            f"task 'masked' got {len(texts)} texts without a token that {model.name} knows. Give "
            "texts in a language of the model."
        )
    unigram = _Unigram(masked)
    sums = _sums(model, masked, show_progress)
    wrong = np.stack([unigram.sums(one) for one in _tokens_at(masked, masked.hidden)])
    statistics = {"accuracy": _accuracy, "cross_entropy": _cross_entropy, "perplexity": _perplexity}
    figures = {
        name: _Figure(statistic, sums, wrong, n_known / n_tokens)
        for name, statistic in statistics.items()
    }
    if pseudo_texts:
        some = [i for i, positions in enumerate(masked.known) if len(positions)][:pseudo_texts]
        tokens = list(_tokens_at(masked, masked.known))
        own = _pseudo_sums(model, [texts[i] for i in some], show_progress)
        wrong = np.stack([unigram.sums(tokens[i]) for i in some])
        share = sum(len(tokens[i]) for i in some) / n_tokens
        figures["pseudo_perplexity"] = _Figure(_perplexity, own, wrong, share)
    return figures


def _draw_hidden(model: MaskedModel, texts: Sequence[str], mask_prob: float, seed: Seed) -> _Texts:
    """Tokenize the texts and draw the tokens to mask."""
    generator = np.random.default_rng(seed)
    masked = _Texts(model.token_ids(texts), [], [])
    special = np.array(sorted(model.special_ids), np.int64)
    for ids in masked.ids:
        known = np.flatnonzero(~np.isin(np.array(ids, np.int64), special))
        n = min(len(known), max(1, round(mask_prob * len(known))))
        masked.known.append(known)
        masked.hidden.append(np.sort(generator.choice(known, n, replace=False)) if n else known)
    return masked


def _sums(model: MaskedModel, masked: _Texts, show_progress: bool) -> NDArray[np.float64]:
    """Return (n, 3) by text: correct predictions, the sum of -log p, masked tokens."""
    rows = []
    with progress("predicting", total=len(masked.ids), show=show_progress) as advance:
        for start in range(0, len(masked.ids), _TEXTS):
            part = slice(start, start + _TEXTS)
            ids, hidden = masked.ids[part], masked.hidden[part]
            log_probs, best = model.predict(ids, [positions.tolist() for positions in hidden])
            at = 0
            for one, positions in zip(ids, hidden, strict=True):
                own = slice(at, at := at + len(positions))
                hits = best[own] == np.array(one, np.int64)[positions]
                rows.append((hits.sum(), -log_probs[own].sum(dtype=np.float64), len(positions)))
            advance(len(rows))
    return np.array(rows, np.float64)


def _pseudo_sums(
    model: MaskedModel, texts: Sequence[str], show_progress: bool
) -> NDArray[np.float64]:
    """Return (n, 3) as `_sums`, each token masked alone; the first column is not computed."""
    rows = []
    with progress("predicting each token", total=len(texts), show=show_progress) as advance:
        for start in range(0, len(texts), 4):
            for own in model.token_log_probabilities(texts[start : start + 4]):
                rows.append((0.0, -own.sum(dtype=np.float64), len(own)))
            advance(len(rows))
    return np.array(rows, np.float64)


class _Unigram:
    """The control: a unigram model of the texts."""

    def __init__(self, masked: _Texts) -> None:
        tokens = np.concatenate(list(_tokens_at(masked, masked.known)))
        self._ids, counts = np.unique(tokens, return_counts=True)
        self._log_probs = np.log(counts / counts.sum())
        self._best = self._ids[counts.argmax()]  # ties go to the lowest id

    def sums(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (3,) as `_sums`."""
        log_probs = self._log_probs[np.searchsorted(self._ids, tokens)]
        return np.array([(tokens == self._best).sum(), -log_probs.sum(), len(tokens)])


def _tokens_at(masked: _Texts, positions: list[NDArray[np.int64]]) -> Iterator[NDArray[np.int64]]:
    """Yield the tokens of each text at its positions."""
    for ids, own in zip(masked.ids, positions, strict=True):
        yield np.array(ids, np.int64)[own]


def _accuracy(sums: NDArray[np.float64]) -> float:
    return float(sums[:, 0].sum() / sums[:, 2].sum())


def _cross_entropy(sums: NDArray[np.float64]) -> float:
    return float(sums[:, 1].sum() / sums[:, 2].sum())


def _perplexity(sums: NDArray[np.float64]) -> float:
    return float(np.exp(_cross_entropy(sums)))
