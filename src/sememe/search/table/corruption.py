"""Errors of damaged tables, translated to `CorruptFileError`.

The engine reports a damaged file in many ways: by errors of its own, of pyarrow and of the system,
and by a panic of its Rust code, which is not even an `Exception`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sememe._errors import CorruptFileError, SememeError

_READING = (OSError, RuntimeError, ValueError, KeyError)
_READERS = ("sememe.search", "sememe.index.verify")  # modules that read tables


def comes_from_reading(error: BaseException) -> bool:
    """Return whether an error may come from reading a table: not from us, nor from an encoder.

    Errors of Python itself are attributed to the innermost module of sememe in their traceback.
    """
    if isinstance(error, SememeError):
        return False
    names = {base.__name__ for base in type(error).__mro__}
    if not names.isdisjoint({"PanicException", "ArrowException"}):
        return True
    return isinstance(error, _READING) and _find_module(error).startswith(_READERS)


def _find_module(error: BaseException) -> str:
    own, step = _READERS[0], error.__traceback__
    while step is not None:
        name = str(step.tb_frame.f_globals.get("__name__", ""))
        own, step = (name if name.startswith("sememe.") else own), step.tb_next
    return own


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Translate what reading a damaged table of `folder` raises to `CorruptFileError`."""
    try:
        yield
    except BaseException as error:
        if not comes_from_reading(error):
            raise
        reason = " ".join(str(error).partition(", /")[0].split()) or type(error).__name__
        raise CorruptFileError(
            f"{folder} cannot be read: {reason[:300].rstrip('.')}. Restore the folder from a copy, "
            "or build the index anew in another folder."
        ) from error
