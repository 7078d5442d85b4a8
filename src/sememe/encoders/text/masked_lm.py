"""Masked language models: fill masks, and score texts by pseudo-perplexity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sememe._cpus import count_cpus
from sememe._errors import CorruptFileError, InvalidInputError, TextTooLongError
from sememe._ties import best_places
from sememe._types import FloatArray
from sememe.encoders.base import check_threads
from sememe.encoders.name import locate_folder
from sememe.encoders.text.encoder import batch_by_tokens, check_texts
from sememe.models.bert.mask_token import USUAL, find_mask_token
from sememe.text.normalize import well_formed
from sememe.text.tokenizers.tokenizer_file import FileTokenizer
from sememe.vectors.nearest import check_k

if TYPE_CHECKING:
    from sememe.models.bert.engine import SentenceEngine
    from sememe.models.bert.mlm_head import HeadEngine

_TOKENS = 8192  # tokens whose states are in memory at once
_HAN_AND_KANA = re.compile("[\u3040-\u30ff\u3400-\u9fff]")  # written without spaces between words


@dataclass(frozen=True, slots=True)
class Fill:
    """A token that a mask may be replaced with.

    Attributes:
        token: Its name in the vocabulary ("##ing").
        score: Its probability among all tokens, in [0, 1].
        text: The text with the mask replaced by it; other masks are kept.
        written: Its spelling after a word (" late", "ing"), which differs from `token` in
            byte-level vocabularies.
    """

    token: str
    score: float
    text: str
    written: str


@dataclass(frozen=True, eq=False, slots=True)
class _Job:
    """A sequence with marks, (m,) positions of the masks in it, and the (m,) ids they hide."""

    ids: list[int]
    positions: NDArray[np.int64]
    targets: NDArray[np.int64]


class MaskedLM:
    """A masked language model: BERT, RoBERTa, XLM-R, CamemBERT, DistilBERT or MPNet with its head.

    Attributes:
        name: How to load it again.
        mask_token: The mask in a text; "[MASK]" and "<mask>" are understood too.

    >>> model = MaskedLM.load("hf:google-bert/bert-base-uncased")  # doctest: +SKIP
    >>> model.fill("Paris is the [MASK] of France.", k=1)[0][0].token  # doctest: +SKIP
    'capital'

    Reference: Devlin et al. 2019 (arXiv:1810.04805).
    """

    def __init__(
        self, name: str, engine: SentenceEngine, head: HeadEngine, tokenizer: FileTokenizer,
        *, mask: str,
    ) -> None:  # fmt: skip
        """Take the network, its head, its tokenizer and the mask token; see `load`."""
        self.name = name
        self._engine = engine
        self._head = head
        self._tokenizer = tokenizer
        self.mask_token = mask
        whole = tokenizer.encode([mask])[0]  # some tokenizers put a space before it
        self._mask_id = next(i for i in whole if tokenizer.names([i]) == [mask])

    @classmethod
    def load(cls, name: str, *, threads: int | None = None) -> MaskedLM:
        """Load a folder as transformers writes it, or hf:org/name[@revision] from the hub.

        threads: CPU threads of the network; all cores by default.

        Raises:
            InvalidInputError: No such folder, no head for masked tokens, no mask token, or an
                architecture without a graph.
            CorruptFileError: A file is damaged, or does not fit the others.
        """
        from sememe.models.bert.engine import SentenceEngine
        from sememe.models.bert.folder import read_sentence_folder
        from sememe.models.bert.mlm_head import HeadEngine, check_has_head, read_masked_head
        from sememe.models.bert.weights import read_bert_weights

        check_threads(threads)
        example = "hf:google-bert/bert-base-uncased"
        path, canonical = locate_folder(name, "masked language model", example=example)
        folder = read_sentence_folder(path)
        tensors = folder.tensors()
        check_has_head(folder.config, tensors, where=name)
        tokenizer = FileTokenizer(folder.tokenizer())
        mask = find_mask_token(folder.network, folder.config, tokenizer)
        weights = read_bert_weights(folder.config, tensors, where=name)
        head = read_masked_head(folder.config, tensors, weights, where=name)
        engine = SentenceEngine(weights, threads=threads)
        heads = HeadEngine(head, threads=threads or count_cpus())
        return cls(canonical, engine, heads, tokenizer, mask=mask)

    @property
    def window(self) -> int:
        """Tokens that the network reads at once, marks excluded."""
        tokenizer = self._tokenizer
        return self._engine.max_tokens - len(tokenizer.begin) - len(tokenizer.end)

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """The ids that are never predicted: marks, the mask and the unknown token."""
        return self._tokenizer.special_ids() | {self._mask_id}

    def fill(self, text: str, *, k: int = 5) -> list[list[Fill]]:
        """Return the k most probable tokens for each mask of a text, best first, ties by id.

        Each mask is filled independently, while the others stay masked.

        Raises:
            InvalidInputError: The text has no mask, or is not a str; k below 1.
            TextTooLongError: It has more tokens than the network reads at once.
        """
        check_k(k)
        text = well_formed(check_texts([text])[0])
        spans = [match.span() for match in self._masks.finditer(text)]
        if not spans:
            raise InvalidInputError(
                f"{text[:80]!r} has no mask; write {self.mask_token} for the missing word, as in "
                f"'The cat sat on the {self.mask_token}.'"
            )
        ids = self.token_ids([self._masks.sub(lambda _: self.mask_token, text)])[0]
        positions = np.flatnonzero(np.array(ids) == self._mask_id)
        if len(ids) > self.window:
            raise TextTooLongError(
                f"{text[:80]!r} has {len(ids)} tokens; {self.name} reads {self.window} at once. "
                "Give the sentence around the mask"
            )
        if len(positions) != len(spans):
            raise InvalidInputError(
                f"{text[:80]!r}: the tokenizer finds {len(positions)} masks of {len(spans)}. Write "
                f"{self.mask_token} with spaces around it"
            )
        scored = self._score([self._make_job(ids, positions)])
        rows = [row for _, scores in scored for row in scores]
        return [self._rank(row, k, text, span) for row, span in zip(rows, spans, strict=True)]

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text's tokens, without marks.

        Raises:
            InvalidInputError: An item is not a str.
            CorruptFileError: The tokenizer gives an id that the network has no row for.
        """
        ids = self._tokenizer.encode(check_texts(texts))
        if (largest := max((max(own) for own in ids if own), default=0)) >= self._head.n_tokens:
            raise CorruptFileError(
                f"{self.name}: the tokenizer gives the id {largest}, the network has rows for "
                f"{self._head.n_tokens} tokens. Use the tokenizer that it was trained with"
            )
        return ids

    def predict(
        self, ids: Sequence[Sequence[int]], positions: Sequence[Sequence[int]]
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Mask some tokens of each text and predict all of them at once.

        A text longer than the window is read in pieces of similar length, independently.

        Args:
            ids: Tokens of each text, as `token_ids` returns them.
            positions: Which of them are masked, ascending.

        Returns:
            The (m,) log-probabilities, in nats, of the masked tokens, and the (m,) ids of the most
            probable tokens (the lowest id among equals), text after text.
        """
        texts = zip(ids, positions, strict=True)
        return self._predict(job for own, masked in texts for job in self._split(own, masked))

    def token_log_probabilities(self, texts: Sequence[str]) -> list[FloatArray]:
        """Return the log-probability, in nats, of each token of each text, masked alone.

        Its context is the rest of the text or, in a text longer than the window, the window centred
        on it. Tokens in `special_ids` are skipped. A text of n tokens costs n passes through the
        network.
        """
        ids = self.token_ids(texts)
        counts = [sum(i not in self.special_ids for i in own) for own in ids]
        log_probs, _ = self._predict(job for own in ids for job in self._mask_each(own))
        return np.split(log_probs, np.cumsum(counts)[:-1]) if counts else []

    def pseudo_perplexity(self, texts: Sequence[str]) -> float:
        """Return exp(-mean log p) over all tokens of the texts, each masked in turn; 1 is best.

        It depends on the vocabulary: compare models of the same tokenizer.
        Reference: Salazar et al. 2020, Masked Language Model Scoring (arXiv:1910.14659).

        Raises:
            InvalidInputError: No token of the texts is in the vocabulary.
        """
        log_probs = self.token_log_probabilities(texts)
        if not sum(map(len, log_probs)):
            raise InvalidInputError(
                f"got {len(log_probs)} texts without a token that {self.name} knows. Give texts "
                "in a language of the model"
            )
        return float(np.exp(-np.concatenate(log_probs).mean(dtype=np.float64)))

    @cached_property
    def _masks(self) -> re.Pattern[str]:
        names = sorted({self.mask_token, *USUAL}, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, names)))

    @cached_property
    def _named(self) -> NDArray[np.int64]:
        """Ids that have a name; a network may have rows for more."""
        n = min(self._head.n_tokens, self._tokenizer.vocab_size)
        names = self._tokenizer.names(range(n))
        return np.array([number for number, name in enumerate(names) if name], np.int64)

    def _rank(self, scores: FloatArray, k: int, text: str, span: tuple[int, int]) -> list[Fill]:
        top = scores.max()
        log_total = np.log(np.exp(scores - top).sum(dtype=np.float64))
        ids = self._named[best_places(scores[self._named], k)].tolist()
        names, written = self._tokenizer.names(ids), self._tokenizer.render_pieces(ids)
        probabilities = np.exp(scores[ids] - top - log_total)
        return [
            Fill(name, float(p), _replace_mask(text, span, word), word)
            for name, word, p in zip(names, written, probabilities, strict=True)
        ]

    def _make_job(self, ids: Sequence[int], positions: NDArray[np.int64]) -> _Job:
        masked, begin = np.array(ids, np.int64), self._tokenizer.begin
        targets = masked[positions]
        masked[positions] = self._mask_id
        marked = [*begin, *masked.tolist(), *self._tokenizer.end]
        return _Job(marked, positions + len(begin), targets)

    def _split(self, ids: Sequence[int], positions: Sequence[int]) -> Iterator[_Job]:
        """Split a text into pieces of similar length; those without a mask are left out."""
        pieces = max(1, -(-len(ids) // self.window))
        edges = np.linspace(0, len(ids), pieces + 1).round().astype(np.int64).tolist()
        chosen = np.array(positions, np.int64)
        for start, stop in zip(edges, edges[1:], strict=False):
            own = chosen[(chosen >= start) & (chosen < stop)] - start
            if len(own):
                yield self._make_job(ids[start:stop], own)

    def _mask_each(self, ids: Sequence[int]) -> Iterator[_Job]:
        """Yield a sequence for each token, which alone is masked in it."""
        size = self.window
        for i, number in enumerate(ids):
            if number not in self.special_ids:
                start = min(max(i - size // 2, 0), max(len(ids) - size, 0))
                yield self._make_job(ids[start : start + size], np.array([i - start]))

    def _predict(self, jobs: Iterable[_Job]) -> tuple[FloatArray, NDArray[np.int64]]:
        log_probs: list[FloatArray] = [np.empty(0, np.float32)]
        best: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for targets, scores in self._score(jobs):
            log_probs.append(_log_softmax(scores, targets))
            best.append(scores.argmax(axis=1))
        return np.concatenate(log_probs), np.concatenate(best)

    def _score(self, jobs: Iterable[_Job]) -> Iterator[tuple[NDArray[np.int64], FloatArray]]:
        """Yield targets (m,) and scores (m, vocabulary), job after job."""
        for batch in batch_by_tokens(jobs, _TOKENS):
            states = self._engine.states([job.ids for job in batch])
            rows = [own[job.positions] for own, job in zip(states, batch, strict=True)]
            targets = np.concatenate([job.targets for job in batch])
            for part, scores in self._head.blocks(np.concatenate(rows)):
                yield targets[part], scores


def _log_softmax(scores: FloatArray, targets: NDArray[np.int64]) -> FloatArray:
    """Return the (n,) log-probabilities of (n,) targets under (n, vocabulary) scores."""
    top = scores.max(axis=1)
    total = np.exp(scores - top[:, None]).sum(axis=1, dtype=np.float64)
    log_probs: FloatArray = scores[np.arange(len(scores)), targets] - top - np.log(total)
    return log_probs.astype(np.float32)


def _replace_mask(text: str, span: tuple[int, int], written: str) -> str:
    """Replace a mask by a token as it is written after a word.

    >>> _replace_mask("I was _.", (6, 7), " late"), _replace_mask("I was walk _.", (11, 12), "ing")
    ('I was late.', 'I was walking.')
    """
    before, after = text[: span[0]], text[span[1] :]
    if not written.startswith(" "):
        return before.rstrip() + written + after
    word = written[1:]
    spaced = all(c.isalnum() and not _HAN_AND_KANA.match(c) for c in (before[-1:], word[:1]))
    return before + (" " if spaced else "") + word + after
