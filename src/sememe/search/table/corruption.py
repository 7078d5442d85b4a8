"""What reading a damaged table raises, in one's own words.

The engine says in many ways that a file is not what it should be: as errors of its own, of pyarrow
and of the system, and as a panic of its Rust code, which is not even an `Exception`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sememe._errors import CorruptFileError, SememeError

_READING = (OSError, RuntimeError, ValueError, KeyError)
_READERS = ("sememe.search", "sememe.index.verify")  # modules that read tables


def comes_from_reading(error: BaseException) -> bool:
    """Say whether a table that was read may have raised it: neither we on purpose nor an encoder.

    What was raised in between is told by the innermost of our own modules that it passed through.
    """
    if isinstance(error, SememeError):
        return False
    kind = type(error)
    engine = kind.__name__ == "PanicException" or any(
        base.__name__ == "ArrowException" for base in kind.__mro__
    )
    return engine or (isinstance(error, _READING) and _module(error).startswith(_READERS))


def _module(error: BaseException) -> str:
    own, step = _READERS[0], error.__traceback__
    while step is not None:
        name = str(step.tb_frame.f_globals.get("__name__", ""))
        own, step = (name if name.startswith("sememe.") else own), step.tb_next
    return own


def damaged(folder: Path, error: BaseException) -> CorruptFileError:
    """Put an error into words: what cannot be read, and what to do."""
    reason = " ".join(str(error).partition(", /")[0].split()) or type(error).__name__
    return CorruptFileError(
        f"{folder} cannot be read: {reason[:300].rstrip('.')}. Restore the folder from a copy, or "
        "build the index anew in another folder."
    )


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn what reading a damaged table of `folder` raises into `CorruptFileError`."""
    try:
        yield
    except BaseException as error:
        if not comes_from_reading(error):
            raise
        raise damaged(folder, error) from error
