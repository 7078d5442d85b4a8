"""Made corpora whose right geometry is known."""

from __future__ import annotations

import numpy as np

from sememe.vectors.keyed import KeyedVectors

N_TOPICS, N_WORDS = 8, 12


def topic_of(word: str) -> str:
    return word.split("_")[0]


def topics(n_sentences=4000, *, seed=0, shuffled=False):
    """Sentences of ten words, each about one topic: `t3_w7` is word 7 of topic 3.

    shuffled: the same words dealt out over all sentences, so that company says nothing.
    """
    rng = np.random.default_rng(seed)
    topic = rng.integers(N_TOPICS, size=(n_sentences, 1)).repeat(10, axis=1)
    word = rng.integers(N_WORDS, size=(n_sentences, 10))
    if shuffled:
        order = rng.permutation(topic.size)
        topic = topic.ravel()[order].reshape(topic.shape)
    return [
        [f"t{t}_w{w}" for t, w in zip(ts, ws, strict=True)]
        for ts, ws in zip(topic.tolist(), word.tolist(), strict=True)
    ]


def same_topic(vectors: KeyedVectors, k=5) -> float:
    """The share of each word's k nearest that are of its topic; by chance 11 of 95: 0.116."""
    hits = [
        topic_of(near) == topic_of(key)
        for key in vectors.keys
        for near, _ in vectors.most_similar(key, k=k)
    ]
    return sum(hits) / len(hits)
