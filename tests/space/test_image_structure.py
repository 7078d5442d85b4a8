"""The structure of images: versions of one picture are told from other pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from sememe.space.image_structure import (
    CANDIDATE,
    DIM,
    SAME,
    compare_structures,
    describe_structure,
)
from tests.drawings import DRAWINGS, noise


def read_levels(image):
    return np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BICUBIC), float)


def describe(*images):
    return describe_structure(np.stack([read_levels(image) for image in images]))


def compress(image):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=30)
    return Image.open(io.BytesIO(out.getvalue()))


VERSIONS = {
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "wide": lambda image: image.resize((2 * image.width, image.height)),
    "compressed": compress,
    "turned": lambda image: image.rotate(3, Image.Resampling.BICUBIC),
    "cropped": lambda image: image.crop((6, 6, image.width - 6, image.height - 6)),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
}
PICTURES = {name: draw() for name, draw in DRAWINGS.items()} | {"noise": noise(3)}
_STRIPED = ("crossword puzzle", "noise")  # too fine to be aligned after a turn or a crop


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_of_a_picture_are_the_same(version):
    names = [name for name in PICTURES if name not in _STRIPED]
    originals = describe(*(PICTURES[name] for name in names))
    versions = describe(*(VERSIONS[version](PICTURES[name]) for name in names))
    scores = dict(zip(names, compare_structures(originals, versions), strict=True))
    assert min(scores.values()) >= SAME, scores
    assert ((originals * versions).sum(axis=1) >= CANDIDATE).all()


def test_other_pictures_are_not():
    rows = describe(*PICTURES.values(), *(noise(seed) for seed in range(4, 30)))
    first, second = np.triu_indices(len(rows), 1)
    assert compare_structures(rows[first], rows[second]).max() < 0.6 < SAME


def test_brightness_and_contrast_do_not_matter():
    levels = np.random.default_rng(0).uniform(50, 150, (3, 32, 32))
    np.testing.assert_allclose(
        describe_structure(levels), describe_structure(40 + 0.7 * levels), atol=1e-6
    )


def test_an_affine_map_is_undone():
    """Waves read at coordinates turned by 4 degrees, at 0.95 of the size, and moved by a cell."""
    down, across = np.mgrid[-1:1:32j, -1:1:32j]

    def wave(x, y):
        return 128 + 50 * np.sin(7 * x + 2 * y) + 40 * np.cos(9 * y - 3 * x + 5 * x * y)

    turn = np.deg2rad(4)
    x = 0.95 * (np.cos(turn) * across - np.sin(turn) * down) + 1 / 16
    y = 0.95 * (np.sin(turn) * across + np.cos(turn) * down)
    rows = describe_structure(np.stack([wave(across, down), wave(x, y)]))
    assert rows[0] @ rows[1] < 0.9
    assert compare_structures(rows[:1], rows[1:])[0] > 0.95
    mirrored = describe_structure(wave(-across, down)[None])
    assert compare_structures(rows[:1], mirrored)[0] < 0.6


def test_images_of_one_level_are_alike_and_like_no_other():
    flat = describe_structure(np.stack([np.zeros((32, 32)), np.full((32, 32), 255.0)]))
    assert not flat.any()
    assert compare_structures(flat[:1], flat[1:]).tolist() == [1]
    assert compare_structures(flat[:1], describe(PICTURES["noise"])) < 0.1
    assert compare_structures(flat[:0], flat[:0]).shape == (0,)
    assert flat.shape == (2, DIM)


def test_a_pair_scores_the_same_among_many():
    rows = describe(*(noise(seed) for seed in range(70)), *PICTURES.values())
    together = compare_structures(rows[:-1], rows[1:])
    alone = [compare_structures(rows[i : i + 1], rows[i + 1 : i + 2])[0] for i in (0, 63, 64, 72)]
    np.testing.assert_allclose(together[[0, 63, 64, 72]], alone, atol=1e-9)
