"""What is printed of a passage: its part that has most of the query's words."""

from __future__ import annotations

from sememe.app.terminal import EXCERPT
from sememe.text.split import find_sentences
from sememe.text.terms.analyze import analyzer


class Excerpts:
    """Excerpts of the passages that one query found."""

    def __init__(self, query: str) -> None:
        """Take the query; of "", as of an image or a sound, passages are shown from the start."""
        self._analyzer = analyzer()
        self._terms = set(self._analyzer.analyze_query(query).required)

    def cut(self, passage: str) -> str:
        """Return the passage from the sentence that has most of the query's words, or all of it.

        Earlier sentences come before it where there is room, and "… " where there is not. Of equal
        ones the first counts. What is returned may be longer than `EXCERPT`.
        """
        if not self._terms or len(passage) <= EXCERPT:
            return passage
        sentences = find_sentences(passage, longest=EXCERPT)
        shared = [self._count_shared(passage[start:end]) for start, end in sentences]
        if not any(shared):
            return passage
        first = shared.index(max(shared))
        while first and len(passage) - sentences[first - 1][0] < EXCERPT:
            first -= 1
        return f"… {passage[sentences[first][0] :]}" if first else passage

    def _count_shared(self, sentence: str) -> int:
        return len(self._terms.intersection(self._analyzer.analyze(sentence)))
