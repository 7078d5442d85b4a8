"""The fastText kernels: a word's input is the mean of its own row and the rows of its n-grams.

skip-gram   h = mean of the middle word's rows. For each of its neighbours t in turn, with the
            outputs O of t and its own negatives: s = sigmoid(O h), g = rate * (labels - s),
            O += g h', h += O' g. At the end every row of the middle word moves as h has.
CBOW        h = mean of all rows of all the window's words, which predicts the middle word.

The official program recomputes h for every pair; but since each row gets the whole change of a
pair, not a share, their mean changes by exactly that, and h can be updated. Here it is computed
once per window, which dominates the time (a word has some twenty rows). Bojanowski et al. 2017
(arXiv:1607.04606).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sememe.train.words.kernels.primitives import (
    below,
    choose_outputs,
    jit,
    jit_inline,
    keep_tokens,
    predict,
)
from sememe.train.words.kernels.skipgram import LOSS_EVERY, MAX_PATH, window_loss

if TYPE_CHECKING:
    from sememe.train.words.kernels.primitives import Floats, Ids, Numbers, Rows, Sampler, Tree


class Parts(NamedTuple):
    """The rows of which inputs are the mean.

    words: (n_words, width), one per word. ngrams: (buckets, width). Word w has the n-gram rows
    ids[starts[w]:starts[w + 1]].
    """

    words: Rows
    ngrams: Rows
    starts: Numbers
    ids: Ids


@jit_inline
def add_rows(hidden: Floats, parts: Parts, word: int) -> int:
    """Add all rows of a word to `hidden` (dim,); return their number."""
    dim = hidden.shape[0]
    for d in range(dim):
        hidden[d] += parts.words[word, d]
    for at in range(parts.starts[word], parts.starts[word + 1]):
        row = parts.ids[at]
        for d in range(dim):
            hidden[d] += parts.ngrams[row, d]
    n: int = 1 + parts.starts[word + 1] - parts.starts[word]
    return n


@jit_inline
def change_rows(change: Floats, parts: Parts, word: int) -> None:
    """Add `change` (dim,) to all rows of a word."""
    dim = change.shape[0]
    for d in range(dim):
        parts.words[word, d] += change[d]
    for at in range(parts.starts[word], parts.starts[word + 1]):
        row = parts.ids[at]
        for d in range(dim):
            parts.ngrams[row, d] += change[d]


@jit_inline
def move(hidden: Floats, change: Floats, own: Floats) -> None:
    """Add the change of one pair to the hidden layer, and to its change over the window."""
    for d in range(hidden.shape[0]):
        hidden[d] += own[d]
        change[d] += own[d]


@jit
def subword_block(
    ids: Ids,
    parts: Parts,
    targets: Ids,
    outputs: Rows,
    sampler: Sampler,
    tree: Tree,
    cbow: bool,
    window: int,
    negatives: int,
    rate: float,
    last_rate: float,
    seed: np.uint64,
) -> float:
    """Train on ids, sentences of word ids with -1 after each; return the mean loss per pair.

    targets: (n_words,), the output row of each word as a target. The learning rate falls linearly
    from `rate` to `last_rate` over the block.
    """
    most = negatives + 1 if negatives else MAX_PATH
    state = np.array([seed], np.uint64)
    sentence = np.empty(ids.shape[0], np.int32)
    rows, labels = np.empty(most, np.int64), np.empty(most, np.float32)
    g = np.empty(most, np.float32)
    hidden = np.empty(outputs.shape[1], np.float32)
    change, own = np.empty_like(hidden), np.empty_like(hidden)
    position, windows, losses, loss = 0, 0, 0, 0.0
    while position < ids.shape[0]:
        length, position = keep_tokens(state, ids, position, sampler.keep, sentence)
        now = np.float32(rate + (last_rate - rate) * position / ids.shape[0])
        for i in range(length):
            reach = 1 + below(state, window)
            first, last = max(0, i - reach), min(length, i + reach + 1)
            if last - first < 2:
                continue
            mean_of_window(sentence, first, i, last, cbow, parts, hidden)
            change[:] = 0
            sampled = windows % LOSS_EVERY == 0
            for j in range(first, last):
                if (j == i) == cbow:
                    target = targets[sentence[j]]
                    k = choose_outputs(state, target, negatives, sampler, tree, rows, labels)
                    own[:] = 0
                    predict(outputs, rows, labels, k, now, hidden, own, g)
                    move(hidden, change, own)
                    if sampled:  # the first neighbour alone: the hidden layer moves with each
                        loss += window_loss(labels, k, g, 1)
                        losses += 1
                        sampled = False
            for j in range(first, last):
                if (j != i) == cbow:
                    change_rows(change, parts, sentence[j])
            windows += 1
    return loss / max(losses, 1)


@jit_inline
def mean_of_window(
    sentence: Ids, first: int, middle: int, last: int, cbow: bool, parts: Parts, hidden: Floats
) -> None:
    """Set `hidden` to the mean of the middle word's rows, or in CBOW of its neighbours' rows."""
    hidden[:] = 0
    n = 0
    for j in range(first, last):
        if (j != middle) == cbow:
            n += add_rows(hidden, parts, sentence[j])
    share = np.float32(1) / np.float32(n)
    for d in range(hidden.shape[0]):
        hidden[d] *= share
