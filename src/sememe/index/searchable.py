"""What an index answers: searches by words, by a picture and by a sound, and what it holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import IndexFormatError
from sememe._types import PairScorer
from sememe.index.config import Config, EncoderEntry
from sememe.index.encoders import Encoders
from sememe.index.near_duplicates import ImagePair, SoundPair, similar_items
from sememe.index.querying.example_search import LikeSearcher
from sememe.index.querying.hits import Hits, Mode
from sememe.index.querying.searcher import Searcher
from sememe.index.verify import Verification, verify_store
from sememe.search.store import Store
from sememe.text.terms.analyze import Analyzer, analyzer

if TYPE_CHECKING:
    from sememe._types import Modality
    from sememe.encoders.audio.transcriber import Transcriber

_RERANKED = 100  # hits that a cross-encoder reads


class Searchable:
    """The reading half of `sememe.Index`."""

    def __init__(self, path: Path, config: Config, store: Store) -> None:
        """Use `create` or `open`."""
        self.path = path
        self._config = config
        self._store = store
        self._encoders = Encoders(config.encoders)
        self._analyzer: Analyzer | None = None
        self._transcriber: Transcriber | None = None

    def __len__(self) -> int:
        """Return the number of items."""
        self._store.refresh()
        return self._store.reading(lambda: len(self._store.known()))

    @property
    def encoders(self) -> list[EncoderEntry]:
        """The encoders' names, widths and spaces."""
        return list(self._config.encoders)

    @property
    def terms(self) -> str:
        """The name of its keyword analyser: "default" or "kiwi"."""
        return self._config.analyzer

    @property
    def transcriber(self) -> str:
        """The name of the recogniser that writes down what is said in sounds; "" for none."""
        return self._config.transcriber

    @property
    def thumbnails(self) -> int:
        """The longer side of the small pictures it keeps of images, in pixels; 0: none."""
        return self._config.thumbnails

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        mode: Mode = "hybrid",
        where: str | None = None,
        rerank: PairScorer | None = None,
    ) -> Hits:
        """Find what answers a query: texts, images in a space that text shares, what is said.

        Args:
            query: Text, in any language of the encoder.
            k: How many items at most.
            mode: "semantic" compares meaning, "keyword" counts words (BM25), "hybrid" does both
                and weighs them; `hits.note` says when one of the two had nothing to say.
            where: SQL over the columns id, source, modality, text and all metadata, for example
                "year >= 2020 AND source LIKE '%.md'". Of sounds, start and end are in milliseconds.
            rerank: A cross-encoder that reads the query with each of the first 100 hits, or k if
                that is more, and so decides their order and scores.

        Raises:
            UnknownNameError: An unknown mode.
            FilterError: `where` is not SQL over the columns.
        """
        self._store.refresh()
        searcher = Searcher(self._store, self._encoders, self._terms())
        n = k if rerank is None else max(k, _RERANKED)
        found = self._store.reading(lambda: searcher.search(query, k=n, mode=mode, where=where))
        return found if rerank is None else found.reranked(query, rerank, k=k)

    def search_image(self, picture: Any, *, k: int = 10, where: str | None = None) -> Hits:
        """Find what looks like a picture: images by its features, texts by what it shows.

        Args:
            picture: A path, the bytes of a file, an array (height, width, 3) of uint8, or a picture
                of Pillow.
            k: How many items at most.
            where: As `search`: "modality = 'text'" finds texts alone.

        Raises:
            CorruptFileError: The picture cannot be read.
            InvalidInputError: It can be no picture, or the index has no encoder for images.
            FilterError: `where` is not SQL over the columns.
        """
        self._store.refresh()
        searcher = LikeSearcher(self._store, self._encoders, "image")
        return self._store.reading(lambda: searcher.search(picture, k=k, where=where))

    def search_sound(self, sound: Any, *, k: int = 10, where: str | None = None) -> Hits:
        """Find what sounds like a recording; a hit's start and end say where in it, in seconds.

        Args:
            sound: A path, the bytes of a file, or (samples, sample rate).
            k: How many items at most.
            where: As `search`: "seconds < 60" finds in short recordings alone.

        Raises:
            CorruptFileError: The recording cannot be read.
            InvalidInputError: It can be no sound, or the index has no encoder for sounds.
            FilterError: `where` is not SQL over the columns.
        """
        self._store.refresh()
        searcher = LikeSearcher(self._store, self._encoders, "audio")
        return self._store.reading(lambda: searcher.search(sound, k=k, where=where))

    def similar_images(self, *, max_pairs: int = 100, threshold: float = 0.95) -> list[ImagePair]:
        """List the images that look alike, near-duplicates first, by their stored vectors.

        Args:
            max_pairs: The most pairs; m copies of an image make m(m-1)/2.
            threshold: The lowest cosine. Copies have 1, another size or quality about 0.97.

        Each image is compared with each, in memory for all their vectors.

        Raises:
            InvalidInputError: The index holds fewer than two images, or has no encoder for them.
        """
        found = self._similar("image", max_pairs, threshold)
        return [ImagePair(*pair) for pair in found]

    def similar_sounds(self, *, max_pairs: int = 100, threshold: float = 0.95) -> list[SoundPair]:
        """List the recordings that sound alike as wholes; see `similar_images`.

        Copies have 1, whatever their loudness; another compression about 0.99.

        Raises:
            InvalidInputError: The index holds fewer than two sounds, or has no encoder for them.
        """
        found = self._similar("audio", max_pairs, threshold)
        return [SoundPair(*pair) for pair in found]

    def verify(self) -> Verification:
        """Check every row, checksum, offset, vector width and vector length."""
        self._store.refresh()
        return self._store.reading(lambda: verify_store(self._store, self._config.dims))

    def statistics(self) -> dict[str, Any]:
        """Return what the index holds and how it lies on disk."""
        self._store.refresh()
        facts = self._store.reading(lambda: asdict(self._store.statistics()))
        encoders = [asdict(entry) for entry in self._config.encoders]
        return {
            **facts,
            "encoders": encoders,
            "roots": self._config.roots,
            "columns": self._store.metadata,
        }

    def _similar(
        self, modality: Modality, max_pairs: int, threshold: float
    ) -> list[tuple[str, str, float]]:
        self._store.refresh()
        column, dim = self._encoders.alike(modality)
        return self._store.reading(
            lambda: similar_items(
                self._store, column, dim, modality, max_pairs=max_pairs, threshold=threshold
            )
        )

    def _terms(self) -> Analyzer:
        if self._analyzer is None:
            found = analyzer(self._config.analyzer)
            if found.fingerprint != self._config.terms:
                raise IndexFormatError(
                    f"{self.path} holds terms of analyser {self._config.terms}; this sememe's "
                    f"{self._config.analyzer!r} is {found.fingerprint}. Build the index again."
                )
            self._analyzer = found
        return self._analyzer
