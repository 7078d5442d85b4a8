"""From picture to pixels: lengths by hand, and shapes that break things."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sememe.models.image.efficientnet import PREPROCESS
from sememe.models.image.preprocess import Preprocess
from tests.drawings import noise

PLAIN = Preprocess(4, 8, "nearest", (0.5,) * 3, (0.5,) * 3)


def test_the_shorter_side_is_scaled_and_the_middle_is_cut():
    """8 x 16 stays; of 16 rows the middle 4 begin at 6, of 8 columns at 2."""
    rows = np.arange(16, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 3), np.uint8)
    assert PLAIN.pixels(Image.fromarray(rows))[:, 0, 0].tolist() == [6, 7, 8, 9]
    columns = np.ascontiguousarray(rows.transpose(1, 0, 2))
    assert PLAIN.pixels(Image.fromarray(columns))[0, :, 0].tolist() == [6, 7, 8, 9]


def test_odd_halves_are_rounded_to_even():
    """15 rows less 4 leave 11: the cut begins at 5.5, which is 6 (2.5 would be 2)."""
    rows = np.arange(15, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 3), np.uint8)
    assert PLAIN.pixels(Image.fromarray(rows))[0, 0, 0] == 6
    rows = np.arange(9, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 3), np.uint8)
    assert PLAIN.pixels(Image.fromarray(rows))[0, 0, 0] == 2


def test_without_a_length_the_whole_picture_is_squeezed():
    whole = Preprocess(4, None, "bilinear", (0.5,) * 3, (0.5,) * 3)
    assert whole.pixels(noise(0, (40, 9))).shape == (4, 4, 3)


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 5000), (5000, 1), (3, 2), (224, 224), (257, 255), (60_000, 40)]
)
def test_any_shape_becomes_a_square(size):
    image = Image.new("RGB", size, (10, 200, 30))
    found = PREPROCESS.pixels(image)
    assert found.shape == (224, 224, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - (10, 200, 30)).max() <= 1


def test_facts_come_back_and_nonsense_does_not():
    assert Preprocess.of(PREPROCESS.facts()) == PREPROCESS
    for wrong in ({"std": [0, 1, 1]}, {"mean": [0.5]}, {"interpolation": "cubic"}, {"size": 0}):
        with pytest.raises(ValueError):
            Preprocess.of(PREPROCESS.facts() | wrong)
