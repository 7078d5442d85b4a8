"""One run at a time on a checkpoint: an advisory lock that ends with the process that holds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
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
    """Lock a folder, made if need be and deleted at the end if empty.

    Raises InvalidInputError if another run holds it, except on systems and disks without locks.
    """
    made = [path for path in folder.parents if not path.exists()]
    file = _open_locked(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / _LOCK).unlink()  # before the lock ends: whoever waits for it sees it go
        file.close()
        with suppress(OSError):  # something is in it
            for path in (folder, *made):
                path.rmdir()


def _open_locked(folder: Path) -> IO[str]:
    """Open and lock the file, again if another run has just deleted it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack, suppress(FileNotFoundError):
            file = stack.enter_context((folder / _LOCK).open("a+", encoding="ascii"))
            _lock(file, folder)
            if os.path.samestat(os.fstat(file.fileno()), (folder / _LOCK).stat()):
                file.truncate(0)
                file.write(f"{os.getpid()}")
                file.flush()
                stack.pop_all()
                return file


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
