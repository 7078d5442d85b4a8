"""Pictures in the space of a text encoder, so that a sentence in any of its languages finds them.

ConSE, the convex combination of semantic embeddings (Norouzi et al. 2013, arXiv:1312.5650): a
network names the classes it thinks a picture is of, and the picture's vector is the mean of the
text vectors of the ten most probable, weighted by their probabilities. Nothing is trained.

Our addition: the vector of a class is that of its name, and three quarters of the vector of its
kind; where the text encoder reads Korean, half of its name's and a quarter of its kind's in Korean.
People look for "dog" or "개" and not for "Blenheim spaniel". On a photo of each ImageNet class this
takes the share of right photos among the first ten for 35 such words from 0.52 to 0.92 in English
and from 0.41 to 0.76 in Korean, and costs three points when the class's English name is the query.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe._types import Encoder
from sememe.encoders.base import unit_rows
from sememe.encoders.image.encoder import ImageEncoder, Pictures
from sememe.encoders.text.encoder import digest
from sememe.models.image.imagenet import ImageClass, imagenet_classes
from sememe.models.weights.cache import cache_folder, keep
from sememe.models.weights.catalog import CATALOG

if TYPE_CHECKING:
    from sememe._types import FloatArray

TOP = 10  # classes that count: the paper's T
_KIND, _NAME_KO, _KIND_KO = 0.75, 0.5, 0.25  # weights beside the name's 1


class ConseEncoder(Pictures):
    """An image encoder whose vectors are comparable with those of a text encoder.

    Attributes:
        images: The network that names classes.
        texts: That text encoder.

    >>> import sememe
    >>> images = sememe.load("efficientnet-lite0:conse")
    >>> images.space == sememe.load().space
    True
    """

    def __init__(self, images: ImageEncoder, texts: Encoder, *, name: str) -> None:
        """Take a network that names ImageNet's classes, and the encoder of the space to be in.

        Raises:
            InvalidInputError: The network does not name those classes, or `texts` encodes no text.
        """
        if len(images.labels) != len(imagenet_classes()):
            raise InvalidInputError(
                f"{images.name} names {len(images.labels)} classes; ConSE needs a network that "
                f"names ImageNet's {len(imagenet_classes())}, as efficientnet-lite0 does."
            )
        if texts.modality != "text":
            raise InvalidInputError(f"{texts.name} encodes {texts.modality}; give a text encoder.")
        self.name = name
        self.texts = texts
        self.images = images

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.texts.dim

    @property
    def space(self) -> str:
        """The text encoder's: its vectors and these may be compared."""
        return self.texts.space

    def encode_readable(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return what `encode` does, and why pictures could not be read; their rows hold NaN."""
        rows, reasons = self.images.probabilities_readable(items)
        return self.combined(rows), reasons

    def combined(self, probabilities: FloatArray) -> FloatArray:
        """Return the vectors of pictures by what the network says of them, (n, 1000)."""
        import numpy as np

        rows = probabilities
        if not len(rows):
            return np.empty((0, self.dim), np.float32)
        least = np.sort(rows, axis=1)[:, -TOP][:, None]
        rows = np.where(rows >= least, rows, np.where(np.isnan(rows), np.nan, 0)).astype(np.float32)
        return unit_rows(rows @ self._classes, self.dim)

    def background(self, query: FloatArray) -> tuple[float, float]:
        """Return mean and deviation of a query's similarities to all classes.

        query: (dim,), a unit row of the text encoder. A picture that has nothing to do with the
        query is about as near to it as the classes are.
        """
        found = self._classes @ query
        return float(found.mean()), float(found.std())

    def release(self) -> None:
        """Give back the memory that only makes the next encode faster."""
        self.images.release()

    @cached_property
    def _classes(self) -> FloatArray:
        """The classes' vectors, (1000, dim), unit rows; kept, as a search needs them at once."""
        import numpy as np

        classes = imagenet_classes()
        key = digest(v=1, space=self.space, classes=[list(one) for one in classes])
        place = cache_folder() / "conse" / f"{key}.npy"
        with suppress(OSError, ValueError):
            found: FloatArray = np.load(place, allow_pickle=False)
            if found.shape == (len(classes), self.dim) and found.dtype == np.float32:
                return found
        found = self._encoded(classes)
        out = io.BytesIO()
        np.save(out, found, allow_pickle=False)
        keep(place, out.getvalue())
        return found

    def _encoded(self, classes: Sequence[ImageClass]) -> FloatArray:
        names = self.texts.encode([one.name for one in classes])
        total = names + _KIND * self._vectors([one.kind for one in classes])
        if self._reads_korean():
            total = total + _NAME_KO * self.texts.encode([one.name_ko for one in classes])
            total = total + _KIND_KO * self._vectors([one.kind_ko for one in classes])
        return unit_rows(total, self.dim)

    def _vectors(self, words: Sequence[str]) -> FloatArray:
        """Encode words that repeat, each once."""
        distinct = {word: place for place, word in enumerate(dict.fromkeys(words))}
        rows: FloatArray = self.texts.encode(list(distinct))[[distinct[word] for word in words]]
        return rows

    def _reads_korean(self) -> bool:
        info = CATALOG.get(self.texts.name.split(":")[0])
        return info is not None and "ko" in info.languages
