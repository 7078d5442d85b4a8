"""What the documents of saved folders say of files, and of who wrote them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError

ABOUT = "sememe.json"


def noted(path: Path) -> dict[str, Any]:
    """Return a file's size and sha256."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def made_by() -> str:
    """Return "sememe" and its version."""
    from sememe import __version__

    return f"sememe {__version__}"


def is_of_kind(folder: Path, kind: str) -> bool:
    """Say whether a folder's sememe.json says that it holds a thing of this kind."""
    try:
        document = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("kind") == kind


def refuse_other_kinds(place: Path, kind: str) -> None:
    """Refuse a folder whose sememe.json is not of vectors alone or of the same kind of model."""
    try:
        found = json.loads((place / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # nothing there, or nothing that could be used
    old = found.get("kind") if isinstance(found, dict) else None
    if old not in ("vectors", kind):
        raise InvalidInputError(
            f"{place} holds {old or 'an index'!r}, which {kind} would overwrite. Name another "
            "folder, or delete that one first."
        )


def check_format(about: Path, got: Any, known: int) -> None:
    """Refuse a document of another format than the one that is read.

    Raises:
        CorruptFileError: So it is; the message says how to read it.
    """
    if got != known:
        raise CorruptFileError(
            f"{about} is of format {got}; this sememe reads format {known}. Run: pip install "
            "--upgrade sememe"
        )
