"""The index: items in, and found again by meaning, by words, or by both."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

from sememe._errors import (
    IndexFormatError,
    InvalidInputError,
)
from sememe._types import Encoder, Item, PairScorer
from sememe.index.alike import ImagePair, similar_images
from sememe.index.config import Config, EncoderEntry
from sememe.index.encoders import Encoders, check_encoders, default_encoders, loaded_encoders
from sememe.index.facts import Facts
from sememe.index.hits import Hits, Mode
from sememe.index.items import ItemLike, as_items
from sememe.index.picture_search import PictureSearcher
from sememe.index.place import make_room
from sememe.index.report import Report
from sememe.index.roots import prefix_of
from sememe.index.searcher import Searcher
from sememe.index.sync import FolderSync
from sememe.index.verify import Verification, verify_store
from sememe.index.writer import OnChange, Writer
from sememe.search.lock import writer_lock
from sememe.search.store import Store
from sememe.text.analyze import Analyzer, analyzer

StrPath = str | PathLike[str]
_RERANKED = 100  # hits that a cross-encoder reads


class Index:
    """A collection on disk, searchable while it grows.

    One process writes at a time; any number read. What a call has reported as stored stays stored,
    whatever happens to the process after.

    >>> import tempfile
    >>> index = Index.create(tempfile.mkdtemp() + "/index")
    >>> index.add(["고양이가 잔다", "The stock market fell"]).added
    2
    >>> index.search("a sleeping cat", k=1)[0].text
    '고양이가 잔다'
    """

    def __init__(self, path: Path, config: Config, store: Store) -> None:
        """Use `create` or `open`."""
        self.path = path
        self._config = config
        self._store = store
        self._encoders = Encoders(config.encoders)
        self._analyzer: Analyzer | None = None

    @classmethod
    def create(
        cls,
        path: StrPath,
        encoders: Sequence[Encoder | str] | None = None,
        *,
        terms: str = "default",
        thumbnails: int = 0,
    ) -> Index:
        """Make an empty index in a folder that is empty or not there yet.

        Args:
            path: The folder.
            encoders: Encoders or their names, one vector column for each space. If None, the
                default text encoder, and for images, where the extra `images` is installed,
                "efficientnet-lite0:conse", which text finds, and "efficientnet-lite0", by whose
                features a picture finds its like.
            terms: The analyser of keyword search: "default", or "kiwi" with the extra `korean`.
            thumbnails: Keep a small JPEG of each image, its longer side so many pixels, as a data
                URI in the metadata "thumbnail"; 0 keeps none.

        Raises:
            IndexExistsError: Something lies there already.
            UnknownNameError: A name that is not in the catalogue.
            InvalidInputError: No encoder for text, or two of spaces that no images share.
        """
        folder = Path(path)
        loaded = loaded_encoders(encoders or default_encoders())
        check_encoders(loaded)
        if not 0 <= thumbnails <= 1024:
            raise InvalidInputError(f"thumbnails={thumbnails}; give 0 to 1024 pixels, such as 160.")
        config = Config(
            encoders=[EncoderEntry.of(encoder) for encoder in loaded],
            analyzer=terms,
            terms=analyzer(terms).fingerprint,
            thumbnails=thumbnails,
        )
        make_room(folder)
        store = Store.create(folder, config.dims)
        config.save(folder)  # last: without it, the folder is not an index
        index = cls(folder, config, store)
        index._encoders = Encoders(config.encoders, loaded)
        return index

    @classmethod
    def open(
        cls, path: StrPath, encoders: Sequence[Encoder] | None = None, *, preload: bool = False
    ) -> Index:
        """Open the index in a folder.

        Args:
            path: The folder.
            encoders: To use in place of those the index names; their spaces must be the same.
            preload: Begin to load the encoder for text at once, beside the tables; else the first
                search or change loads what it needs.

        Raises:
            IndexNotFoundError: There is no index in the folder.
            IndexFormatError: It is of a newer format, or damaged.
            SpaceMismatchError: An encoder of another space.
        """
        folder = Path(path)
        config = Config.read(folder)
        loaders = Encoders(config.encoders, encoders or ())
        with ThreadPoolExecutor(1) as background:
            loading = background.submit(loaders.storing, "text") if preload else None
            index = cls(folder, config, Store.open(folder))
            if loading is not None:
                loading.result()
        index._encoders = loaders
        return index

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
    def thumbnails(self) -> int:
        """The longer side of the small pictures it keeps of images, in pixels; 0: none."""
        return self._config.thumbnails

    # Writing

    def add(self, items: Iterable[ItemLike], *, show_progress: bool = False) -> Report:
        """Store new items; those that are there already, unchanged, cost nothing.

        items: texts, (id, text) pairs, mappings with "id" and "text" or "image", paths of images
        (`pathlib.Path`), or Items; any iterable, read once, in memory bounded by the batch.

        Raises:
            DuplicateIdError: An id is stored with other content; the items before it are stored.
            InvalidInputError: Something that is not an item, or whose metadata the index cannot
                hold; the items before it are stored.
            IndexLockedError: Another process is writing.
        """
        return self._put(items, "refuse", show_progress)

    def upsert(self, items: Iterable[ItemLike], *, show_progress: bool = False) -> Report:
        """Store items, each in place of the one with its id; like `add` otherwise."""
        return self._put(items, "replace", show_progress)

    def delete(self, ids: Iterable[str]) -> Report:
        """Remove items, in one commit; unknown ids are no error and are not counted."""
        wanted = [ids] if isinstance(ids, str) else [str(id_) for id_ in ids]
        report = Report()
        with self._writing() as started:
            before = len(self._store.known())
            self._store.delete(wanted)
            report.removed = before - len(self._store.known())
            self._store.compact()
            report.seconds = time.monotonic() - started
        return report

    def sync(
        self, *paths: StrPath, ignore: Sequence[str] = (), show_progress: bool = False
    ) -> Report:
        """Bring the index to the state of folders and files: store what is new, forget what left.

        Files of unchanged size and time are passed over; of a changed file only the items that
        changed are encoded. Items of other folders are left alone, and so are those given to `add`,
        unless they go by the source of a file that is followed.

        Args:
            paths: Folders or files. What one holds gets sources and ids that begin with its name.
            ignore: Patterns to leave out, in the language of `.gitignore`.
            show_progress: Draw a progress bar on standard error.

        Raises:
            InvalidInputError: There is nothing at a path.
            IndexLockedError: Another process is writing.
        """
        if not paths or not all(isinstance(path, str | PathLike) for path in paths):
            raise InvalidInputError(f"sync got {paths!r}. Give folders or files: sync('notes').")
        if isinstance(ignore, str):
            raise InvalidInputError(f"ignore={ignore!r} is one pattern. Write [{ignore!r}].")
        given = [Path(path).resolve() for path in paths]
        for root in given:
            if not root.exists():
                raise InvalidInputError(f"{root} does not exist. Give a folder or a file.")
        with self._writing() as started:
            roots = {root: self._prefix(root) for root in given}
            writer = self._writer("replace")
            FolderSync(self._store, writer, roots).run(ignore=ignore, show_progress=show_progress)
            self._tidy()
            writer.report.seconds = time.monotonic() - started
        return writer.report

    def forget(self, path: StrPath) -> Report:
        """Stop following a folder or file and remove what came from it; it may be gone itself.

        Raises:
            InvalidInputError: The index does not follow it; the message lists what it follows.
            IndexLockedError: Another process is writing.
        """
        with self._writing() as started:
            root = Path(path).resolve()
            if str(root) not in self._config.roots:
                followed = ", ".join(self._config.roots) or "nothing"
                raise InvalidInputError(f"{self.path} does not follow {root}, but {followed}.")
            writer = self._writer("replace")
            FolderSync(self._store, writer, {root: self._config.roots[str(root)]}).remove()
            del self._config.roots[str(root)]
            self._config.save(self.path)
            self._tidy()
            writer.report.seconds = time.monotonic() - started
        return writer.report

    # Reading

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        mode: Mode = "hybrid",
        where: str | None = None,
        rerank: PairScorer | None = None,
    ) -> Hits:
        """Find the items that answer a query: texts, and images in a space that text shares.

        Args:
            query: Text, in any language of the encoder.
            k: How many items at most.
            mode: "semantic" compares meaning, "keyword" counts words (BM25), "hybrid" does both
                and weighs them; `hits.note` says when one of the two had nothing to say.
            where: SQL over the columns id, source, modality, text and all metadata, for example
                "year >= 2020 AND source LIKE '%.md'".
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
        searcher = PictureSearcher(self._store, self._encoders)
        return self._store.reading(lambda: searcher.search(picture, k=k, where=where))

    def similar_images(self, *, max_pairs: int = 100, threshold: float = 0.95) -> list[ImagePair]:
        """List the images that look alike, near-duplicates first, by their stored vectors.

        Args:
            max_pairs: The most pairs; m copies of an image make m(m-1)/2.
            threshold: The lowest cosine. Copies have 1, another size or quality about 0.97.

        Each image is compared with each, in memory for all their vectors.

        Raises:
            InvalidInputError: The index holds fewer than two images, or has no encoder for them.
        """
        self._store.refresh()
        column, dim = self._encoders.look()
        return self._store.reading(
            lambda: similar_images(
                self._store, column, dim, max_pairs=max_pairs, threshold=threshold
            )
        )

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

    # Inside

    def _put(self, items: Iterable[ItemLike], on_change: OnChange, show_progress: bool) -> Report:
        from sememe._progress import progress

        things = as_items(items)
        with self._writing() as started, progress("items", total=None, show=show_progress) as tell:
            writer, facts = self._writer(on_change), Facts(self._store.metadata)
            try:
                for done, thing in enumerate(things, start=1):
                    if isinstance(thing, Item):
                        facts.check(thing)
                    writer.put(thing)
                    tell(done)
                writer.flush()
            except InvalidInputError:
                writer.flush()  # what came before is not lost
                self._tidy()
                raise
            self._tidy()
            writer.report.seconds = time.monotonic() - started
        return writer.report

    @contextmanager
    def _writing(self) -> Iterator[float]:
        """Hold the writer's lock and see the newest state; yields the time of the start."""
        started = time.monotonic()
        with writer_lock(self.path / "write.lock"):
            self._store.refresh()
            self._config = Config.read(self.path)
            yield started

    def _tidy(self) -> None:
        """End a change: merge and index the tables, in the memory that encoding no longer needs."""
        for part in (*self._encoders.loaded(), self._terms()):
            release = getattr(part, "release", None)
            if release is not None:
                release()
        self._store.compact()

    def _prefix(self, root: Path) -> str:
        """Return what the sources of a root begin with; a root that is new is followed from now."""
        prefix, roots = prefix_of(root, self._config.roots, self._store.sources)
        if roots != self._config.roots:
            self._config.roots = roots
            self._config.save(self.path)
        return prefix

    def _writer(self, on_change: OnChange) -> Writer:
        return Writer(
            self._store,
            self._encoders,
            self._terms(),
            on_change=on_change,
            thumbnails=self._config.thumbnails,
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
