"""Where a new index may go."""

from __future__ import annotations

import shutil
from pathlib import Path

from sememe._errors import IndexExistsError
from sememe.index.config import FILE
from sememe.search.store import Store


def make_room(folder: Path) -> None:
    """Accept a folder that is missing, empty, or left by a creation that was interrupted.

    Raises:
        IndexExistsError: It holds an index, or something else.
    """
    if (folder / FILE).exists():
        raise IndexExistsError(f"{folder} is an index already. Use Index.open({str(folder)!r}).")
    if folder.exists() and not folder.is_dir():
        raise IndexExistsError(f"{folder} is a file. Give the path of a new folder.")
    ours = {"chunks.lance", "sources.lance"}
    locks = {"write.lock", "write.lock.json"}
    inside = {entry.name for entry in folder.iterdir()} - locks if folder.exists() else set()
    if inside - ours:
        some = ", ".join(sorted(inside - ours)[:3])
        raise IndexExistsError(f"{folder} holds other files ({some}). Give an empty folder.")
    if inside:
        if (folder / "chunks.lance").exists() and Store.open(folder).count():
            raise IndexExistsError(f"{folder} holds a table of rows but no {FILE}.")
        for name in inside:
            shutil.rmtree(folder / name)
