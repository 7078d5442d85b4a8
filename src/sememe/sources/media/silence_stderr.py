"""Keep what the decoder of MP3 prints from people's terminals.

libmpg123 writes a line to the process's standard error for each odd frame, hundreds of them for a
file that was cut off, and takes no order not to. What matters to people is raised as an error.
While it decodes, a few milliseconds at a time, standard error leads nowhere.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ERRORS = 2  # file descriptor


class _Elsewhere:
    """Standard error, led elsewhere by whoever comes first and back by whoever goes last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._kept = -1

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                try:
                    self._kept = os.dup(_ERRORS)
                except OSError:  # there is none
                    self._kept = -1
                    return
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, _ERRORS)
                os.close(nowhere)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._kept >= 0:
                os.dup2(self._kept, _ERRORS)
                os.close(self._kept)
                self._kept = -1


_ELSEWHERE = _Elsewhere()


@contextmanager
def quiet_decoder(is_mp3: bool) -> Iterator[None]:
    """Lead standard error nowhere while a file of MP3 is decoded; of others do nothing."""
    if not is_mp3:
        yield
        return
    with _ELSEWHERE:
        yield
