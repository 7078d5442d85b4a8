"""Make words of a domain tokens of a network, each initialised to the mean of its pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sememe._errors import InvalidInputError
from sememe.text.lines import Corpus, read_texts
from sememe.text.normalize import well_formed

_PIECES = 3  # words of fewer need no token
_MIN_COUNT = 5


def frequent_words(corpus: Corpus, tokenizer: Any, *, n: int) -> list[str]:
    """Return the n most frequent words that a tokenizer cuts into three pieces and more.

    tokenizer: A `tokenizers.Tokenizer`. Words are runs of letters that occur five times or more, in
    lower case if the tokenizer's are; ties by the word.
    """
    counts: Counter[str] = Counter()
    lower = tokenizer.normalizer is not None and "a" in tokenizer.normalizer.normalize_str("A")
    for text in read_texts(corpus):
        text = well_formed(text)
        counts.update(_words(text.lower() if lower else text))
    often = [word for word, count in counts.items() if count >= _MIN_COUNT]
    cut = tokenizer.encode_batch([f" {word}" for word in often], add_special_tokens=False)
    long = [word for word, own in zip(often, cut, strict=True) if len(own.ids) >= _PIECES]
    return sorted(long, key=lambda word: (-counts[word], word))[:n]


def _words(text: str) -> Iterable[str]:
    for word in text.split():
        bare = word.strip(".,;:!?()[]{}\"'“”‘’…·")
        if bare.isalpha():
            yield bare


def add_words(model: Any, tokenizer: Any, words: Sequence[str]) -> tuple[str, ...]:
    """Make words tokens of a model that has none for them; return those that were added.

    model, tokenizer: transformers' own, of one vocabulary. The new rows of the input embeddings,
    and of the head with its bias, are the means of the rows of the word's pieces.

    Raises InvalidInputError if a word is empty or no str.
    """
    import torch
    from tokenizers import AddedToken

    if not all(isinstance(word, str) and word.strip() for word in words):
        raise InvalidInputError("new_words takes words, each a str that is not empty.")
    names = list(dict.fromkeys(word.strip() for word in words))
    pieces = {name: tokenizer(name, add_special_tokens=False)["input_ids"] for name in names}
    unknown = tokenizer.unk_token_id
    fresh = [name for name in names if len(pieces[name]) > 1 and unknown not in pieces[name]]
    tokenizer.add_tokens([AddedToken(name, single_word=True, normalized=True) for name in fresh])
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    tables = [model.get_input_embeddings().weight]
    output = model.get_output_embeddings()
    if output is not None:
        if output.weight is not tables[0]:
            tables.append(output.weight)
        if output.bias is not None:
            tables.append(output.bias)
    with torch.no_grad():
        for name in fresh:
            row = tokenizer.convert_tokens_to_ids(name)
            for values in tables:
                values[row] = values[pieces[name]].mean(dim=0)
    return tuple(fresh)
