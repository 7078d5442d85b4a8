"""Zero-shot classification: classes are given by their names, without examples.

    texts, images = sememe.load_encoders("hf:org/name")
    classifier = sememe.ZeroShot(images, texts, ["dog", "cat", "a tram in Lisbon"])
    classifier.classify(["a.jpg", "b.jpg"], k=2)

Each label is put into templates ("a photo of a {}."), the vectors of these texts are averaged and
scaled to unit length, and an image is of the class with the most similar vector. Probabilities are
the softmax of the cosines times a scale, which CLIP learns in training.

Reference: Radford et al. 2021, sections 3.1.2 and 3.1.4 (arXiv:2103.00020).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from unicodedata import normalize

import numpy as np

from sememe._errors import InvalidInputError, SpaceMismatchError
from sememe._types import Encoder, FloatArray
from sememe.encoders.base import as_encoder, unit_rows
from sememe.encoders.prediction import Classifier
from sememe.encoders.receipt import find_duplicates
from sememe.encoders.text.encoder import check_texts
from sememe.space.probe import softmax

PLAIN = ("{}",)
CAPTIONS = (
    "a photo of a {}.", "a photo of the {}.", "a close-up photo of a {}.",
    "a photo of a small {}.", "a photo of a large {}.", "a blurry photo of a {}.",
    "a picture of {}.",
)  # fmt: skip
CAPTIONS_KO = (
    "{} 사진", "{}의 사진", "{}을(를) 찍은 사진", "가까이에서 찍은 {} 사진", "작은 {} 사진",
    "큰 {} 사진", "흐릿한 {} 사진",
)  # fmt: skip
OF_SOUNDS = ("this is a sound of {}.", "the sound of {}.", "{} can be heard.")
_SCALE = 10.0  # for encoders without one: of 5 to 100 the best for ConSE on small images


class ZeroShot(Classifier):
    """Classify images, audio or texts by the names of the classes alone.

    Attributes:
        image_encoder: Encoder of the items.
        text_encoder: Encoder of the labels.
        templates: Texts that the labels are put into; None for the defaults of the encoder.
        scale: Factor of the cosines before the softmax.

    >>> import sememe
    >>> texts = sememe.load()
    >>> classifier = ZeroShot(texts, texts, ["sports", "cooking"])
    >>> classifier.classify(["Simmer the broth and add salt."], k=1)[0][0].label
    'cooking'
    """

    def __init__(
        self,
        image_encoder: Encoder,
        text_encoder: Encoder,
        labels: Sequence[str],
        *,
        templates: Sequence[str] | None = None,
        scale: float | None = None,
    ) -> None:
        """Take the encoders and the classes.

        Args:
            image_encoder: Encoder of the items: images, audio (CLAP) or texts.
            text_encoder: Encoder of the labels, in the same space.
            labels: Names of two classes or more, as in a caption.
            templates: Texts with {} for the label. By default seven captions for encoders trained
                on captions (CLIP), in Korean for labels in Hangul; three for those of audio (CLAP);
                for others the label alone.
            scale: Factor of the cosines before the softmax; it does not change the ranking. By
                default the encoder's, or 10 if it has none.

        Raises:
            SpaceMismatchError: The encoders' vectors cannot be compared.
            InvalidInputError: `text_encoder` is not a text encoder; fewer than two labels, an empty
                or repeated one; a template without {}; a scale that is not above 0.
        """
        if text_encoder.modality != "text":
            raise InvalidInputError(
                f"text_encoder={text_encoder.name} encodes {text_encoder.modality}; the labels "
                "need an encoder of texts."
            )
        if image_encoder.space != text_encoder.space:
            raise SpaceMismatchError(
                f"{image_encoder.name} and {text_encoder.name} have different spaces, so a label "
                "cannot be compared with an image. Take both from one model: "
                "sememe.load_encoders(name), or sememe.load('efficientnet-lite0:conse') with "
                "sememe.load()"
            )
        self.image_encoder = as_encoder(image_encoder)
        self.text_encoder = as_encoder(text_encoder)
        self.modality = image_encoder.modality
        self.labels = _check_labels(labels)
        self.templates = None if templates is None else _check_templates(templates)
        self.scale = float(self.image_encoder.scale or _SCALE if scale is None else scale)
        if not 0 < self.scale < float("inf"):
            raise InvalidInputError(f"scale={scale}; give a number above 0, CLIP's is about 100.")

    @property
    def name(self) -> str:
        """Name of the encoder of the items."""
        return self.image_encoder.name

    @cached_property
    def vectors(self) -> FloatArray:
        """(labels, dim) unit rows of the classes."""
        captions = [
            [template.replace("{}", label) for template in self._choose_templates(label)]
            for label in self.labels
        ]
        rows = self.text_encoder.encode([text for own in captions for text in own])
        starts = np.cumsum([0, *map(len, captions)])[:-1]
        return unit_rows(np.add.reduceat(rows, starts, axis=0), self.text_encoder.dim)

    def probabilities_with_failures(
        self, items: Sequence[Any]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Compute probabilities, collecting failures; see `Classifier`."""
        done = self.image_encoder.encode_with_receipt(items)
        scores = self.scale * (done.vectors @ self.vectors.T)  # (n, dim) @ (dim, labels)
        return softmax(scores), done.receipt.failed

    def _choose_templates(self, label: str) -> tuple[str, ...]:
        if self.templates is not None:
            return self.templates
        if not self.image_encoder.reads_captions:
            return PLAIN
        if self.image_encoder.modality == "audio":
            return OF_SOUNDS
        letters = [c for c in normalize("NFC", label) if c.isalpha()]
        hangul = sum("\uac00" <= c <= "\ud7a3" for c in letters)
        return CAPTIONS_KO if 2 * hangul > len(letters) else CAPTIONS


def _check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    names = tuple(label.strip() for label in check_texts(labels))
    if len(names) < 2:
        raise InvalidInputError(f"labels={list(names)}; give two or more, to choose between.")
    if "" in names:
        index = names.index("")
        raise InvalidInputError(f"label {index} is empty; give it a name, or leave it out.")
    for i, first in find_duplicates([normalize("NFC", name) for name in names]).items():
        raise InvalidInputError(
            f"labels {first} and {i} are both {names[i]!r}; leave one out, or make them differ."
        )
    return names


def _check_templates(templates: Sequence[str]) -> tuple[str, ...]:
    if isinstance(templates, str):
        raise InvalidInputError(f"templates={templates!r} is one str; give a list: [{templates!r}]")
    texts = tuple(check_texts(templates))
    if not texts:
        raise InvalidInputError("templates=[]; give one or more, or None for the usual ones.")
    for text in texts:
        if "{}" not in text:
            raise InvalidInputError(
                f"template {text!r} has no place for the label; write {{}} where it goes."
            )
    return texts
