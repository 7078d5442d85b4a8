"""`sememe.json` of an index: its encoders, analyser and followed folders; and where it may go."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sememe._atomic import write_atomically
from sememe._errors import IndexExistsError, IndexFormatError, IndexNotFoundError
from sememe.models.weights.catalog import QUICK_MODEL
from sememe.search.store import CHUNKS, SOURCES, Store

FILE = "sememe.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class EncoderEntry:
    """One encoder of an index: how to load it, and the space of its vectors."""

    name: str
    modality: str
    dim: int
    space: str

    @property
    def column(self) -> str:
        """The store's column for its vectors; encoders of one space share it."""
        return f"vector_{self.space[:8]}"


@dataclass(slots=True)
class Config:
    """Contents of `sememe.json`.

    Attributes:
        encoders: In the order given when the index was created.
        analyzer: Name of the term analyser.
        terms: Fingerprint of the analyser that made the stored terms.
        roots: Folders or files kept in sync -> prefix of their sources.
        thumbnails: Longer side of the thumbnails of images, in pixels; 0: none.
        transcriber: Name of the recogniser that transcribes audio; "": none.
        hearing: Fingerprint of the recogniser.
    """

    encoders: list[EncoderEntry]
    analyzer: str
    terms: str
    roots: dict[str, str] = field(default_factory=dict)
    thumbnails: int = 0
    transcriber: str = ""
    hearing: str = ""

    @property
    def dims(self) -> dict[str, int]:
        """Vector column -> width."""
        return {entry.column: entry.dim for entry in self.encoders}

    def save(self, folder: Path) -> None:
        """Write the file atomically."""
        document = {"format": FORMAT, "kind": "index", **asdict(self)}
        with write_atomically(folder / FILE) as file:
            file.write(json.dumps(document, ensure_ascii=False, indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> Config:
        """Read the file of the index in `folder`; raises as `Index.open`."""
        path = folder / FILE
        make = f"To make one, run: sememe index PATH --into {folder}"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            what = "there is no such folder" if not folder.exists() else f"it holds no {FILE}"
            raise IndexNotFoundError(f"{folder} is not an index: {what}. {make}") from None
        except (OSError, ValueError) as error:
            raise IndexFormatError(f"{path} cannot be read: {error}. {make} elsewhere.") from error
        if not isinstance(document, dict) or document.get("kind") != "index":
            raise IndexNotFoundError(f"{folder} is not an index: {path} is of another kind. {make}")
        if (version := document.get("format")) != FORMAT:
            raise IndexFormatError(
                f"{path} is of format {version}; this sememe reads format {FORMAT}. "
                "Run: pip install --upgrade sememe"
            )
        try:
            return cls(
                encoders=[_read_entry(entry) for entry in document["encoders"]],
                analyzer=document["analyzer"],
                terms=document["terms"],
                roots=dict(document["roots"]),
                thumbnails=int(document.get("thumbnails", 0)),
                transcriber=str(document.get("transcriber", "")),
                hearing=str(document.get("hearing", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IndexFormatError(
                f"{path} is damaged ({error!r}). Build the index again into another folder."
            ) from error


def _read_entry(entry: dict[str, Any]) -> EncoderEntry:
    """Read an encoder's entry; ":conse" alone meant the default text encoder of its time."""
    name: str = entry["name"]
    if name.endswith(":conse"):
        entry = entry | {"name": f"{name}:{QUICK_MODEL}"}
    return EncoderEntry(**entry)


def prepare_folder(folder: Path) -> None:
    """Prepare a folder for a new index; IndexExistsError if it holds anything else.

    It may be missing, empty, or left by an interrupted creation.
    """
    if (folder / FILE).exists():
        raise IndexExistsError(f"{folder} is an index already. Use Index.open({str(folder)!r}).")
    if folder.exists() and not folder.is_dir():
        raise IndexExistsError(f"{folder} is a file. Give the path of a new folder.")
    locks = {"write.lock", "write.lock.json"}
    inside = {entry.name for entry in folder.iterdir()} - locks if folder.exists() else set()
    if others := inside - {CHUNKS, SOURCES}:
        some = ", ".join(sorted(others)[:3])
        raise IndexExistsError(f"{folder} holds other files ({some}). Give an empty folder.")
    if CHUNKS in inside and Store.open(folder).count():
        raise IndexExistsError(f"{folder} holds a table of rows but no {FILE}.")
    for name in inside:
        shutil.rmtree(folder / name)
