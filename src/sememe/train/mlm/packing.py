"""A corpus as rows of token ids of one length, on disk, ready for masking.

    <folder>/tokens.bin    int32 (n, length): begin mark, tokens, end mark; padded only at the end
    <folder>/starts.bin    uint8 (n, length): 1 where a word begins, 0 within it, 2 at marks

Texts run on from row to row, an end mark between documents (blank lines), as RoBERTa packs them
(Liu et al. 2019, arXiv:1907.11692): no token is lost and next to nothing is padding.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._atomic import write_atomically
from sememe._errors import InvalidInputError
from sememe._progress import progress
from sememe.text.lines import Corpus, read_texts
from sememe.text.normalize import well_formed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINES = 2000  # texts cut into tokens at once
WITHIN, WORD, MARK = 0, 1, 2


@dataclass(frozen=True, eq=False, slots=True)
class Marks:
    """The ids of tokens that are no text."""

    begin: int
    end: int
    pad: int
    mask: int


@dataclass(frozen=True, eq=False, slots=True)
class Blocks:
    """Rows of a corpus.

    Attributes:
        tokens: (n, length) int32.
        starts: (n, length) uint8: WORD, WITHIN or MARK.
        n_tokens: Tokens of text in them.
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.uint8]
    n_tokens: int

    def split(self, n: int) -> tuple[Blocks, Blocks]:
        """Return all rows but the last n, and those."""
        at = len(self.tokens) - n
        parts = [(self.tokens[:at], self.starts[:at]), (self.tokens[at:], self.starts[at:])]
        first, last = (Blocks(t, s, int((s != MARK).sum())) for t, s in parts)
        return first, last


def read_blocks(
    corpus: Corpus, tokenizer: Any, marks: Marks, *, length: int, folder: Path, show: bool = False
) -> Blocks:
    """Cut a corpus into rows by a `tokenizers.Tokenizer`, or open those of an earlier run.

    Raises InvalidInputError if the corpus holds no token.
    """
    done = folder / "blocks.json"
    if not done.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        n_tokens = 0
        with (
            (folder / "tokens.bin").open("wb") as tokens,
            (folder / "starts.bin").open("wb") as starts,
            progress("texts", total=None, show=show) as advance,
        ):
            for n_texts, (rows, kinds) in _rows(corpus, tokenizer, marks, length):
                tokens.write(rows.tobytes())
                starts.write(kinds.tobytes())
                n_tokens += int((kinds != MARK).sum())
                advance(n_texts)
        with write_atomically(done) as file:
            file.write(json.dumps({"tokens": n_tokens, "length": length}).encode())
    n_tokens = json.loads(done.read_text(encoding="utf-8"))["tokens"]
    if not n_tokens:
        raise InvalidInputError("the corpus holds no token. Give texts in words.")
    rows = np.memmap(folder / "tokens.bin", np.int32, "r").reshape(-1, length)
    kinds = np.memmap(folder / "starts.bin", np.uint8, "r").reshape(-1, length)
    return Blocks(rows, kinds, n_tokens)


def _rows(
    corpus: Corpus, tokenizer: Any, marks: Marks, length: int
) -> Iterator[tuple[int, tuple[NDArray[np.int32], NDArray[np.uint8]]]]:
    """Yield how many texts were read, and full rows; the last row is padded."""
    ids: list[int] = []
    kinds: list[int] = []
    texts = read_texts(corpus)
    size, n_texts = length - 2, 0
    while lines := list(islice(texts, _LINES)):
        n_texts += len(lines)
        clean = [well_formed(line) for line in lines]
        encodings = tokenizer.encode_batch(clean, add_special_tokens=False)
        for line, encoding in zip(clean, encodings, strict=True):
            if not line.strip() and ids and ids[-1] != marks.end:
                ids.append(marks.end)
                kinds.append(MARK)
            ids += encoding.ids
            words = encoding.word_ids
            kinds += [int(i == 0 or words[i] != words[i - 1]) for i in range(len(words))]
        n = len(ids) // size * size
        yield n_texts, _add_marks(ids[:n], kinds[:n], marks, length)
        ids, kinds = ids[n:], kinds[n:]
    if ids:
        lack = size - len(ids)
        yield n_texts, _add_marks(ids + [marks.pad] * lack, kinds + [MARK] * lack, marks, length)


def _add_marks(
    ids: list[int], kinds: list[int], marks: Marks, length: int
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Put marks around rows of length - 2."""
    rows = np.empty((len(ids) // (length - 2), length), np.int32)
    rows[:, 0], rows[:, -1] = marks.begin, marks.end
    rows[:, 1:-1] = np.array(ids, np.int32).reshape(-1, length - 2)
    starts = np.full(rows.shape, MARK, np.uint8)
    starts[:, 1:-1] = np.array(kinds, np.uint8).reshape(-1, length - 2)
    return rows, starts


def mask_tokens(
    tokens: NDArray[np.int32],
    starts: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    mask: int,
    words: NDArray[np.int32],
    prob: float = 0.15,
    whole_word: bool = False,
    plain: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Mask one row as BERT does: return the inputs (length,) and the labels (length,).

    Of the tokens chosen with probability `prob`, 80% become `mask`, 10% a random one of `words`,
    10% stay. Labels are the tokens chosen, -100 elsewhere. whole_word: All pieces of a word are
    chosen together. plain: All chosen become `mask`, for evaluation. At least one is chosen.

    Reference: Devlin et al. 2019, 3.1 (arXiv:1810.04805).
    """
    text = starts != MARK
    draw = rng.random(len(tokens))
    if whole_word:
        first = np.maximum.accumulate(np.where(starts != WITHIN, np.arange(len(tokens)), 0))
        draw = draw[first]
    chosen = text & (draw < prob)
    if not chosen.any() and text.any():
        chosen = text & (draw == draw[text].min())
    labels = np.where(chosen, tokens, -100).astype(np.int64)
    inputs = tokens.astype(np.int64)
    how = np.zeros(len(tokens)) if plain else rng.random(len(tokens))
    inputs[chosen & (how < 0.8)] = mask
    swapped = chosen & (how >= 0.8) & (how < 0.9)
    inputs[swapped] = words[rng.integers(len(words), size=int(swapped.sum()))]
    return inputs, labels
