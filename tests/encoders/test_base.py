"""The base of encoders, and encoders of other classes that are wrapped by it."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe.encoders.base import BaseEncoder, as_encoder, unit_rows
from sememe.encoders.receipt import Encoded, Receipt
from sememe.text.split import Span
from tests.contracts.encoder import EncoderContract, encode_all


class Letters(BaseEncoder):
    """Counts vowels, consonants and other characters; "?" cannot be read."""

    modality = "text"
    stream_batch = 4

    def __init__(self):
        super().__init__(name="letters", dim=3, space=self._fingerprint)
        self.asked = 0

    def _fingerprint(self):
        self.asked += 1
        return "0123456789abcdef"

    def encode_with_receipt(self, items, *, batch_size=None, show_progress=False):
        if isinstance(items, str):
            raise sememe.InvalidInputError("a list is needed; or use encode_one")
        given = list(items)
        rows = np.array([self._count(text) for text in given], np.float32).reshape(-1, 3)
        failed = {i: "a question" for i, text in enumerate(given) if text == "?"}
        rows = unit_rows(rows, 3)
        rows[list(failed)] = np.nan
        return Encoded(rows, Receipt(items=len(given), failed=failed))

    @staticmethod
    def _count(text):
        vowels = sum(letter in "aeiou" for letter in text)
        letters = sum(letter.isalpha() for letter in text)
        return vowels, letters - vowels, len(text) - letters


class TestLetters(EncoderContract):
    @pytest.fixture
    def subject(self):
        return Letters()

    @pytest.fixture
    def items(self):
        return ["a cat", "abba", "xyz", "o", "1 + 1", "queue"]


def test_the_defaults_follow_from_one_method():
    encoder = Letters()
    assert (encoder.window, encoder.scale, encoder.text_encoder, encoder.vectors) == (None,) * 4
    assert not encoder.reads_captions and encoder.estimate_background(np.ones(3)) is None
    np.testing.assert_array_equal(encoder.encode_query(["abc"]), encoder.encode_document(["abc"]))
    assert encoder.split(["abc", " \n"]) == [[Span(0, 3, 0)], []]
    assert [len(batch) for batch in encoder.encode_batches("abcdefghi")] == [4, 4, 1]
    with pytest.raises(sememe.InvalidInputError, match="batch_size=0"):
        next(encoder.encode_batches("abc", batch_size=0))


def test_a_space_is_computed_when_it_is_asked_for_and_once():
    encoder = Letters()
    assert encoder.asked == 0
    assert encoder.space == encoder.space == "0123456789abcdef"
    assert encoder.asked == 1


def test_what_cannot_be_read_is_raised_or_collected():
    rows, failed = encode_all(Letters(), ["a", "?", "b", "?"])
    assert failed == {1: "a question", 3: "a question"}
    assert np.isnan(rows).any(axis=1).tolist() == [False, True, False, True]
    message = r"item 1 \(\?\): a question; 1 others cannot.*or use encode_with_receipt"
    for items in (["a", "?", "b", "?"], iter(["a", "?", "b", "?"])):
        with pytest.raises(sememe.CorruptFileError, match=message):
            Letters().encode(items)


class Bare:
    """As little as `sememe.Encoder` asks for."""

    name, dim, modality, space = "bare", 2, "text", "plane"

    def encode(self, items, *, batch_size=None, show_progress=False):
        self.options = (batch_size, show_progress)
        return np.array([[len(item), 0] for item in items], np.float32)


class Rich(Bare):
    """And what an encoder may have besides."""

    scale, vectors = 7.0, sememe.KeyedVectors(["a"], [[1, 0]])

    def encode_query(self, items, *, batch_size=None, show_progress=False):
        return -self.encode(items)

    def encode_with_receipt(self, items, *, batch_size=None, show_progress=False):
        return Encoded(self.encode(items), Receipt(items=len(items), failed={0: "why"}))

    def split(self, items, *, headings=None):
        return [[Span(0, 1, 1)] for _ in items]

    def release(self):
        self.released = True


def test_an_encoder_of_another_class_gets_the_defaults():
    bare = Bare()
    encoder = as_encoder(bare)
    assert as_encoder(encoder) is encoder
    got = (encoder.name, encoder.dim, encoder.modality, encoder.space, encoder.scale)
    assert got == ("bare", 2, "text", "plane", None)
    rows = encoder.encode(["ab"], batch_size=3, show_progress=True)
    assert bare.options == (3, True)
    for same in (encoder.encode_query(["ab"]), encoder.encode_document(["ab"])):
        np.testing.assert_array_equal(same, rows)
    done = encoder.encode_with_receipt(["ab", "c"])
    assert (done.receipt.items, done.receipt.failed) == (2, {})
    np.testing.assert_array_equal(done.vectors, [[2, 0], [1, 0]])
    assert encoder.split(["ab", ""]) == [[Span(0, 2, 0)], []]
    encoder.release()


def test_what_it_has_is_used():
    rich = Rich()
    encoder = as_encoder(rich)
    assert (encoder.scale, encoder.vectors) == (7.0, rich.vectors)
    np.testing.assert_array_equal(encoder.encode_query(["ab"]), [[-2, 0]])
    np.testing.assert_array_equal(encoder.encode_document(["ab"]), [[2, 0]])
    assert encoder.encode_with_receipt(["ab"]).receipt.failed == {0: "why"}
    assert encoder.split(["ab"]) == [[Span(0, 1, 1)]]
    encoder.release()
    assert rich.released


@pytest.mark.parametrize("thing", [None, "use-multilingual-v3", object()])
def test_what_is_no_encoder_is_refused(thing):
    with pytest.raises(sememe.InvalidInputError, match="has no encode, name, dim"):
        as_encoder(thing)
