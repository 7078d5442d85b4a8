"""What is printed of a passage: its part that has most of the query's words."""

from __future__ import annotations

from sememe.text.split import find_sentences
from sememe.text.terms.analyze import analyzer

_CUT = "… "  # where something is left out before an excerpt


class Excerpts:
    """Excerpts of the passages that one query found."""

    def __init__(self, query: str, width: int) -> None:
        """Take the query and how many characters are shown.

        Of the query "", as of an image or a sound, passages are shown from the start.
        """
        self._width = width
        self._longest = width - len(_CUT) - 1  # of a sentence, so that something may follow it
        self._analyzer = analyzer()
        self._terms = set(self._analyzer.analyze_query(query).required)

    def cut(self, passage: str) -> str:
        """Return the passage from the sentence that has most of the query's words, after "… ".

        Of equal ones the first counts. All of the passage is returned if the sentence is within
        the first characters that are shown, and more of its end if that is shorter.
        """
        if not self._terms or len(" ".join(passage.split())) <= self._width:
            return passage
        sentences = find_sentences(passage, longest=self._longest)
        shared = [self._count_shared(passage[start:end]) for start, end in sentences]
        first = shared.index(max(shared)) if any(shared) else 0
        if not first or sentences[first][1] < self._width:
            return passage
        while len(passage) - sentences[first - 1][0] <= self._longest:
            first -= 1
        return _CUT + passage[sentences[first][0] :]

    def _count_shared(self, sentence: str) -> int:
        return len(self._terms.intersection(self._analyzer.analyze(sentence)))
