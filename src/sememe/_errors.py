"""Everything sememe raises on purpose.

    SememeError
    ├── InvalidInputError      (ValueError)         a value no call can use
    │   ├── UnknownNameError                        a name that is not on the list
    │   ├── UnknownKeyError    (KeyError)           a key that has no vector
    │   ├── TextTooLongError                        overflow="error" met a longer text
    │   ├── DuplicateIdError                        one id, two contents
    │   ├── FilterError                             a `where` that is not SQL over the metadata
    │   └── SpaceMismatchError                      vectors of another encoder
    ├── MissingExtraError      (ImportError)        an optional dependency is not installed
    ├── CorruptFileError       (OSError)            a file whose bytes are not what they should be
    ├── HubError               (OSError)            the model hub cannot be reached
    ├── IndexNotFoundError     (FileNotFoundError)  no index in that folder
    ├── IndexExistsError       (FileExistsError)    the folder of a new index is not empty
    ├── IndexFormatError       (OSError)            an index this version cannot read
    └── IndexLockedError       (BlockingIOError)    another process is writing

Each message gives the value got, the values allowed, and what to type.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence


class SememeError(Exception):
    """Root of every error that sememe raises on purpose."""


class InvalidInputError(SememeError, ValueError):
    """A value that no call can use."""


class UnknownNameError(InvalidInputError):
    """A name that is not among the known ones; the message lists them."""

    @classmethod
    def of(cls, what: str, got: object, allowed: Iterable[str]) -> UnknownNameError:
        """Build the message: the name got, the names allowed, and the closest one.

        >>> print(UnknownNameError.of("mode", "semantics", ["semantic", "keyword"]))
        mode='semantics' is not one of semantic, keyword. Did you mean 'semantic'?
        """
        names = list(allowed)
        close = difflib.get_close_matches(str(got), names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return cls(f"{what}={got!r} is not one of {', '.join(names)}.{hint}")


class UnknownKeyError(InvalidInputError, KeyError):
    """A key that has no vector; the message lists keys spelt like it."""

    _close: Callable[[], Iterable[str]] | None = None

    @classmethod
    def of(cls, key: object, close: Callable[[], Iterable[str]], among: int) -> UnknownKeyError:
        """Build the message: the key got, the keys closest to it, and how many there are.

        close: Returns those keys; called only when the message is formatted.

        >>> print(UnknownKeyError.of("quen", lambda: ["queen"], 3))
        key='quen' is not among the 3 keys. Did you mean 'queen'?
        """
        got = repr(key)
        got = got if len(got) <= 100 else f"{got[:100]}..."
        error = cls(f"key={got} is not among the {among:,} keys.")
        error._close = close
        return error

    def __str__(self) -> str:
        message = Exception.__str__(self)  # KeyError would show it in quotes
        if self._close is None:
            return message
        names = ", ".join(map(repr, self._close()))
        return f"{message} " + (f"Did you mean {names}?" if names else "Ask with `in` first.")

    def __reduce__(self) -> tuple[type[UnknownKeyError], tuple[str]]:
        return type(self), (str(self),)


class TextTooLongError(InvalidInputError):
    """A text longer than the encoder's window, met with overflow="error"."""


class DuplicateIdError(InvalidInputError):
    """An id that other content already has."""


class FilterError(InvalidInputError):
    """A `where` expression that cannot be run over the index's columns."""


class SpaceMismatchError(InvalidInputError):
    """Vectors of one space offered where another space is stored."""


class MissingExtraError(SememeError, ImportError):
    """An optional dependency that the call needs is not installed."""


class CorruptFileError(SememeError, OSError):
    """A file whose bytes are not what they should be."""


class HubError(SememeError, OSError):
    """The model hub could not be reached, or a download was broken off."""


class IndexNotFoundError(SememeError, FileNotFoundError):
    """There is no index in that folder."""


class IndexExistsError(SememeError, FileExistsError):
    """The folder of a new index is not empty."""


class IndexFormatError(SememeError, OSError):
    """An index that this version of sememe cannot read."""


class IndexLockedError(SememeError, BlockingIOError):
    """Another process is writing to the index."""


def list_first(names: Sequence[str], n: int = 3, separator: str = ", ") -> str:
    """Return the first n names, and how many more there are.

    >>> list_first(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return separator.join(names[:n]) + more
