"""One writer at a time.

The lock is the operating system's (through `filelock`): it belongs to the open file, so the kernel
releases it when the process that holds it dies. A note next to it, `write.lock.json`, names the
holder for people; one left by a dead writer does no harm.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from sememe._atomic import write_atomically
from sememe._errors import IndexLockedError


@contextmanager
def writer_lock(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the writer lock; readers need none.

    path: The lock file, for example `folder/write.lock`. Its folder must exist.

    Raises:
        IndexLockedError: If another process holds it, or this one through another call.
    """
    file = Path(path)
    note = file.with_name(file.name + ".json")
    lock = FileLock(file, is_singleton=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise IndexLockedError(_describe_holder(file, note)) from None
    try:
        _write_note(note)
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lock.release()


def _write_note(note: Path) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    with write_atomically(note) as file:
        file.write(json.dumps(holder).encode())


def _describe_holder(file: Path, note: Path) -> str:
    try:
        holder = json.loads(note.read_text(encoding="utf-8"))
        pid, host, since = int(holder["pid"]), str(holder["host"]), str(holder["since"])
    except (OSError, ValueError, KeyError, TypeError):
        who, stop = "another process", "that process"
    else:
        own = pid == os.getpid() and host == socket.gethostname()
        who = f"process {pid} on {host} since {since}" + (" (this very process)" if own else "")
        stop = "the other writer in this process" if own else f"process {pid}"
    return (
        f"{file.parent} is being written by {who}. One writer at a time may change an index, "
        f"any number may search it. Wait until it has finished, or stop {stop}, and try again."
    )
