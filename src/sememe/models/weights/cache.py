"""Cache of derived files, each of which can be recomputed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sememe._atomic import write_atomically


def cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/sememe`, else `~/.cache/sememe`; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sememe"


def keep(path: Path, data: bytes) -> None:
    """Write a file of the cache atomically, or nothing where room or permission is missing."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as file:
            file.write(data)
