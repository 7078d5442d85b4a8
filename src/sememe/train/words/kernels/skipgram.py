"""The skip-gram kernel: every word of a window predicts the word in its middle.

A window is one small matrix problem, as in Ji et al. 2016 (arXiv:1604.04661): its b context words
(rows X of the input matrix) share one set of output rows O, the middle word and its negatives.

    S = sigmoid(X O')       (b, k)
    G = rate * (labels - S)
    X += G O    and    O += G' X        both from the X and O of before the window

so that an output row is read once per window, not once per pair. `reference.py` has one window in
NumPy. Objective: Mikolov et al. 2013 (arXiv:1310.4546), eq. 4, or hierarchical softmax, eq. 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sememe.train.words.kernels.primitives import (
    below,
    choose_outputs,
    jit,
    jit_inline,
    keep_tokens,
    neighbours,
    sigmoid_,
)

if TYPE_CHECKING:
    from sememe.train.words.kernels.primitives import Floats, Ids, Numbers, Rows, Sampler, Tree


LOSS_EVERY = 64  # windows between samples of the loss, whose logarithms are slow
MAX_PATH = 96  # nodes of a path; a deeper Huffman tree needs more than 2**63 words


@jit_inline
def skipgram_window(
    inputs: Rows,
    outputs: Rows,
    context: Numbers,
    n: int,
    rows: Numbers,
    labels: Floats,
    k: int,
    rate: float,
    scratch: Rows,
    g: Floats,
) -> None:
    """Train one window: context[:n] are input rows, rows[:k] output rows with labels[:k].

    scratch: (1 + 2 * k or more, dim), for one input row, the output rows and their changes. g: (n *
    k or more,), set to sigmoid(X O').
    """
    dim = scratch.shape[1]
    for j in range(k):
        row, o, change = rows[j], 1 + 2 * j, 2 + 2 * j
        for d in range(dim):
            scratch[o, d] = outputs[row, d]
            scratch[change, d] = 0
    for i in range(n):
        row = context[i]
        for j in range(k):
            o = 1 + 2 * j
            total = np.float32(0)
            for d in range(dim):
                total += inputs[row, d] * scratch[o, d]
            g[i * k + j] = total
    sigmoid_(g, n * k)
    for i in range(n):
        row = context[i]
        for d in range(dim):
            scratch[0, d] = inputs[row, d]
        j = 0
        while j < k:
            left = k - j
            a = rate * (labels[j] - g[i * k + j])
            if left >= 3:  # three at a time, to read and write the input row once
                b = rate * (labels[j + 1] - g[i * k + j + 1])
                c = rate * (labels[j + 2] - g[i * k + j + 2])
                three(inputs, row, scratch, 1 + 2 * j, a, b, c)
                j += 3
            else:
                o, change = 1 + 2 * j, 2 + 2 * j
                for d in range(dim):
                    inputs[row, d] += a * scratch[o, d]
                    scratch[change, d] += a * scratch[0, d]
                j += 1
    for j in range(k):
        row, change = rows[j], 2 + 2 * j
        for d in range(dim):
            outputs[row, d] += scratch[change, d]


@jit_inline
def three(inputs: Rows, row: int, scratch: Rows, o: int, a: float, b: float, c: float) -> None:
    """Update an input row, copied in scratch[0], and the three output rows from scratch[o] on."""
    for d in range(scratch.shape[1]):
        x = scratch[0, d]
        inputs[row, d] += a * scratch[o, d] + b * scratch[o + 2, d] + c * scratch[o + 4, d]
        scratch[o + 1, d] += a * x
        scratch[o + 3, d] += b * x
        scratch[o + 5, d] += c * x


@jit
def window_loss(labels: Floats, k: int, g: Floats, n: int) -> float:
    """Return the mean over n pairs of -sum of log-likelihoods of the labels."""
    total = 0.0
    for i in range(n):
        for j in range(k):
            right = g[i * k + j] if labels[j] > 0.5 else 1 - g[i * k + j]
            total -= np.log(max(right, 1e-9))
    return total / n


@jit
def skipgram_block(
    ids: Ids,
    inputs: Rows,
    outputs: Rows,
    sampler: Sampler,
    tree: Tree,
    window: int,
    negatives: int,
    rate: float,
    last_rate: float,
    seed: np.uint64,
) -> float:
    """Train on ids, sentences of word ids with -1 after each; return the mean loss per pair.

    The learning rate falls linearly from `rate` to `last_rate` over the block.
    """
    dim = inputs.shape[1]
    most = negatives + 1 if negatives else MAX_PATH
    state = np.array([seed], np.uint64)
    sentence = np.empty(ids.shape[0], np.int32)
    context = np.empty(2 * window, np.int64)
    rows = np.empty(most, np.int64)
    labels = np.empty(most, np.float32)
    scratch = np.empty((1 + 2 * most, dim), np.float32)
    g = np.empty(2 * window * most, np.float32)
    position, windows, losses, loss = 0, 0, 0, 0.0
    while position < ids.shape[0]:
        length, position = keep_tokens(state, ids, position, sampler.keep, sentence)
        now = np.float32(rate + (last_rate - rate) * position / ids.shape[0])
        for i in range(length):
            reach = 1 + below(state, window)
            n = neighbours(sentence, length, i, reach, context)
            if n == 0:
                continue
            k = choose_outputs(state, sentence[i], negatives, sampler, tree, rows, labels)
            skipgram_window(inputs, outputs, context, n, rows, labels, k, now, scratch, g)
            windows += 1
            if windows % LOSS_EVERY == 0:
                loss += window_loss(labels, k, g, n)
                losses += 1
    return loss / max(losses, 1)
