"""The index: stores items and finds them by meaning, by words, or by both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._progress import progress
from sememe._types import Encoder, Item, Skipped
from sememe.index.config import Config, EncoderEntry, prepare_folder
from sememe.index.encoders import Encoders, check_encoders, list_default_encoders, load_all
from sememe.index.followed_folders import assign_prefix
from sememe.index.report import Report
from sememe.index.searchable import Searchable
from sememe.index.writing.items import ItemLike, parse_items
from sememe.index.writing.metadata import MetadataSchema
from sememe.index.writing.plan import OnChange
from sememe.index.writing.sync import FolderSync
from sememe.index.writing.writer import Writer
from sememe.search.lock import writer_lock
from sememe.search.store import Store
from sememe.text.terms.analyze import analyzer

if TYPE_CHECKING:
    from sememe.encoders.audio.transcriber import Transcriber

StrPath = str | PathLike[str]


class Index(Searchable):
    """A collection on disk, searchable while it grows.

    One process writes at a time; any number read. What a call has reported as stored stays stored,
    whatever happens to the process afterwards.

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
        """Create an empty index in a folder that is empty or missing.

        Args:
            path: The folder.
            encoders: Encoders or their names, one vector column for each space. By default the text
                encoder; for images, where the extra `images` is installed,
                "efficientnet-lite0:conse", whose images text finds, "efficientnet-lite0", by whose
                features an image finds similar ones, and "image-structure", by which
                `similar_images` finds versions of one; and for audio, where the extra `audio` is
                installed, "everyday-sounds:conse", by which text finds everyday sounds, and
                "mel-statistics", by which a sound finds its like.
            terms: The analyser of keyword search: "default", or "kiwi" with the extra `korean`.
            thumbnails: Keep a small JPEG of each image, its longer side so many pixels, as a data
                URI in the metadata "thumbnail"; 0 keeps none.
            transcriber: A recogniser (see `sememe.Transcriber`) that transcribes audio, so that
                text finds what is spoken in it; "" for none.

        Raises:
            IndexExistsError: If the folder holds anything already.
            UnknownNameError: If a name is not in the catalogue.
            InvalidInputError: If there is no encoder for text, or two of spaces that no images or
                audio share.
        """
        folder = Path(path)
        loaded = load_all(encoders or list_default_encoders())
        check_encoders(loaded)
        if not 0 <= thumbnails <= 1024:
            raise InvalidInputError(f"thumbnails={thumbnails}; give 0 to 1024 pixels, such as 160.")
        entries = [EncoderEntry(e.name, e.modality, e.dim, e.space) for e in loaded]
        config = Config(entries, terms, analyzer(terms).fingerprint, thumbnails=thumbnails)
        if transcriber:
            if all(encoder.modality != "audio" for encoder in loaded):
                raise InvalidInputError(
                    f"transcriber={transcriber!r} needs audio, and none of the encoders is for "
                    "audio. Add mel-statistics to them."
                )
            recogniser = _load_transcriber(transcriber)
            config.transcriber, config.hearing = recogniser.name, recogniser.fingerprint
        prepare_folder(folder)
        store = Store.create(folder, config.dims)
        config.save(folder)  # last: without it, the folder is not an index
        return cls(folder, config, store, Encoders(config.encoders, loaded))

    @classmethod
    def open(
        cls, path: StrPath, encoders: Sequence[Encoder] | None = None, *, preload: bool = False
    ) -> Index:
        """Open the index in a folder.

        Args:
            path: The folder.
            encoders: To use in place of those the index names; their spaces must be the same.
            preload: Load the encoder for text while the tables are opened; by default the first
                search or change loads what it needs.

        Raises:
            IndexNotFoundError: If there is no index in the folder.
            IndexFormatError: If it is of a newer format, or damaged.
            SpaceMismatchError: If an encoder is of another space.
        """
        folder = Path(path)
        config = Config.read(folder)
        loaders = Encoders(config.encoders, encoders or ())
        with ThreadPoolExecutor(1) as background:
            loading = background.submit(loaders.load_for_documents, "text") if preload else None
            index = cls(folder, config, Store.open(folder), loaders)
            if loading is not None:
                loading.result()
        return index

    def add(self, items: Iterable[ItemLike], *, show_progress: bool = False) -> Report:
        """Store new items; those that are stored already, unchanged, cost nothing.

        items: texts, (id, text) pairs, mappings with "id" and "text", "image" or "audio", paths of
        images and audio (`pathlib.Path`), or Items; any iterable, read once, in memory bounded by
        the batch.

        Raises:
            DuplicateIdError: If an id is stored with other content; the items before it are stored.
            InvalidInputError: If something is not an item, or its metadata does not fit the index;
                the items before it are stored.
            IndexLockedError: If another process is writing.
        """
        return self._put(items, "refuse", show_progress)

    def upsert(self, items: Iterable[ItemLike], *, show_progress: bool = False) -> Report:
        """Store items, each in place of the one with its id; like `add` otherwise."""
        return self._put(items, "replace", show_progress)

    def delete(self, ids: Iterable[str]) -> Report:
        """Remove items, in one commit; unknown ids are no error and are not counted."""
        wanted = [ids] if isinstance(ids, str) else [str(id_) for id_ in ids]
        with self._write() as report:
            before = len(self._store.read_catalogue())
            self._store.delete(wanted)
            report.removed = before - len(self._store.read_catalogue())
            self._store.compact()
        return report

    def sync(
        self, *paths: StrPath, ignore: Sequence[str] = (), show_progress: bool = False
    ) -> Report:
        """Bring the index to the state of folders and files: store new items, remove missing ones.

        Files of unchanged size and time are skipped; of a changed file only the items that
        changed are encoded. Items of other folders are left alone, and so are those given to `add`,
        unless they have the source of a file that is followed.

        Args:
            paths: Folders or files. What one holds gets sources and ids that begin with its name.
            ignore: Patterns to leave out, as in `.gitignore`.
            show_progress: Draw a progress bar on standard error.

        Raises:
            InvalidInputError: If there is nothing at a path.
            IndexLockedError: If another process is writing.
        """
        if not paths or not all(isinstance(path, str | PathLike) for path in paths):
            raise InvalidInputError(f"sync got {paths!r}. Give folders or files: sync('notes').")
        if isinstance(ignore, str):
            raise InvalidInputError(f"ignore={ignore!r} is one pattern. Write [{ignore!r}].")
        given = [Path(path).resolve() for path in paths]
        for root in given:
            if not root.exists():
                raise InvalidInputError(f"{root} does not exist. Give a folder or a file.")
        with self._write() as report:
            sync = FolderSync(self._store, {root: self._follow(root) for root in given})
            writer = self._make_writer(report)
            sync.run(writer, ignore=ignore, show_progress=show_progress)
            self._tidy()
        return report

    def forget(self, path: StrPath) -> Report:
        """Stop following a folder or file and remove what came from it; it may be gone itself.

        Raises:
            InvalidInputError: If the index does not follow it; the message lists what it follows.
            IndexLockedError: If another process is writing.
        """
        root = Path(path).resolve()
        with self._write() as report:
            if str(root) not in self._config.roots:
                followed = ", ".join(self._config.roots) or "nothing"
                raise InvalidInputError(f"{self.path} does not follow {root}, but {followed}.")
            sync = FolderSync(self._store, {root: self._config.roots[str(root)]})
            report.removed = sync.remove_missing()
            del self._config.roots[str(root)]
            self._config.save(self.path)
            self._tidy()
        return report

    def use_transcriber(self, name: str) -> None:
        """Set the new path of the index's recogniser.

        Raises:
            InvalidInputError: If it is another recogniser.
            UnknownNameError, CorruptFileError, MissingExtraError: As `Transcriber.load`.
        """
        recogniser = _load_transcriber(name)
        self._check_transcriber(recogniser)
        with self._write():
            self._config.transcriber = recogniser.name
            self._config.save(self.path)
        self._transcriber = recogniser

    def _put(self, items: Iterable[ItemLike], on_change: OnChange, show_progress: bool) -> Report:
        with self._write() as report, progress("items", total=None, show=show_progress) as step:
            things = self._check_metadata(parse_items(items), step)
            try:
                self._make_writer(report).write(things, on_change=on_change)
            except InvalidInputError:
                self._tidy()  # what came before it is stored
                raise
            self._tidy()
        return report

    def _check_metadata(
        self, things: Iterable[Item | Skipped], advance: Callable[[int], None]
    ) -> Iterator[Item | Skipped]:
        """Pass items on, refusing metadata that the index cannot hold."""
        schema = MetadataSchema(self._store.metadata)
        for done, thing in enumerate(things, start=1):
            if isinstance(thing, Item):
                schema.check(thing)
            yield thing
            advance(done)

    @contextmanager
    def _write(self) -> Iterator[Report]:
        """Hold the writer lock and see the newest state; yield the report, timed at the end."""
        started, report = time.monotonic(), Report()
        with writer_lock(self.path / "write.lock"):
            self._store.refresh()
            self._config = Config.read(self.path)
            yield report
            report.seconds = time.monotonic() - started

    def _tidy(self) -> None:
        """End a change: release memory that encoding took, then merge and index the tables."""
        self._encoders.release()
        self._load_analyzer().release()
        self._store.compact()

    def _follow(self, root: Path) -> str:
        """Return the prefix of a root's sources; a root that is new is followed from now on."""
        prefix, roots = assign_prefix(root, self._config.roots, self._store.sources)
        if roots != self._config.roots:
            self._config.roots = roots
            self._config.save(self.path)
        return prefix

    def _make_writer(self, report: Report) -> Writer:
        return Writer(
            self._store,
            self._encoders,
            self._load_analyzer(),
            report,
            thumbnails=self._config.thumbnails,
            load_transcriber=self._open_transcriber if self._config.transcriber else None,
        )

    def _open_transcriber(self) -> Transcriber:
        """Return the index's recogniser, loaded on first use."""
        if self._transcriber is None:
            name = self._config.transcriber
            try:
                recogniser = _load_transcriber(name)
            except UnknownNameError:
                raise UnknownNameError(
                    f"the index was made with the recogniser {name}, which is not there any more. "
                    "Put it back, or give its new folder: sememe index PATH --into "
                    f"{self.path} --transcriber FOLDER"
                ) from None
            self._check_transcriber(recogniser)
            self._transcriber = recogniser
        return self._transcriber

    def _check_transcriber(self, recogniser: Transcriber) -> None:
        if recogniser.fingerprint != self._config.hearing:
            raise InvalidInputError(
                f"{self.path} was made with {self._config.transcriber or 'no recogniser'}, and "
                f"{recogniser.name} is another one now. Build another index: sememe index PATH "
                f"--into OTHER --transcriber {recogniser.name}"
            )


def _load_transcriber(name: str) -> Transcriber:
    from sememe.encoders.audio.transcriber import Transcriber

    return Transcriber.load(name)
