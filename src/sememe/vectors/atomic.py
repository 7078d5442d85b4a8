"""A file is there whole, or not at all."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from sememe._errors import InvalidInputError


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
