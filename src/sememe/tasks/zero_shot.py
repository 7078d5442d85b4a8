"""Zero-shot classification: classes are told by their names, and no example of them is needed.

    texts, images = sememe.load_encoders("hf:org/name")
    judge = sememe.ZeroShot(images, texts, ["dog", "cat", "a tram in Lisbon"])
    judge.classify(["a.jpg", "b.jpg"], k=2)

Each label is put into templates ("a photo of a {}."), the texts' vectors are averaged and brought
to unit length, and a picture is of the class whose vector is most like its own. Probabilities are
the softmax of the cosines times a scale, which CLIP learns in training.

Reference: Radford et al. 2021, sections 3.1.2 and 3.1.4 (arXiv:2103.00020).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sememe._errors import InvalidInputError, SpaceMismatchError
from sememe._types import Encoder
from sememe.encoders.base import refuse, unit_rows
from sememe.encoders.prediction import Guess, best_guesses
from sememe.encoders.text.encoder import checked_texts
from sememe.vectors.nearest import check_k

if TYPE_CHECKING:
    from sememe._types import FloatArray

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
_SCALE = 10.0  # for encoders that learnt none: of 5 to 100 the best for ConSE on small photos


class _Readable(Protocol):
    def encode_readable(self, items: Sequence[Any]) -> tuple[FloatArray, dict[int, str]]: ...


class ZeroShot:
    """Tell of which class pictures are, by the classes' names alone.

    >>> import sememe
    >>> texts = sememe.load()
    >>> judge = ZeroShot(texts, texts, ["sports", "cooking"])
    >>> judge.classify(["Simmer the broth and add salt."], k=1)[0][0].label
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
            image_encoder: Of what is to be classified: pictures, sounds (CLAP), or texts.
            text_encoder: Of the labels, in the same space.
            labels: Names of two classes or more, as they would stand in a caption.
            templates: Texts with {} where the label goes. Unless told, seven captions for encoders
                that learnt from captions (CLIP), in Korean for labels in Hangul; three for those of
                sounds (CLAP); for others the label alone.
            scale: What cosines are multiplied by before the softmax. It orders nothing anew.
                Unless told, what the encoder learnt; 10 for one that learnt nothing of the kind.

        Raises:
            SpaceMismatchError: The encoders' vectors cannot be compared.
            InvalidInputError: `text_encoder` encodes no texts; fewer than two labels, one that is
                empty or there twice; a template without {}; a scale that is not above 0.
        """
        if text_encoder.modality != "text":
            raise InvalidInputError(
                f"text_encoder={text_encoder.name} encodes {text_encoder.modality}; the labels "
                "need an encoder of texts."
            )
        if image_encoder.space != text_encoder.space:
            raise SpaceMismatchError(
                f"{image_encoder.name} and {text_encoder.name} have different spaces, so a label "
                "cannot be compared with a picture. Take both from one model: "
                "sememe.load_encoders(name), or sememe.load('efficientnet-lite0:conse') with "
                "sememe.load()"
            )
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.labels = _checked_labels(labels)
        self.templates = None if templates is None else _checked_templates(templates)
        self.scale = float(getattr(image_encoder, "scale", _SCALE) if scale is None else scale)
        if not 0 < self.scale < float("inf"):
            raise InvalidInputError(f"scale={scale}; give a number above 0, CLIP's is about 100.")

    @property
    def name(self) -> str:
        """Of the encoder that pictures are read by."""
        return self.image_encoder.name

    @cached_property
    def vectors(self) -> FloatArray:
        """The classes' vectors, (labels, dim), unit rows."""
        sets = [self.templates or self._usual(label) for label in self.labels]
        texts = [
            template.replace("{}", label)
            for label, templates in zip(self.labels, sets, strict=True)
            for template in templates
        ]
        rows = self.text_encoder.encode(texts)
        starts = np.cumsum([0, *map(len, sets)])[:-1]
        return unit_rows(np.add.reduceat(rows, starts, axis=0), self.text_encoder.dim)

    def probabilities(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, labels) float32: how probable each of `labels` is, rows adding up to 1.

        items: as the encoder takes them: paths, bytes, arrays or pictures of Pillow.

        Raises:
            CorruptFileError: A picture that cannot be read; `classify_readable` goes on instead.
            InvalidInputError: Something that can be no picture.
        """
        rows, reasons = self._encoded(items)
        refuse(items, reasons)
        return self._softmax(rows)

    def classify(self, items: Sequence[Any], *, k: int = 5) -> list[list[Guess]]:
        """Return the k most probable classes of each item, best first; ties by place in `labels`.

        Raises:
            CorruptFileError, InvalidInputError: As `probabilities`; or k below 1.
        """
        k = check_k(k)
        return [self._best(row, k) for row in self.probabilities(items)]

    def classify_readable(
        self, items: Sequence[Any], *, k: int = 5
    ) -> tuple[list[list[Guess]], dict[int, str]]:
        """Return what `classify` does, and why pictures could not be read: place -> reason.

        Those have no guesses.
        """
        k = check_k(k)
        rows, reasons = self._encoded(items)
        found = [self._best(row, k) for row in self._softmax(rows)]
        return [[] if i in reasons else best for i, best in enumerate(found)], reasons

    def _usual(self, label: str) -> tuple[str, ...]:
        if not hasattr(self.image_encoder, "logit_scale"):  # which CLIP's own have, and CLAP's
            return PLAIN
        if self.image_encoder.modality == "audio":
            return OF_SOUNDS
        return CAPTIONS_KO if _is_hangul(label) else CAPTIONS

    def _encoded(self, items: Sequence[Any]) -> tuple[FloatArray, dict[int, str]]:
        encoder: Any = self.image_encoder
        if hasattr(encoder, "encode_readable"):
            readable: _Readable = encoder
            return readable.encode_readable(items)
        return self.image_encoder.encode(items), {}

    def _softmax(self, rows: FloatArray) -> FloatArray:
        scores = self.scale * (rows @ self.vectors.T)
        if not len(scores):
            return scores
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        found: FloatArray = powers / powers.sum(axis=1, keepdims=True)
        return found

    def _best(self, row: FloatArray, k: int) -> list[Guess]:
        return best_guesses(self.labels, row, k)


def _checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    found = tuple(label.strip() for label in checked_texts(labels))
    if len(found) < 2:
        raise InvalidInputError(f"labels={list(found)}; give two or more, to choose between.")
    seen: dict[str, int] = {}
    for i, label in enumerate(found):
        if not label:
            raise InvalidInputError(f"label {i} is empty; give it a name, or leave it out.")
        same = unicodedata.normalize("NFC", label)
        if same in seen:
            raise InvalidInputError(
                f"labels {seen[same]} and {i} are both {label!r}; leave one out, or say how they "
                "differ."
            )
        seen[same] = i
    return found


def _checked_templates(templates: Sequence[str]) -> tuple[str, ...]:
    if isinstance(templates, str):
        raise InvalidInputError(f"templates={templates!r} is one str; give a list: [{templates!r}]")
    found = tuple(checked_texts(templates))
    if not found:
        raise InvalidInputError("templates=[]; give one or more, or None for the usual ones.")
    for template in found:
        if "{}" not in template:
            raise InvalidInputError(
                f"template {template!r} has no place for the label; write {{}} where it goes."
            )
    return found


def _is_hangul(label: str) -> bool:
    """Say whether most of a label's letters are Hangul."""
    letters = [c for c in unicodedata.normalize("NFC", label) if c.isalpha()]
    return 2 * sum("\uac00" <= c <= "\ud7a3" for c in letters) > len(letters)
