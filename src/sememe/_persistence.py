"""What the documents of saved folders say of files, and of who wrote them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any


def noted(path: Path) -> dict[str, Any]:
    """Return a file's size and sha256."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def made_by() -> str:
    """Return "sememe" and its version."""
    from sememe import __version__

    return f"sememe {__version__}"
