"""Name what is seen in an image, by a network that predicts classes.

Named are the classes with a probability of at least 0.4, and the kinds ("dog", whatever its breed)
whose classes together have at least 0.5. With EfficientNet-Lite0, one photo of each ImageNet class:
88 of 100 photos are described, 96 of these with a right name; 92 of 100 classes and 97 of 100 kinds
named are right. What is less probable is not named: no description is better than a wrong one. Of
what the network was not trained on much is named wrongly: 28 of 100 emoji are described.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sememe._ties import best_places
from sememe._types import FloatArray
from sememe.models.image.imagenet import ImageClass, imagenet_classes

_CLASS, _KIND = 0.4, 0.5  # least probabilities
_MOST = 2  # names of classes, or of kinds


def describe_images(labels: tuple[str, ...], probabilities: FloatArray) -> list[str]:
    """Describe n images, given (n, classes) probabilities: "lion, big cat / 사자, 맹수".

    ImageNet's classes are named in English, then in Korean; others by their labels. "" where no
    class is probable enough, or the row is NaN.
    """
    import numpy as np

    classes, probabilities = imagenet_classes(), np.nan_to_num(probabilities)
    if labels != tuple(one.name for one in classes):
        found = [_find_probable(row, _CLASS) for row in probabilities]
        return [", ".join(labels[i] for i in own) for own in found]
    return [_describe(classes, row) for row in probabilities]


def _describe(classes: Sequence[ImageClass], row: FloatArray) -> str:
    import numpy as np

    found = [classes[i] for i in _find_probable(row, _CLASS)]
    kinds, members = _group_kinds()
    sums = np.bincount(members, weights=row, minlength=len(kinds))
    probable = [kinds[i] for i in _find_probable(sums, _KIND)]
    english = [one.name for one in found] + [kind for kind, _ in probable]
    korean = [one.name_ko for one in found] + [kind for _, kind in probable]
    return " / ".join(", ".join(dict.fromkeys(words)) for words in (english, korean) if words)


def _find_probable(row: Any, least: float) -> list[int]:
    """Return the indices of the probabilities that are high enough, the highest first."""
    return [i for i in best_places(row, _MOST).tolist() if row[i] >= least]


@cache
def _group_kinds() -> tuple[list[tuple[str, str]], list[int]]:
    """Return the kinds in English and Korean, and for each class the index of its own."""
    pairs = [(one.kind, one.kind_ko) for one in imagenet_classes()]
    index = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
    return list(index), [index[pair] for pair in pairs]
