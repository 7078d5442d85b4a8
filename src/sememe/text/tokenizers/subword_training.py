"""Deterministic training of subword vocabularies.

BPE is trained by `tokenizers`, which orders equal counts by pair. Its Unigram trainer visits words
in the order of a randomly seeded hash table, so that two runs differ; SentencePiece's own trainer
is deterministic on one thread. So Unigram is trained there, on sorted words with their counts, and
its model converted. Memory holds the distinct words, not the corpus.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from typing import Any, Literal, get_args

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.text.lines import Corpus, check_corpus, read_texts
from sememe.text.normalize import well_formed

Model = Literal["bpe", "unigram"]
Level = Literal["bytes", "characters"]
Normalization = Literal["NFC", "NFKC", "none"]
UNK = "<unk>"
_LONGEST = 512  # characters of a word; longer ones are truncated or split
_ENDLESS = re.compile(rf"(\S{{{_LONGEST}}})(?=\S)")
_TEXTS_AT_ONCE = 1000
_MOST_PIECES = 10_000_000  # the trainer allocates 70 bytes for each


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of `SubwordTokenizer.train`."""

    model: Model
    vocab_size: int
    level: Level
    special_tokens: tuple[str, ...]
    normalization: Normalization
    coverage: float
    min_count: int
    allow_fewer: bool

    def check(self) -> None:
        """Raise InvalidInputError if an option is out of range."""
        names = {"model": Model, "level": Level, "normalization": Normalization}
        for option, allowed in names.items():
            if getattr(self, option) not in get_args(allowed):
                raise UnknownNameError.of(option, getattr(self, option), get_args(allowed))
        if self.model == "unigram" and self.level == "bytes":
            raise InvalidInputError('level="bytes" is for model="bpe"; give level="characters".')
        if not isinstance(self.vocab_size, int) or not 2 <= self.vocab_size <= _MOST_PIECES:
            raise InvalidInputError(
                f"vocab_size={self.vocab_size}; give a whole number to {_MOST_PIECES:,}, as 16000."
            )
        if not 0 < self.coverage <= 1:
            raise InvalidInputError(f"coverage={self.coverage}; allowed: above 0, at most 1.")
        if self.min_count < 1:
            raise InvalidInputError(f"min_count={self.min_count}; allowed: 1 or more.")
        specials = self.special_tokens
        if len(set(specials)) < len(specials) or not all(specials):
            raise InvalidInputError(
                f"special_tokens={specials}; allowed: different, not empty names."
            )

    @property
    def tokens_first(self) -> list[str]:
        """The special tokens in the order of their ids; characters need an unknown token."""
        unknown = [] if self.level == "bytes" or UNK in self.special_tokens else [UNK]
        return [*unknown, *self.special_tokens]


def train(tokenizers: Any, corpus: Corpus, plan: Plan) -> Any:
    """Return a trained `tokenizers.Tokenizer`."""
    plan.check()
    check_corpus(corpus)
    if not any(text.replace("\0", " ").strip() for text in read_texts(corpus)):
        raise InvalidInputError("the corpus is empty; give at least one text that is not blank.")
    if plan.level == "bytes":
        return _bytes_bpe(tokenizers, corpus, plan)
    words = _count_words(corpus, plan)
    if plan.model == "unigram":
        return _unigram(tokenizers, words, plan)
    return _character_bpe(tokenizers, words, plan)


def _bytes_bpe(tokenizers: Any, corpus: Corpus, plan: Plan) -> Any:
    _check_room(plan, 256, "the 256 bytes")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    if plan.normalization != "none":
        tokenizer.normalizer = getattr(tokenizers.normalizers, plan.normalization)()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    texts = map(_split_endless, read_texts(corpus))
    _learn_merges(tokenizers, tokenizer, texts, plan, alphabet)
    return _check_filled(tokenizer, plan)


def _split_endless(text: str) -> str:
    """Split words of more than `_LONGEST` characters, which would take the trainer hours."""
    text = well_formed(text)
    return _ENDLESS.sub(r"\1 ", text) if len(text) > _LONGEST else text


def _character_bpe(tokenizers: Any, words: Counter[str], plan: Plan) -> Any:
    alphabet = _alphabet(words, plan.coverage)
    _check_room(plan, len(alphabet), f"the {len(alphabet)} characters of coverage={plan.coverage}")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=UNK))
    _set_whitespace(tokenizers, tokenizer, plan.normalization)
    # Punctuation marks are separate pieces, so that "low," and "low" share theirs.
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizer.pre_tokenizer, tokenizers.pre_tokenizers.Punctuation("isolated")]
    )
    rare = {ord(letter): " " for letter in set(chain.from_iterable(words)).difference(alphabet)}
    # The trainer counts words itself, so each is repeated as often as it occurs, in batches.
    texts = (
        " ".join([word.translate(rare)] * min(left, _TEXTS_AT_ONCE))
        for word, count in sorted(words.items())
        for left in range(count, 0, -_TEXTS_AT_ONCE)
    )
    _learn_merges(tokenizers, tokenizer, texts, plan, alphabet)
    return _check_filled(tokenizer, plan)


def _learn_merges(
    tokenizers: Any, tokenizer: Any, texts: Iterator[str], plan: Plan, alphabet: list[str]
) -> None:
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=plan.vocab_size,
        min_frequency=plan.min_count,
        special_tokens=plan.tokens_first,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    batches = iter(lambda: list(islice(texts, _TEXTS_AT_ONCE)), [])
    tokenizer.train_from_iterator(batches, trainer)


def _unigram(tokenizers: Any, words: Counter[str], plan: Plan) -> Any:
    from sentencepiece import SentencePieceTrainer

    from sememe.text.tokenizers.sentencepiece_file import convert

    model = io.BytesIO()
    specials = [token for token in plan.tokens_first if token != UNK]
    try:
        SentencePieceTrainer.train(
            sentence_iterator=(f"{word}\t{count}" for word, count in sorted(words.items())),
            input_format="tsv",
            model_writer=model,
            model_type="unigram",
            vocab_size=plan.vocab_size,
            character_coverage=plan.coverage,
            control_symbols=specials,
            normalization_rule_name="identity",
            bos_id=-1,
            eos_id=-1,
            unk_piece=UNK,
            num_threads=1,  # with more, sums of floats depend on scheduling
            max_sentence_length=4 * _LONGEST + 32,
            minloglevel=2,
        )
    except (RuntimeError, ValueError) as error:
        raise _vocabulary_error(plan, str(error)) from error
    tokenizer = convert(tokenizers, model.getvalue(), name="the trained model")
    _set_whitespace(tokenizers, tokenizer, plan.normalization)
    return tokenizer


def _set_whitespace(tokenizers: Any, tokenizer: Any, normalization: str) -> None:
    """Split at white space, collapsed to one space, and mark where words begin."""
    steps = [] if normalization == "none" else [getattr(tokenizers.normalizers, normalization)()]
    one_space = tokenizers.normalizers.Replace(tokenizers.Regex(r"\s+"), " ")
    steps += [one_space, tokenizers.normalizers.Strip()]
    tokenizer.normalizer = tokenizers.normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.decoder = tokenizers.decoders.Metaspace()


def _count_words(corpus: Corpus, plan: Plan) -> Counter[str]:
    """Count words between white space, normalised as planned."""
    words: Counter[str] = Counter()
    for text in read_texts(corpus):
        clean = well_formed(text).replace("\0", " ")
        if plan.normalization != "none":
            clean = unicodedata.normalize(plan.normalization, clean)
        words.update(word[:_LONGEST] for word in clean.split())
    return words


def _alphabet(words: Counter[str], coverage: float) -> list[str]:
    """Return the most frequent characters that reach the coverage; ties by code point."""
    counts = Counter({"\u2581": words.total()})
    for word, count in words.items():
        for letter in word:
            counts[letter] += count
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    before = accumulate((count for _, count in ranked), initial=0)  # each one's preceding counts
    wanted = coverage * counts.total()
    return sorted(letter for (letter, _), n in zip(ranked, before, strict=False) if n < wanted)


def _check_room(plan: Plan, needed: int, what: str) -> None:
    least = needed + len(plan.tokens_first)
    if plan.vocab_size < least:
        raise InvalidInputError(
            f"vocab_size={plan.vocab_size} is too small: {what} and {len(plan.tokens_first)} "
            f"special tokens need {least}. Give at least {least + 1}, or a lower coverage."
        )


def _check_filled(tokenizer: Any, plan: Plan) -> Any:
    size = tokenizer.get_vocab_size()
    if size < plan.vocab_size and not plan.allow_fewer:
        raise InvalidInputError(
            f"vocab_size={plan.vocab_size} is too large: the corpus gives {size} pieces with "
            f"min_count={plan.min_count}. Give vocab_size={size} or less, or more text."
        )
    return tokenizer


def _vocabulary_error(plan: Plan, message: str) -> InvalidInputError:
    """Translate an error of SentencePiece: too large, too small, or its own message."""
    if bound := re.search(r"<= (\d+)", message):
        return InvalidInputError(
            f"vocab_size={plan.vocab_size} is too large: the corpus gives at most {bound[1]} "
            f"pieces. Give vocab_size={bound[1]} or less, or more text."
        )
    if needed := re.search(r"required_chars\D*(\d+) vs (\d+)", message):
        least = max(int(needed[1]), int(needed[2])) + len(plan.tokens_first)
        return InvalidInputError(
            f"vocab_size={plan.vocab_size} is too small for the characters of coverage="
            f"{plan.coverage}. Give more than {least}, or a lower coverage."
        )
    return InvalidInputError(f"the corpus cannot be learnt from ({message}). Give more text.")
