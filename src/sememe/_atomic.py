"""Atomic writing of files and folders."""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from sememe._errors import InvalidInputError

_STALE_SECONDS = 86_400  # no writer takes longer than this over one folder
_ENDINGS = ("new", "old")


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Write the file `path` atomically.

    The bytes go to a temporary file in the same folder, renamed to `path` at the end of the block.
    They are compressed if the name ends in .gz.

    Raises:
        InvalidInputError: The parent folder does not exist, or `path` is a folder.
    """
    if not path.parent.is_dir():
        raise InvalidInputError(f"{path.parent} is no folder; make it first, or write elsewhere.")
    if path.is_dir():
        raise InvalidInputError(f"{path} is a folder; give the name of a file.")
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with fresh.open("wb") as plain:
            if path.suffix == ".gz":
                with cast(IO[bytes], gzip.GzipFile("", "wb", 6, plain, mtime=0)) as packed:
                    yield packed
            else:
                yield plain
            plain.flush()
            os.fsync(plain.fileno())
        fresh.replace(path)
    finally:
        with suppress(OSError):
            fresh.unlink()


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """Replace the folder `target`, or create it, atomically.

    The block writes into a temporary folder next to it, which is renamed to `target` at the end.
    The previous folder is renamed first and deleted last: a process killed in between leaves one
    of the two whole, under the name `target` or one of those that `find_leftovers` returns.
    """
    fresh, old = (target.with_name(f".{target.name}.{end}-{os.getpid()}") for end in _ENDINGS)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    now = time.time()
    stale = [path for path in find_leftovers(target) if now - path.stat().st_mtime > _STALE_SECONDS]
    for path in (old, *stale):
        shutil.rmtree(path, ignore_errors=True)


def find_leftovers(target: Path) -> list[Path]:
    """Return the folders left by an interrupted `replace_folder(target)`, new ones first."""
    names = (f".{glob.escape(target.name)}.{end}-[0-9]*" for end in _ENDINGS)
    return [path for name in names for path in sorted(target.parent.glob(name))]
