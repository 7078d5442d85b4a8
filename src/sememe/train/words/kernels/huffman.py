"""Huffman tree over the words, for hierarchical softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sememe.train.words.kernels.primitives import Tree, jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.words.kernels.primitives import Floats, Ids, Numbers


def no_tree() -> Tree:
    """Return the empty tree, for negative sampling."""
    return Tree(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))


def make_tree(counts: NDArray[np.int64]) -> Tree:
    """Return each word's path from the root: frequent words have short paths (Huffman 1952).

    counts: (n,), n >= 2. The n - 1 inner nodes are rows 0..n-2 of the output matrix; the root is
    n - 2. A bit is 1 towards the less frequent child, which is word2vec.c's label of code 0.

    >>> tree = make_tree(np.array([4, 2, 1, 1]))
    >>> np.diff(tree.starts).tolist()
    [1, 2, 3, 3]
    """
    n = len(counts)
    order = np.argsort(counts, kind="stable")  # ascending
    parent, bit = _merge(counts[order].astype(np.float64))
    depth = _depths(parent)
    word_depth = np.empty(n, np.int64)
    word_depth[order] = depth[:n]
    starts = np.concatenate([[0], np.cumsum(word_depth)])
    leaf = np.empty(n, np.int64)
    leaf[order] = np.arange(n)
    points, bits = _paths(leaf, starts, parent, bit)
    return Tree(starts, points, bits)


@jit
def _merge(counts: NDArray[np.float64]) -> tuple[Numbers, Floats]:
    """Merge the two lightest nodes until one is left; leaves and new nodes are both ascending."""
    n = counts.shape[0]
    weight = np.concatenate((counts, np.zeros(n - 1)))
    parent = np.zeros(2 * n - 1, np.int64)
    bit = np.zeros(2 * n - 1, np.float32)
    leaf, inner = 0, n
    for new in range(n, 2 * n - 1):
        for side in range(2):
            if leaf < n and (inner >= new or weight[leaf] <= weight[inner]):
                node = leaf
                leaf += 1
            else:
                node = inner
                inner += 1
            parent[node] = new
            weight[new] += weight[node]
            bit[node] = 1 - side
    return parent, bit


@jit
def _depths(parent: Numbers) -> Numbers:
    """Return the depth of each node; the root is the last one."""
    depth = np.zeros(parent.shape[0], np.int64)
    for node in range(parent.shape[0] - 2, -1, -1):
        depth[node] = depth[parent[node]] + 1
    return depth


@jit
def _paths(leaf: Numbers, starts: Numbers, parent: Numbers, bit: Floats) -> tuple[Ids, Floats]:
    """Return each word's inner nodes, root first, and the bit at each."""
    n = leaf.shape[0]
    points = np.empty(starts[n], np.int32)
    bits = np.empty(starts[n], np.float32)
    for word in range(n):
        node = leaf[word]
        for at in range(starts[word + 1] - 1, starts[word] - 1, -1):
            points[at] = parent[node] - n
            bits[at] = bit[node]
            node = parent[node]
    return points, bits
