"""Both sides of a joint space by their names."""

from __future__ import annotations

import json

import numpy as np
import pytest

import sememe
from sememe import InvalidInputError, SpaceMismatchError, UnknownNameError, ZeroShot
from sememe._persistence import ABOUT
from sememe.models.clip.projection_folder import KIND, Projection, write_projections

NAMES = {"text": "use-multilingual-v3", "image": "efficientnet-lite0"}
DIM = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Random projections of the default encoders."""
    place = tmp_path_factory.mktemp("joint")
    rng = np.random.default_rng(0)
    projections, encoders = {}, {}
    for side, name in NAMES.items():
        base = sememe.load(name)
        matrix = rng.normal(size=(base.dim, DIM)).astype(np.float32)
        zeros, ones = np.zeros(base.dim, np.float32), np.ones(base.dim, np.float32)
        projections[side] = Projection(zeros, ones, ((matrix, np.zeros(DIM, np.float32)),))
        encoders[side] = {"name": name, "space": base.space}
    write_projections(place, projections)
    facts = {"format": 1, "kind": KIND, "encoders": encoders, "scale": 25.0}
    (place / ABOUT).write_text(json.dumps(facts), encoding="utf-8")
    return place, projections


def picture():
    return np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)


def test_each_side_is_its_encoder_and_its_projection(folder):
    place, projections = folder
    texts, images = sememe.load_encoders(str(place), threads=1)
    for encoder, side, item in ((texts, "text", "고양이"), (images, "image", picture())):
        assert (encoder.name, encoder.modality, encoder.dim) == (f"{place}:{side}", side, DIM)
        row = sememe.load(NAMES[side]).encode([item]) @ projections[side].layers[0][0]
        row = row / np.linalg.norm(row)
        np.testing.assert_allclose(encoder.encode([item]), row, atol=1e-5)
        again = sememe.load(encoder.name)
        assert again.space == encoder.space == texts.space
    judge = ZeroShot(images, texts, ["cat", "dog"])
    assert judge.scale == 25.0
    np.testing.assert_allclose(judge.vectors, texts.encode(["cat", "dog"]), atol=1e-5)


def test_names_that_mean_no_side(folder, tmp_path):
    place, _ = folder
    with pytest.raises(InvalidInputError, match="has two encoders.*load_encoders"):
        sememe.load(str(place))
    for part in ("text", "image"):
        with pytest.raises(UnknownNameError):
            sememe.load(f"{tmp_path}:{part}")


def test_an_encoder_that_makes_other_vectors_is_refused(folder, tmp_path):
    place, projections = folder
    write_projections(tmp_path, projections)
    facts = json.loads((place / ABOUT).read_text(encoding="utf-8"))
    facts["encoders"]["text"]["space"] = "0" * 16
    (tmp_path / ABOUT).write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(SpaceMismatchError, match="Train it again"):
        sememe.load(f"{tmp_path}:text")
