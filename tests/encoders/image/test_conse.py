"""ConSE: pictures in a text space, by the convex combination of their classes' vectors."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe.encoders.image.conse import ConseEncoder
from sememe.encoders.image.encoder import ImageEncoder, ImageModel
from sememe.encoders.image.shared_pass import encode_and_describe
from sememe.models.image.engine import VisionEngine
from sememe.models.image.imagenet import imagenet_classes
from tests.contracts.encoder import encode_all
from tests.drawings import DRAWINGS, clock


@pytest.fixture(scope="module")
def images(encoder):
    return ConseEncoder(sememe.load("efficientnet-lite0"), encoder, name="efficientnet-lite0:conse")


class Told(ImageEncoder):
    """A network that says what it is told: a picture is a row of probabilities."""

    def __init__(self):
        labels = tuple(one.name for one in imagenet_classes())
        super().__init__(ImageModel("told", 8, "told", labels=labels), None)

    def probabilities_with_failures(self, items):
        return np.array(items, np.float32).reshape(-1, 1000), {}


def test_the_vector_is_the_mean_of_ten_classes_by_hand(encoder):
    """0.5 and 0.3 for two classes; nine more share 0.2, of which the last, the least, is left."""
    row = np.zeros(1000, np.float32)
    row[281], row[207] = 0.5, 0.3
    row[:9] = np.linspace(0.030, 0.0144, 9)
    classes = [imagenet_classes()[i] for i in (281, 207, *range(8))]
    expected = np.zeros(512)
    for probability, one in zip(row[[281, 207, *range(8)]], classes, strict=True):
        name, name_ko, kind, kind_ko = encoder.encode(list(one)).astype(np.float64)
        vector = name + 0.5 * name_ko + 0.75 * kind + 0.25 * kind_ko
        expected += probability * vector / np.linalg.norm(vector)
    expected /= np.linalg.norm(expected)
    got = ConseEncoder(Told(), encoder, name="told").encode([row])
    np.testing.assert_allclose(got[0], expected, atol=1e-5)


def test_texts_in_two_languages_find_their_drawing(images, encoder):
    pictures = images.encode([draw() for draw in DRAWINGS.values()])
    english = encoder.encode(list(DRAWINGS))
    korean = encoder.encode(["아날로그 시계", "낱말 퍼즐", "거미줄", "풍선", "우산"])
    sentences = encoder.encode(
        ["what time is it on the wall?", "십자말풀이를 푼다", "거미가 줄을 친다", "hot air ride",
         "비가 올 때 쓰는 것"]
    )  # fmt: skip
    assert (english @ pictures.T).argmax(axis=1).tolist() == list(range(5))
    assert (korean @ pictures.T).argmax(axis=1).tolist() == list(range(5))
    assert ((sentences @ pictures.T).argmax(axis=1) == np.arange(5)).sum() >= 4


def test_it_is_of_the_text_encoders_space(images, encoder):
    assert (images.space, images.dim, images.modality) == (encoder.space, 512, "image")
    assert sememe.load("efficientnet-lite0:conse").space == encoder.space
    np.testing.assert_allclose(np.linalg.norm(images.encode([clock()]), axis=1), 1, atol=1e-5)


def test_other_text_encoders_and_what_cannot_be(images, encoder):
    other = sememe.load("efficientnet-lite0:conse:all-minilm-l6-v2")
    assert other.space == sememe.load("all-minilm-l6-v2").space
    texts = sememe.load("all-minilm-l6-v2").encode(list(DRAWINGS))
    pictures = other.encode([draw() for draw in DRAWINGS.values()])
    assert (texts @ pictures.T).argmax(axis=1).tolist() == list(range(5))
    with pytest.raises(sememe.InvalidInputError, match="give a text encoder"):
        ConseEncoder(sememe.load("efficientnet-lite0"), images, name="x")
    nameless = ImageEncoder(ImageModel("none", 8, "none"), None)
    with pytest.raises(sememe.InvalidInputError, match="names 0 classes"):
        ConseEncoder(nameless, encoder, name="x")


def test_features_and_conse_come_of_one_pass(images, monkeypatch):
    features = sememe.load("efficientnet-lite0")
    pictures = [clock(), b"nothing", *(draw() for draw in DRAWINGS.values())]
    apart = [encode_all(encoder, pictures) for encoder in (images, features)]
    runs = []
    run = VisionEngine.run
    monkeypatch.setattr(VisionEngine, "run", lambda self, *a: runs.append(a) or run(self, *a))
    together, _ = encode_and_describe([images, features], pictures)
    assert len(runs) == 1
    for (vectors, reasons), (expected, why) in zip(together, apart, strict=True):
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
        assert reasons == why != {}
    assert encode_and_describe([features], [clock()])[0][0][0].shape == (1, 1280)


def test_what_cannot_be_read_is_told(images):
    vectors, reasons = encode_all(images, [b"", clock()])
    assert list(reasons) == [0]
    assert np.isnan(vectors[0]).all()
    assert np.isfinite(vectors[1]).all()
    vectors, reasons = encode_all(images, [b""])
    assert vectors.shape == (1, 512)
    with pytest.raises(sememe.CorruptFileError, match="item 0"):
        images.encode([b""])
