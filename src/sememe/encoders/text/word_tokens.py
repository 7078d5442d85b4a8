"""Cut a text into the words of a vocabulary: in its case, and apart where it has the parts only."""

from __future__ import annotations

import unicodedata
from typing import Literal

from sememe._errors import UnknownNameError
from sememe.text import words as text_words
from sememe.text.normalize import well_formed
from sememe.vectors.keys import Keys

Tokens = Literal["words", "whitespace"]
_LOOKED_AT = 20_000  # keys that tell whether the vocabulary has capitals


class WordSplitter:
    """Words of a text, as the vocabulary spells them where it knows them.

    >>> from sememe.vectors.keys import ListKeys
    >>> WordSplitter(ListKeys(["the", "cat", "'s", "toy"]), "words").words("The cat's toy")
    ['the', 'cat', "'s", 'toy']
    >>> WordSplitter(ListKeys(["Paris", "is"]), "words").words("Paris IS")
    ['Paris', 'is']
    """

    def __init__(self, keys: Keys, tokens: str) -> None:
        """Take the vocabulary and how texts are cut: "words" or "whitespace"."""
        if tokens not in ("words", "whitespace"):
            raise UnknownNameError.of("tokens", tokens, ("words", "whitespace"))
        self.tokens = tokens
        self.lower = not any(key != key.lower() for key in keys[:_LOOKED_AT])
        self._keys = keys

    def words(self, text: str) -> list[str]:
        """Return the words in order; punctuation is left out unless cut at white space."""
        found: list[str] = []
        for word in self._cut(text):
            if word not in self._keys:
                found += self._respelt(word)
            else:
                found.append(word)
        return found

    def _cut(self, text: str) -> list[str]:
        if self.tokens == "whitespace":
            return well_formed(text).split()
        if self.lower:
            return text_words.tokenize(text)
        text = unicodedata.normalize("NFC", well_formed(text)).replace("\u2019", "'")
        return text_words._pattern().findall(text)

    def _respelt(self, word: str) -> list[str]:
        """Return an unknown word as the vocabulary has it: in lower case, or cut at its '."""
        lower = word.lower()
        if lower in self._keys:
            return [lower]
        head, mark, tail = lower.rpartition("'")
        if mark and head in self._keys and mark + tail in self._keys:
            return [head, mark + tail]
        return [word]
