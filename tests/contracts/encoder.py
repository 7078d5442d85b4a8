"""What every Encoder must do, whatever it encodes. A test module per encoder subclasses this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from sememe import Encoder, InvalidInputError
from sememe._types import FloatArray
from sememe.encoders.base import BaseEncoder, as_encoder

ENCODED: dict[tuple[type, str], FloatArray] = {}


def encode_all(encoder: BaseEncoder, items: Sequence[Any]) -> tuple[FloatArray, dict[int, str]]:
    """Return (n, dim) rows, NaN for items that cannot be read, and {index: reason}."""
    done = encoder.encode_with_receipt(items)
    assert done.receipt.items == len(items)
    return done.vectors, done.receipt.failed


class EncoderContract:
    """Subclasses give fixtures `subject` (an encoder), `items` (6 or more, distinct)."""

    @pytest.fixture
    def subject(self) -> Encoder:
        raise NotImplementedError

    @pytest.fixture
    def items(self) -> list[Any]:
        raise NotImplementedError

    @pytest.fixture
    def vectors(self, request, subject, items) -> FloatArray:
        """What one call gives for all items, computed once for the class."""
        key = request.cls, subject.space
        if key not in ENCODED:
            ENCODED[key] = subject.encode(items)
        return ENCODED[key]

    def test_it_is_an_encoder(self, subject):
        assert isinstance(subject, Encoder)
        assert subject.modality in ("text", "image", "audio")
        assert len(subject.space) == 16
        int(subject.space, 16)

    def test_it_has_all_that_the_base_declares(self, subject, items):
        assert as_encoder(subject) is subject
        vectors, failed = encode_all(subject, items)
        assert failed == {}
        np.testing.assert_array_equal(subject.encode(items), vectors)
        documents = subject.documents.encode(items)
        np.testing.assert_array_equal(subject.encode_document(items), documents)
        queries = subject.encode_query(items)
        assert queries.shape == vectors.shape
        if subject.modality == "text":
            *passages, none = subject.split([*items, " "])
            assert len(passages) == len(items) and any(passages) and none == []
        subject.release()
        np.testing.assert_allclose(subject.encode(items), vectors, atol=1e-5)

    def test_rows_are_unit_float32(self, subject, items, vectors):
        assert vectors.shape == (len(items), subject.dim)
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_nothing_gives_no_rows(self, subject):
        assert subject.encode([]).shape == (0, subject.dim)

    def test_one_is_a_row_of_many(self, subject, items, vectors):
        alone = np.stack([subject.encode_one(item) for item in items])
        np.testing.assert_allclose(alone, vectors, atol=1e-5)

    @pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
    def test_batches_do_not_change_vectors(self, subject, items, vectors, batch_size):
        found = subject.encode(items, batch_size=batch_size)
        np.testing.assert_allclose(found, vectors, atol=1e-5)

    def test_order_does_not_change_vectors(self, subject, items, vectors):
        order = np.random.default_rng(0).permutation(len(items))
        shuffled = subject.encode([items[i] for i in order])
        np.testing.assert_allclose(shuffled, vectors[order], atol=1e-5)

    def test_the_same_call_gives_the_same_bytes(self, subject, items):
        assert subject.encode(items).tobytes() == subject.encode(items).tobytes()

    def test_distinct_items_are_told_apart(self, items, vectors):
        similarity = vectors @ vectors.T
        assert (similarity[~np.eye(len(items), dtype=bool)] < 0.9999).all()

    def test_a_bare_item_is_refused(self, subject, items):
        with pytest.raises(InvalidInputError, match="encode_one"):
            subject.encode(items[0])

    def test_a_stream_comes_in_batches(self, subject, items, vectors):
        batches = list(subject.encode_batches(iter(items), batch_size=4))
        assert [len(batch) for batch in batches[:-1]] == [4] * (len(batches) - 1)
        np.testing.assert_allclose(np.concatenate(batches), vectors, atol=1e-5)


class TextContract(EncoderContract):
    """The contract over short texts in two languages."""

    @pytest.fixture
    def items(self):
        return ["고양이", "the dog barks", "stock market", "ships at sea", "배를 탔다", "12345"]
