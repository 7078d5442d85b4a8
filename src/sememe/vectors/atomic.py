"""A file, or a folder, is there whole or not at all."""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from sememe._errors import InvalidInputError

_DAY = 86_400  # seconds after which nobody is still writing a folder


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` for bytes; it takes the name `path` when all is written.

    A name that ends in .gz is compressed.

    Raises:
        InvalidInputError: There is no such folder, or `path` is one.
    """
    if not path.parent.is_dir():
        raise InvalidInputError(f"{path.parent} is no folder; make it first, or write elsewhere.")
    if path.is_dir():
        raise InvalidInputError(f"{path} is a folder; give the name of a file.")
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with ExitStack() as stack:
            plain: Any = stack.enter_context(fresh.open("wb"))
            if path.suffix == ".gz":
                packed: Any = gzip.GzipFile("", "wb", 6, plain, mtime=0)
                with packed:
                    yield packed
            else:
                yield plain
            plain.flush()
            os.fsync(plain.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise


@contextmanager
def replaced(place: Path) -> Iterator[Path]:
    """Make a folder beside `place`; it takes the name `place` when all is written in it.

    What lay there before is moved aside first and deleted last, so that a kill leaves one of the
    two whole: under its own name, or, between two renamings, under those that `beside` finds.
    """
    fresh, old = (place.with_name(f".{place.name}.{word}-{os.getpid()}") for word in _WORDS)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if place.exists():
            place.rename(old)
        fresh.rename(place)
    except BaseException:
        if old.exists() and not place.exists():
            old.rename(place)
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    left = [path for path in beside(place) if time.time() - path.stat().st_mtime > _DAY]
    for path in (old, *left):
        shutil.rmtree(path, ignore_errors=True)


_WORDS = ("new", "old")


def beside(place: Path) -> list[Path]:
    """Return the folders that a broken-off `replaced` left beside `place`, new ones first."""
    names = (f".{glob.escape(place.name)}.{word}-[0-9]*" for word in _WORDS)
    return [path for name in names for path in sorted(place.parent.glob(name))]
