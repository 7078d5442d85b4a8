"""Saved folders: sememe.json, hashes of files, format versions, errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError, SememeError
from sememe._version import __version__

if TYPE_CHECKING:
    from hashlib import _Hash

ABOUT = "sememe.json"
FORMAT = 1
_NONSENSE = (TypeError, ValueError, KeyError, IndexError, AttributeError)


def hash_file(path: Path) -> _Hash:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def describe_file(path: Path) -> dict[str, Any]:
    """Return a file's size and sha256."""
    return {"bytes": path.stat().st_size, "sha256": hash_file(path).hexdigest()}


def fingerprint(files: Iterable[Path], *, parts: Iterable[bytes] = (), metadata: Any = None) -> str:
    """Return 32 hex digits over files, further bytes and JSON metadata, in that order.

    Equal fingerprints mean equal vectors: everything that affects a vector is included. Indexes
    store these strings, so what a family includes, and in which order, never changes.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        digest.update(hash_file(path).digest())
    for part in parts:
        digest.update(part)
    if metadata is not None:
        digest.update(json.dumps(metadata, sort_keys=True).encode())
    return digest.hexdigest()


def made_by() -> str:
    """Return "sememe" and its version."""
    return f"sememe {__version__}"


def read_json(path: Path, **missing: Any) -> Any:
    """Return the content of a JSON file, or `missing` if it is given and the file does not exist.

    Raises InvalidInputError if it is missing, CorruptFileError if it is unreadable or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if "missing" in missing:
            return missing["missing"]
        raise InvalidInputError(
            f"{path.parent} holds no {path.name}, so no network that sememe can read. Give a "
            "folder as transformers or sentence-transformers writes it"
        ) from None
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{path} cannot be read: {error}. Fetch it anew") from error


def refuse_other_kinds(folder: Path, kind: str) -> None:
    """Refuse a folder whose sememe.json is neither of vectors nor of the same kind of model."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # absent or unusable
    old = about.get("kind") if isinstance(about, dict) else None
    if old not in ("vectors", kind):
        raise InvalidInputError(
            f"{folder} holds {old or 'an index'!r}, which {kind} would overwrite. Name another "
            "folder, or delete that one first."
        )


def damage_error(
    path: Path | str, why: BaseException | str, *, cure: str = "Fetch it anew"
) -> CorruptFileError:
    """Return the error for a file or folder with invalid content.

    >>> print(damage_error("m/config.json", KeyError("hidden_size")))
    m/config.json is damaged: KeyError('hidden_size'). Fetch it anew
    """
    reason = why if isinstance(why, str) else repr(why)
    return CorruptFileError(f"{path} is damaged: {reason}. {cure}")


@contextmanager
def expect_valid(
    path: Path | str,
    *,
    cure: str = "Fetch it anew",
    errors: tuple[type[Exception], ...] = _NONSENSE,
) -> Iterator[None]:
    """Convert errors of reading invalid content to CorruptFileError; SememeErrors pass."""
    try:
        yield
    except SememeError:
        raise
    except errors as error:
        raise damage_error(path, error, cure=cure) from error


def check_format(about: Path, got: Any, known: int = FORMAT) -> None:
    """Raise CorruptFileError if a document has a format other than `known`."""
    if got != known:
        raise CorruptFileError(
            f"{about} is of format {got}; this sememe reads format {known}. Run: pip install "
            "--upgrade sememe"
        )
