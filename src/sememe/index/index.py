"""The index: items in, and found again by meaning, by words, or by both."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import Encoder, Item
from sememe.index.config import Config, EncoderEntry
from sememe.index.encoders import Encoders, check_encoders, default_encoders, loaded_encoders
from sememe.index.facts import Facts
from sememe.index.items import ItemLike, as_items
from sememe.index.place import make_room
from sememe.index.report import Report
from sememe.index.roots import prefix_of
from sememe.index.searchable import Searchable
from sememe.index.sync import FolderSync
from sememe.index.writer import OnChange, Writer
from sememe.search.lock import writer_lock
from sememe.search.store import Store
from sememe.text.analyze import analyzer

if TYPE_CHECKING:
    from sememe.encoders.audio.transcriber import Transcriber

StrPath = str | PathLike[str]


class Index(Searchable):
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

    @classmethod
    def create(
        cls,
        path: StrPath,
        encoders: Sequence[Encoder | str] | None = None,
        *,
        terms: str = "default",
        thumbnails: int = 0,
        transcriber: str = "",
    ) -> Index:
        """Make an empty index in a folder that is empty or not there yet.

        Args:
            path: The folder.
            encoders: Encoders or their names, one vector column for each space. If None, the
                default text encoder; for images, where the extra `images` is installed,
                "efficientnet-lite0:conse", which text finds, and "efficientnet-lite0", by whose
                features a picture finds its like; and for sounds, where the extra `audio` is
                installed, "mel-statistics".
            terms: The analyser of keyword search: "default", or "kiwi" with the extra `korean`.
            thumbnails: Keep a small JPEG of each image, its longer side so many pixels, as a data
                URI in the metadata "thumbnail"; 0 keeps none.
            transcriber: A recogniser (see `sememe.Transcriber`) that writes down what is said in
                sounds, so that text finds them by it; "" for none.

        Raises:
            IndexExistsError: Something lies there already.
            UnknownNameError: A name that is not in the catalogue.
            InvalidInputError: No encoder for text, or two of spaces that no images or sounds share.
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
        if transcriber:
            if all(encoder.modality != "audio" for encoder in loaded):
                raise InvalidInputError(
                    f"transcriber={transcriber!r} hears sounds, and none of the encoders is for "
                    "sounds. Add mel-statistics to them."
                )
            hearing = _recogniser(transcriber)
            config.transcriber, config.hearing = hearing.name, hearing.fingerprint
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
        for encoder in self._encoders.loaded():
            encoder.release()
        release = getattr(self._terms(), "release", None)
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
            transcriber=self._hearing if self._config.transcriber else None,
        )

    def _hearing(self) -> Transcriber:
        """Return the recogniser, loaded when the first sound comes."""
        if self._transcriber is None:
            name = self._config.transcriber
            where = f"sememe index PATH --into {self.path} --transcriber PLACE"
            try:
                found = _recogniser(name)
            except UnknownNameError:
                raise UnknownNameError(
                    f"the index was made with the recogniser {name}, which is not there any more. "
                    f"Put it back, or say where it is now: {where}"
                ) from None
            self._check_hearing(found)
            self._transcriber = found
        return self._transcriber

    def use_transcriber(self, name: str) -> None:
        """Say where the index's recogniser is now, if it moved.

        Raises:
            InvalidInputError: It is another one.
            UnknownNameError, CorruptFileError, MissingExtraError: As `Transcriber.load`.
        """
        found = _recogniser(name)
        self._check_hearing(found)
        with self._writing():
            self._config.transcriber = found.name
            self._config.save(self.path)
        self._transcriber = found

    def _check_hearing(self, found: Transcriber) -> None:
        if found.fingerprint != self._config.hearing:
            raise InvalidInputError(
                f"{self.path} was made with {self._config.transcriber or 'no recogniser'}, and "
                f"{found.name} is another one now. Build another index: sememe index PATH --into "
                f"OTHER --transcriber {found.name}"
            )


def _recogniser(name: str) -> Transcriber:
    from sememe.encoders.audio.transcriber import Transcriber

    return Transcriber.load(name)
