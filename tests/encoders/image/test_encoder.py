"""The encoder of pictures: vectors, names, and what happens to pictures that cannot be read."""

from __future__ import annotations

import io

import numpy as np
import pytest

import sememe
from sememe.encoders.base import unit_rows
from tests.contracts.encoder import encode_all
from tests.drawings import DRAWINGS, clock, noise, web


@pytest.fixture(scope="module")
def images():
    return sememe.load("efficientnet-lite0", threads=2)


def test_vectors_are_unit_rows_whatever_the_batch_and_the_order(images):
    pictures = [noise(seed, (30 + seed, 50)) for seed in range(19)]
    vectors = images.encode(pictures)
    assert vectors.shape == (19, 1280)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.stack([images.encode_one(picture) for picture in pictures])
    np.testing.assert_allclose(alone, vectors, atol=1e-5)
    np.testing.assert_allclose(images.encode(pictures[::-1])[::-1], vectors, atol=1e-5)
    one_thread = sememe.load("efficientnet-lite0", threads=1)
    np.testing.assert_allclose(one_thread.encode(pictures), vectors, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(list(images.encode_batches(pictures))), vectors)
    assert images.encode([]).shape == (0, 1280)


def test_a_path_its_bytes_and_its_pixels_are_one_picture(images, tmp_path):
    path = tmp_path / "clock.png"
    clock().save(path)
    forms = [path, str(path), path.read_bytes(), clock(), np.asarray(clock())]
    vectors = images.encode(forms)
    np.testing.assert_allclose(vectors, vectors[:1].repeat(5, axis=0), atol=1e-6)


def test_like_pictures_are_near_and_others_are_not(images):
    """The same clock, smaller and turned a little, against a spider's web."""
    a, b, c = images.encode([clock(), clock(200).rotate(4, fillcolor=(205, 205, 210)), web()])
    assert a @ b > 0.7
    assert a @ b > a @ c + 0.4


def test_drawings_are_named(images):
    guesses = images.classify([draw() for draw in DRAWINGS.values()], k=3)
    assert [best[0].label for best in guesses] == list(DRAWINGS)
    for best in guesses:
        assert len(best) == 3
        assert best[0].probability >= best[1].probability >= best[2].probability
    np.testing.assert_allclose(images.probabilities([web()]).sum(axis=1), 1, atol=1e-5)


def test_the_mean_of_a_feature_map_is_the_vector(images):
    maps = images.feature_maps([clock(), web()])
    assert maps.shape == (2, 7, 7, 1280)
    mean = unit_rows(maps.mean(axis=(1, 2)), 1280)
    np.testing.assert_allclose(mean, images.encode([clock(), web()]), atol=1e-5)


def test_pictures_that_cannot_be_read_are_told_and_the_others_encoded(images, tmp_path):
    out = io.BytesIO()
    clock().save(out, "JPEG")
    bad = [b"", b"hello", out.getvalue()[:3000], tmp_path / "none.jpg"]
    items = [clock(), bad[0], bad[1], web(), bad[2], bad[3]]
    vectors, reasons = encode_all(images, items)
    assert sorted(reasons) == [1, 2, 4, 5]
    assert reasons[5] == "no longer there"
    assert np.isnan(vectors[[1, 2, 4, 5]]).all()
    np.testing.assert_allclose(vectors[[0, 3]], images.encode([clock(), web()]), atol=1e-6)
    with pytest.raises(sememe.CorruptFileError, match=r"item 1: empty.*; 3 others cannot"):
        images.encode(items)
    vectors, reasons = encode_all(images, bad)
    assert vectors.shape == (4, 1280)
    assert np.isnan(vectors).all()
    probabilities, _ = images.probabilities_with_failures(bad)
    assert probabilities.shape == (4, 1000)


def test_misuse_is_told(images):
    for one in ("a.jpg", b"...", clock()):
        with pytest.raises(sememe.InvalidInputError, match=r"takes a list of images"):
            images.encode(one)
    with pytest.raises(sememe.InvalidInputError, match="an image is int"):
        images.encode([3])
    with pytest.raises(sememe.InvalidInputError, match="encodes images; give an encoder for text"):
        from sememe.encoders.load.by_name import load_text

        load_text("efficientnet-lite0")


def test_generators_and_odd_calls(images):
    assert images.encode(noise(i) for i in range(3)).shape == (3, 1280)
    with pytest.raises(sememe.CorruptFileError, match="item 1"):
        images.encode(item for item in [clock(), b"nothing"])
    vectors, reasons = encode_all(images, ["a\0b", clock()])
    assert list(reasons) == [0]
    assert np.isfinite(vectors[1]).all()
    with pytest.raises(sememe.InvalidInputError, match="got NoneType"):
        images.encode(None)
    with pytest.raises(sememe.InvalidInputError, match="k=0"):
        images.classify([clock()], k=0)


def test_zeros_have_an_even_direction_and_nan_stays():
    rows = unit_rows(np.array([[0, 0], [3, 4], [np.nan, 1]], np.float32), 2)
    np.testing.assert_allclose(rows[0], [0.5**0.5] * 2)
    np.testing.assert_allclose(rows[1], [0.6, 0.8])
    assert np.isnan(rows[2]).all()
