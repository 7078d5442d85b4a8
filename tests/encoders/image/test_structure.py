"""The encoder of the structure of images."""

from __future__ import annotations

import io

import numpy as np
import pytest

import sememe
from tests.contracts.encoder import EncoderContract, encode_all
from tests.drawings import DRAWINGS, clock, noise


class TestStructureEncoder(EncoderContract):
    @pytest.fixture
    def subject(self):
        return sememe.load("image-structure")

    @pytest.fixture
    def items(self):
        return [*(draw() for draw in DRAWINGS.values()), noise(1), noise(2)]


def test_what_cannot_be_read_is_told():
    encoder = sememe.load("image-structure", threads=1)
    vectors, reasons = encode_all(encoder, [b"", clock(), b"none"])
    assert list(reasons) == [0, 2]
    assert np.isnan(vectors[[0, 2]]).all() and np.isfinite(vectors[1]).all()
    with pytest.raises(sememe.InvalidInputError, match="threads=0"):
        sememe.load("image-structure", threads=0)


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size():
    """To nearly the same vector as its pixels; an image of the caller's is not touched."""
    large, out = clock(2000), io.BytesIO()
    large.save(out, "JPEG", quality=95)
    encoder = sememe.load("image-structure")
    whole, reduced = encoder.encode([large, out.getvalue()])
    assert whole @ reduced > 0.99
    assert large.size == (2000, 2000)
