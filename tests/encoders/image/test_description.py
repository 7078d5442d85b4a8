"""What is seen in an image, in words."""

from __future__ import annotations

import numpy as np

from sememe.encoders.image.description import describe_images
from sememe.models.image.imagenet import imagenet_classes

CLASSES = imagenet_classes()
LABELS = tuple(one.name for one in CLASSES)


def describe(**probabilities):
    row = np.zeros((1, len(LABELS)), np.float32)
    for name, probability in probabilities.items():
        row[0, LABELS.index(name.replace("_", " "))] = probability
    return describe_images(LABELS, row)[0]


def test_probable_classes_are_named_in_two_languages():
    assert describe(umbrella=0.9) == "umbrella / 우산"
    assert describe(tabby=0.9) == "tabby, cat / 얼룩 고양이, 고양이"
    assert describe(umbrella=0.4, tabby=0.45) == "tabby, umbrella / 얼룩 고양이, 우산"


def test_classes_that_are_not_sure_are_named_by_their_kind():
    dogs = [i for i, one in enumerate(CLASSES) if one.kind == "dog"]
    assert len(dogs) > 50
    row = np.zeros((1, len(LABELS)), np.float32)
    row[0, dogs[:4]] = 0.2
    assert describe_images(LABELS, row) == ["dog / 개, 강아지"]
    row[0, dogs[:4]] = 0.1  # 0.4 in all
    assert describe_images(LABELS, row) == [""]


def test_what_is_not_probable_is_not_named():
    assert describe(umbrella=0.35, tabby=0.35) == ""
    assert describe_images(LABELS, np.full((1, len(LABELS)), 1 / len(LABELS))) == [""]
    assert describe_images(LABELS, np.full((1, len(LABELS)), np.nan)) == [""]
    assert describe_images(LABELS, np.empty((0, len(LABELS)), np.float32)) == []


def test_other_classes_are_named_by_their_labels():
    rows = np.array([[0.6, 0.4, 0], [0.2, 0.1, 0.7], [0.25, 0.25, 0.2]])
    assert describe_images(("one", "two", "three"), rows) == ["one, two", "three", ""]
