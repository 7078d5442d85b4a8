"""The Unigram tokenizer: the library and the readable form agree, and both take the best path."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe import CorruptFileError
from sememe.models.weights.catalog import model_info
from sememe.text.tokenizers.unigram import BOS, EOS, UNK, UnigramTokenizer
from tests.encoders.text.sixteen_languages import texts_in_sixteen_languages


@pytest.fixture(scope="module")
def tokenizer():
    return UnigramTokenizer(model_info("use-multilingual-v3").read("tokenizer"))


def test_the_library_and_the_readable_form_give_the_same_ids(tokenizer):
    texts = [text for text in texts_in_sixteen_languages(600) if text.strip()]
    assert tokenizer.encode(texts) == [tokenizer.viterbi(text) for text in texts]


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_they_agree_on_any_text(tokenizer, text):
    assert tokenizer.encode([text]) == [tokenizer.viterbi(text)]


def test_no_other_segmentation_is_more_probable(tokenizer):
    """Every way to cut a short word, scored by hand: none beats the one taken."""
    ids, scores, unknown, _ = tokenizer._table
    for word in ("고양이가", "railway", "2026년", "x\U00013000y"):
        text = tokenizer._model.normalize(word)

        def score(pieces):
            if all(p in ids or len(p) == 1 for p in pieces):
                return sum(scores[ids[p]] if p in ids else unknown for p in pieces)
            return float("-inf")

        every = []
        for cuts in itertools.product([False, True], repeat=len(text) - 1):
            bounds = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), len(text)]
            every.append(score([text[a:b] for a, b in itertools.pairwise(bounds)]))
        taken = tokenizer.encode([word])[0]
        value = sum(unknown if i == UNK else scores[i] for i in taken)
        assert value == pytest.approx(max(every), abs=1e-4)
        assert sorted(every)[-2] < max(every) or len(every) == 1  # another path exists, and loses


def test_each_unknown_character_counts(tokenizer):
    known, *unknown = tokenizer.encode(["\U00013000\U00013001\U00013002"])[0]
    assert known != UNK
    assert unknown == [UNK, UNK, UNK]


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u200b", "\u2581"])
def test_nothing_is_one_unknown_piece(tokenizer, text):
    assert tokenizer.encode([text]) == [[UNK]]


def test_names_of_control_pieces_are_those_pieces(tokenizer):
    assert tokenizer.encode(["<s>", "a</s>"])[0][-1] == BOS
    assert tokenizer.encode(["<s>", "a</s>"])[1][-1] == EOS
    assert tokenizer.encode(["\uff1cs\uff1e"])[0][-1] == BOS  # full-width, equal once normalised
    assert BOS not in tokenizer.encode(["a < b > c"])[0]


def test_lone_surrogates_count_as_the_replacement_character(tokenizer):
    assert tokenizer.encode(["a\ud800b"]) == tokenizer.encode(["a\ufffdb"])


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x0a\xff\xff"])
def test_other_bytes_are_refused(data):
    with pytest.raises(CorruptFileError, match="not a SentencePiece model"):
        UnigramTokenizer(data)
