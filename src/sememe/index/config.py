"""`sememe.json`: what an index is made of, beside its tables."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sememe._errors import IndexFormatError, IndexNotFoundError
from sememe._types import Encoder

FILE = "sememe.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class EncoderEntry:
    """One encoder of an index: how to load it, and the space its vectors are of."""

    name: str
    modality: str
    dim: int
    space: str

    @classmethod
    def of(cls, encoder: Encoder) -> EncoderEntry:
        """Note down an encoder."""
        return cls(encoder.name, encoder.modality, encoder.dim, encoder.space)

    @property
    def column(self) -> str:
        """The store's column for its vectors; encoders of one space share it."""
        return f"vector_{self.space[:8]}"


@dataclass(slots=True)
class Config:
    """What `sememe.json` holds.

    Attributes:
        encoders: In the order given when the index was created.
        analyzer: Name of the term analyser, and the fingerprint its terms were made with.
        roots: Folders or files kept in sync -> what their sources' names begin with.
        thumbnails: Longer side of the small pictures kept of images, in pixels; 0: none.
        transcriber: Name of what writes down what is said in sounds; "": nothing does.
        hearing: Its fingerprint.
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
        """Write the file: whole or not at all."""
        document = {"format": FORMAT, "kind": "index", **asdict(self)}
        fresh = folder / f".{FILE}.{os.getpid()}"
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / FILE)

    @classmethod
    def read(cls, folder: Path) -> Config:
        """Read the file of the index in `folder`.

        Raises:
            IndexNotFoundError: There is no index in that folder.
            IndexFormatError: The index is of a newer format, or its file is damaged.
        """
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
        return cls._from_document(document, path)

    @classmethod
    def _from_document(cls, document: dict[str, Any], path: Path) -> Config:
        version = document.get("format")
        if version != FORMAT:
            raise IndexFormatError(
                f"{path} is of format {version}; this sememe reads format {FORMAT}. "
                "Run: pip install --upgrade sememe"
            )
        try:
            return cls(
                encoders=[EncoderEntry(**entry) for entry in document["encoders"]],
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
