"""The 1,000 classes of the ImageNet challenge, in the order of networks' outputs.

Each has a name, which may be a rare word ("Blenheim spaniel"), and a kind, the word that people
search by ("dog"), both in English and Korean. English names are WordNet's; the Korean ones and the
kinds are ours.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple


class ImageClass(NamedTuple):
    """A class of images: its name and its kind, in English and in Korean."""

    name: str
    name_ko: str
    kind: str
    kind_ko: str


@cache
def imagenet_classes() -> tuple[ImageClass, ...]:
    """Return the classes in order.

    >>> imagenet_classes()[281]
    ImageClass(name='tabby', name_ko='얼룩 고양이', kind='cat', kind_ko='고양이')
    """
    text = files("sememe.models.image").joinpath("imagenet.tsv").read_text(encoding="utf-8")
    return tuple(ImageClass(*line.split("\t")) for line in text.splitlines())
