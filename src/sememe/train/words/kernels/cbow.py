"""The CBOW kernel: the mean of the context words predicts the middle word of a window.

    h = mean of the n input rows;  s = sigmoid(O h);  g = rate * (labels - s)
    every input row += O' g    and    O += g h'      both from the O of before the window

Objective: Mikolov et al. 2013 (arXiv:1301.3781), with negative sampling or hierarchical softmax. As
in word2vec.c, each context word gets the whole change of the hidden layer.
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
    predict,
)
from sememe.train.words.kernels.skipgram import LOSS_EVERY, MAX_PATH, window_loss

if TYPE_CHECKING:
    from sememe.train.words.kernels.primitives import Floats, Ids, Numbers, Rows, Sampler, Tree


@jit_inline
def cbow_window(
    inputs: Rows,
    outputs: Rows,
    context: Numbers,
    n: int,
    rows: Numbers,
    labels: Floats,
    k: int,
    rate: float,
    hidden: Floats,
    change: Floats,
    g: Floats,
) -> None:
    """Train one window: context[:n] are input rows, rows[:k] output rows with labels[:k].

    hidden, change: (dim,) scratch. g: (>= k,) scratch, set to sigmoid(O h).
    """
    dim = hidden.shape[0]
    for d in range(dim):
        hidden[d] = 0
        change[d] = 0
    for i in range(n):
        row = context[i]
        for d in range(dim):
            hidden[d] += inputs[row, d]
    share = np.float32(1) / np.float32(n)
    for d in range(dim):
        hidden[d] *= share
    predict(outputs, rows, labels, k, rate, hidden, change, g)
    for i in range(n):
        row = context[i]
        for d in range(dim):
            inputs[row, d] += change[d]


@jit
def cbow_block(
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
    """Train on ids, sentences of word ids with -1 after each; return the mean loss per window.

    The learning rate falls linearly from `rate` to `last_rate` over the block.
    """
    dim = inputs.shape[1]
    most = negatives + 1 if negatives else MAX_PATH
    state = np.array([seed], np.uint64)
    sentence = np.empty(ids.shape[0], np.int32)
    context = np.empty(2 * window, np.int64)
    rows = np.empty(most, np.int64)
    labels = np.empty(most, np.float32)
    hidden = np.empty(dim, np.float32)
    change = np.empty(dim, np.float32)
    g = np.empty(most, np.float32)
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
            cbow_window(inputs, outputs, context, n, rows, labels, k, now, hidden, change, g)
            windows += 1
            if windows % LOSS_EVERY == 0:
                loss += window_loss(labels, k, g, 1)
                losses += 1
    return loss / max(losses, 1)
