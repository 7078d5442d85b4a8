"""Keep what C libraries print out of the terminal while a command runs.

libmpg123, which decodes MP3 in libsndfile, prints a line for each odd frame, 180 for one file that
was cut off, and cannot be silenced. The command line may redirect the streams of its process; a
library must not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2  # file descriptor


@contextmanager
def discard_native_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2, except what Python writes to `sys.stderr`."""
    ours = sys.stderr
    try:
        if ours.fileno() != _STDERR:
            raise OSError("sys.stderr is not the process's standard error")
        kept = os.dup(_STDERR)
    except (AttributeError, OSError, ValueError):  # none, closed, or captured
        yield
        return
    stream = os.fdopen(
        kept, "w", encoding=ours.encoding, errors=ours.errors, buffering=1, closefd=False
    )
    nowhere = os.open(os.devnull, os.O_WRONLY)
    ours.flush()
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
    sys.stderr = stream
    try:
        yield
    finally:
        sys.stderr = ours
        stream.flush()
        os.dup2(kept, _STDERR)
        os.close(kept)
