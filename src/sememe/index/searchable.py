"""The reading half of an index: search by text, image and audio; what it holds; verification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sememe._errors import IndexFormatError
from sememe._types import Modality, PairScorer
from sememe.index.config import Config, EncoderEntry
from sememe.index.encoders import Encoders
from sememe.index.near_duplicates import ImagePair, SimilarPair, SoundPair, find_near_duplicates
from sememe.index.querying.hits import Hits, Mode
from sememe.index.querying.searcher import Query, Searcher
from sememe.index.verify import Verification, verify_store
from sememe.search.store import Store
from sememe.text.terms.analyze import Analyzer, analyzer

if TYPE_CHECKING:
    from sememe.encoders.audio.transcriber import Transcriber

T = TypeVar("T")
_RERANKED = 100  # hits that a cross-encoder reads


class Searchable:
    """The reading half of `sememe.Index`."""

    def __init__(self, path: Path, config: Config, store: Store, encoders: Encoders) -> None:
        """Use `create` or `open`."""
        self.path = path
        self._config = config
        self._store = store
        self._encoders = encoders
        self._analyzer: Analyzer | None = None
        self._transcriber: Transcriber | None = None

    def __len__(self) -> int:
        """Return the number of items."""
        return self._read(lambda: len(self._store.read_catalogue()))

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
        """The name of the recogniser that transcribes audio; "" for none."""
        return self._config.transcriber

    @property
    def thumbnails(self) -> int:
        """The longer side of the thumbnails it keeps of images, in pixels; 0: none."""
        return self._config.thumbnails

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        mode: Mode = "hybrid",
        where: str | None = None,
        modality: Modality | None = None,
        rerank: PairScorer | None = None,
        min_score: float | None = None,
    ) -> Hits:
        """Search by a text: texts, transcribed audio, images and audio of a shared space.

        Args:
            query: Text, in any language of the encoder.
            k: How many items at most.
            mode: "semantic" compares meaning, "keyword" counts words (BM25), "hybrid" does both;
                `hits.note` gives the reason when one is ignored.
            where: SQL over the columns id, source, modality, text and all metadata, for example
                "year >= 2020 AND source LIKE '%.md'". Of audio, start and end are in milliseconds.
            modality: "text", "image" or "audio" finds these alone. By default the best of all are
                found, and `hits.more` has the next of each modality that these push aside.
            rerank: A cross-encoder that reads the query with each of the first 100 hits, or k if
                that is more, and so decides their order and scores.
            min_score: The lowest score of a hit: a relevance from 0 to 1, of which 0.5 means as
                likely right as wrong. By default hits are given however low, and
                `hits.nothing_close` tells where even the best is likely no answer. After
                reranking, the lowest of the cross-encoder's scores.

        Raises:
            InvalidInputError: If `min_score` is NaN.
            UnknownNameError: If the mode or the modality is unknown.
            FilterError: If `where` is not SQL over the columns.
        """
        n = k if rerank is None else max(k, _RERANKED)
        hits = self._search(Query(query, k=n, mode=mode, where=where, wanted=modality))
        hits = hits if rerank is None else hits.rerank(query, rerank, k=k)
        return hits if min_score is None else hits.above(min_score)

    def search_image(
        self,
        picture: Any,
        *,
        k: int = 10,
        where: str | None = None,
        modality: Modality | None = None,
    ) -> Hits:
        """Find images like this one, and texts that describe it after them and in `hits.more`.

        Args:
            picture: A path, the bytes of a file, an array (height, width, 3) of uint8, or a Pillow
                image.
            k: How many items at most.
            where: As `search`.
            modality: As `search`: "text" finds texts alone.

        Raises:
            CorruptFileError: If the image cannot be read.
            InvalidInputError: If it cannot be an image, or the index has no encoder for images.
            FilterError: If `where` is not SQL over the columns.
            UnknownNameError: If the modality is unknown.
        """
        return self._search(Query(picture, "image", k, where=where, wanted=modality))

    def search_sound(
        self,
        sound: Any,
        *,
        k: int = 10,
        where: str | None = None,
        modality: Modality | None = None,
    ) -> Hits:
        """Find audio like this; a hit's start and end give the window in it, in seconds.

        Args:
            sound: A path, the bytes of a file, or (samples, sample rate).
            k: How many items at most.
            where: As `search`: "seconds < 60" finds short audio alone.
            modality: As `search`.

        Raises:
            CorruptFileError: If the audio cannot be read.
            InvalidInputError: If it cannot be audio, or the index has no encoder for audio.
            FilterError: If `where` is not SQL over the columns.
            UnknownNameError: If the modality is unknown.
        """
        return self._search(Query(sound, "audio", k, where=where, wanted=modality))

    def similar_images(
        self, *, max_pairs: int = 100, threshold: float | None = None
    ) -> list[ImagePair]:
        """List near-duplicate images, the most similar pair first, by their stored vectors.

        Args:
            max_pairs: The most pairs; m copies of an image make m(m-1)/2.
            threshold: The lowest score, by default 0.75: that of structure, for versions of one
                picture (another size, quality or brightness, a slight crop or turn). Of an index
                without the encoder "image-structure" the lowest cosine, by default 0.95.

        Each image is compared with each, in memory for all their vectors.

        Raises:
            InvalidInputError: If the index holds fewer than two images, or has no encoder for them.
        """
        return self._find_near_duplicates("image", max_pairs, threshold)

    def similar_sounds(
        self, *, max_pairs: int = 100, threshold: float | None = None
    ) -> list[SoundPair]:
        """List near-duplicate audio, compared as wholes; see `similar_images`.

        threshold: The lowest cosine, by default 0.95. Copies have 1, whatever their loudness;
        another compression about 0.99.

        Raises:
            InvalidInputError: If the index holds fewer than two audio items, or has no encoder for
                them.
        """
        return self._find_near_duplicates("audio", max_pairs, threshold)

    def verify(self) -> Verification:
        """Check every row, checksum, offset, vector width and vector length."""
        return self._read(lambda: verify_store(self._store, self._config.dims))

    def statistics(self) -> dict[str, Any]:
        """Return what the index holds, and the state of its tables on disk."""
        return {
            **self._read(lambda: asdict(self._store.statistics())),
            "encoders": [asdict(entry) for entry in self._config.encoders],
            "roots": self._config.roots,
            "columns": self._store.metadata,
        }

    def _search(self, query: Query) -> Hits:
        return self._read(
            lambda: Searcher(self._store, self._encoders, self._load_analyzer).search(query)
        )

    def _find_near_duplicates(
        self, modality: Modality, max_pairs: int, threshold: float | None
    ) -> list[SimilarPair]:
        encoder = self._encoders.find_similarity_column(modality)
        return self._read(
            lambda: find_near_duplicates(
                self._store, encoder, modality, max_pairs=max_pairs, threshold=threshold
            )
        )

    def _read(self, work: Callable[[], T]) -> T:
        """Run a read of the newest version."""
        self._store.refresh()
        return self._store.run_read(work)

    def _load_analyzer(self) -> Analyzer:
        if self._analyzer is None:
            own = analyzer(self._config.analyzer, terms=self._config.terms)
            if own.fingerprint != self._config.terms:
                raise IndexFormatError(
                    f"{self.path} holds terms of analyser {self._config.terms}; this sememe's "
                    f"{self._config.analyzer!r} is {own.fingerprint}. Build the index again."
                )
            self._analyzer = own
        return self._analyzer
