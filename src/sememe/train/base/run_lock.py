"""One run at a time on a checkpoint: an advisory lock that ends with the process that holds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sememe._errors import InvalidInputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LOCK = ".lock"


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep a folder for this run; it is made if need be, and deleted after if nothing is in it.

    Where the system or the disk knows no such locks, two runs are not told apart.

    Raises:
        InvalidInputError: Another run holds it.
    """
    made = [path for path in folder.parents if not path.exists()]
    file = _locked(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / _LOCK).unlink()  # before the lock ends: whoever waits for it sees it go
        file.close()
        with suppress(OSError):  # something is in it
            for path in (folder, *made):
                path.rmdir()


def _locked(folder: Path) -> IO[str]:
    """Open and lock the file, again if another run has just deleted it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("a+", encoding="ascii")
        try:
            _lock(file, folder)
            if os.path.samestat(os.fstat(file.fileno()), (folder / _LOCK).stat()):
                file.truncate(0)
                file.write(f"{os.getpid()}")
                file.flush()
                return file
            file.close()
        except FileNotFoundError:
            file.close()
        except BaseException:
            file.close()
            raise


def _lock(file: IO[str], folder: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise InvalidInputError(
            f"checkpoint {str(folder)!r}: another run, of process {file.read() or '?'}, keeps its "
            "state there. Wait until it ends, or give this run another checkpoint (on the command "
            "line: another -o)."
        ) from None
    except OSError:  # a disk without locks
        return
