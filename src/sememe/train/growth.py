"""A vocabulary that grows with new text."""

from __future__ import annotations

import numpy as np

from sememe.train.words.corpus.vocabulary import Vocabulary


def merge_vocabularies(old: Vocabulary, new: Vocabulary) -> Vocabulary:
    """Return the old words in their order, then the new ones.

    Counts add up; a word keeps its row.
    """
    counts = np.array(old.counts)
    keys, fresh = list(old.keys), []
    for key, count in zip(new.keys, new.counts.tolist(), strict=True):
        if (row := old.numbers.get(key)) is not None:
            counts[row] += count
        else:
            keys.append(key)
            fresh.append(count)
    return Vocabulary(
        keys=tuple(keys),
        counts=np.concatenate([counts, np.array(fresh, np.int64)]),
        n_words=old.n_words + new.n_words,
        n_sentences=old.n_sentences + new.n_sentences,
        n_distinct=len(keys),
    )
