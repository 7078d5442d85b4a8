"""The fastText kernels: a word's input is the mean of its own row and the rows of its n-grams.

skip-gram   h = mean of the middle word's rows. For each of its neighbours t in turn, with the
            outputs O of t and its own negatives: s = sigmoid(O h), g = rate * (labels - s),
            O += g h', h += O' g. At the end every row of the middle word moves as h has.
CBOW        h = mean of all rows of all the window's words, which predicts the middle word.

The official program builds h anew for every pair; but as each row gets the whole of a pair's
change, not its share, their mean moves by just that, and h can be kept. Here it is built once a
window, which is where the time goes (a word has some twenty rows). Bojanowski et al. 2017
(arXiv:1607.04606).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sememe.train.numeric import below, choose_outputs, compiled, inlined, keep_tokens, sigmoid_
from sememe.train.skipgram import LOSS_EVERY, MAX_PATH, window_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Subwords(NamedTuple):
    """The rows of the n-gram matrix that word w has: ids[starts[w]:starts[w + 1]]."""

    starts: NDArray[np.int64]
    ids: NDArray[np.int32]


@inlined
def add_rows(hidden, words, ngrams, subwords, word):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add all rows of a word to `hidden` (dim,); return how many there are."""
    dim = hidden.shape[0]
    for d in range(dim):
        hidden[d] += words[word, d]
    for place in range(subwords.starts[word], subwords.starts[word + 1]):
        row = subwords.ids[place]
        for d in range(dim):
            hidden[d] += ngrams[row, d]
    return 1 + subwords.starts[word + 1] - subwords.starts[word]


@inlined
def change_rows(change, words, ngrams, subwords, word):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add `change` (dim,) to all rows of a word."""
    dim = change.shape[0]
    for d in range(dim):
        words[word, d] += change[d]
    for place in range(subwords.starts[word], subwords.starts[word + 1]):
        row = subwords.ids[place]
        for d in range(dim):
            ngrams[row, d] += change[d]


@inlined
def predict(outputs, rows, labels, k, rate, hidden, change, own, g):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Train rows[:k] of the outputs to predict labels[:k] from `hidden`, and move that too.

    Its move is added to `change`. own: (dim,) scratch.
    """
    dim = hidden.shape[0]
    own[:] = 0
    for j in range(k):
        row = rows[j]
        total = np.float32(0)
        for d in range(dim):
            total += hidden[d] * outputs[row, d]
        g[j] = total
    sigmoid_(g, k)
    for j in range(k):
        row = rows[j]
        step = rate * (labels[j] - g[j])
        for d in range(dim):
            own[d] += step * outputs[row, d]
            outputs[row, d] += step * hidden[d]
    for d in range(dim):
        hidden[d] += own[d]
        change[d] += own[d]


@compiled
def subword_block(  # type: ignore[no-untyped-def]  # noqa: ANN201
    ids,  # noqa: ANN001
    words,  # noqa: ANN001
    ngrams,  # noqa: ANN001
    outputs,  # noqa: ANN001
    subwords,  # noqa: ANN001
    sampler,  # noqa: ANN001
    tree,  # noqa: ANN001
    cbow,  # noqa: ANN001
    window,  # noqa: ANN001
    negatives,  # noqa: ANN001
    rate,  # noqa: ANN001
    last_rate,  # noqa: ANN001
    seed,  # noqa: ANN001
):
    """Train on ids, sentences of word numbers with -1 after each; return the mean loss a pair.

    The rate falls linearly from `rate` to `last_rate` over the block.
    """
    dim = words.shape[1]
    most = negatives + 1 if negatives else MAX_PATH
    state = np.array([seed], np.uint64)
    sentence = np.empty(ids.shape[0], np.int32)
    rows = np.empty(most, np.int64)
    labels = np.empty(most, np.float32)
    hidden = np.empty(dim, np.float32)
    change = np.empty(dim, np.float32)
    own = np.empty(dim, np.float32)
    g = np.empty(most, np.float32)
    position, windows, losses, loss = 0, 0, 0, 0.0
    while position < ids.shape[0]:
        length, position = keep_tokens(state, ids, position, sampler.keep, sentence)
        now = np.float32(rate + (last_rate - rate) * position / ids.shape[0])
        for i in range(length):
            reach = 1 + below(state, window)
            first, last = max(0, i - reach), min(length, i + reach + 1)
            if last - first < 2:
                continue
            hidden[:] = 0
            change[:] = 0
            n = 0
            for j in range(first, last):
                if (j != i) == cbow:
                    n += add_rows(hidden, words, ngrams, subwords, sentence[j])
            share = np.float32(1) / np.float32(n)
            for d in range(dim):
                hidden[d] *= share
            sampled = windows % LOSS_EVERY == 0
            for j in range(first, last):
                if (j == i) == cbow:
                    k = choose_outputs(state, sentence[j], negatives, sampler, tree, rows, labels)
                    predict(outputs, rows, labels, k, now, hidden, change, own, g)
                    if sampled:  # the first neighbour alone: the hidden layer moves with each
                        loss += window_loss(labels, k, g, 1)
                        losses += 1
                        sampled = False
            for j in range(first, last):
                if (j != i) == cbow:
                    change_rows(change, words, ngrams, subwords, sentence[j])
            windows += 1
    return loss / max(losses, 1)
