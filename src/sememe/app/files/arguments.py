"""Arguments of a command: files, folders of files, or texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._nouns import noun
from sememe._types import Item, Skipped
from sememe.app import terminal
from sememe.text.normalize import well_formed

if TYPE_CHECKING:
    from sememe._types import Modality

_MEDIA = {"image": "an image", "audio": "an audio file"}


def is_path(argument: str) -> bool:
    """Return whether an argument names an existing file or folder; others are texts."""
    try:
        return argument != "" and Path(argument).exists()  # Path("") is the working folder
    except (OSError, ValueError):  # too long for a name, or a NUL in it: a text
        return False


def detect_modality(argument: str) -> str:
    """Return "image" or "audio" for a file of that kind, else "text".

    Raises:
        InvalidInputError: If the argument looks like the name of such a file and is none.
    """
    from sememe.sources.formats import format_of

    kind = format_of(argument)[0]
    if kind not in _MEDIA:
        return "text"
    if is_path(argument):
        return kind
    if any(map(str.isspace, argument)):
        return "text"
    raise InvalidInputError(f"{argument}: no such file. Give {_MEDIA[kind]}, or a text.")


def read_items(arguments: list[str]) -> Iterator[Item]:
    """Read arguments that are files or folders; others are texts. Print what is skipped."""
    from sememe.sources import find_files, read_file

    for argument in arguments:
        if not is_path(argument):
            detect_modality(argument)  # refuses a misspelt name of an image or audio file
            text = well_formed(argument)
            yield Item(text, text)
            continue
        for file in find_files(Path(argument)):
            for item in [file] if isinstance(file, Skipped) else read_file(file):
                if isinstance(item, Skipped):
                    terminal.print_skipped([(item.source or argument, item.reason)])
                else:
                    yield item


def list_files(arguments: list[str], modality: Modality) -> tuple[list[str], dict[str, str]]:
    """Return the paths of images or audio, in folders too, and {path: why it is skipped}."""
    from sememe.sources import find_files
    from sememe.sources.formats import format_of

    paths: list[str] = []
    skipped: dict[str, str] = {}
    for argument in arguments:
        root = Path(argument)
        if not root.exists():
            raise InvalidInputError(f"{argument}: no such file or folder. Give {noun(modality)}s.")
        for file in find_files(root):
            if isinstance(file, Skipped):
                skipped[file.source] = file.reason
            elif format_of(file.path.name)[0] == modality or not root.is_dir():
                paths.append(str(file.path))
    return paths, skipped


def check_output_file(path: Path, endings: tuple[str, ...]) -> None:
    """Refuse, before any work, a file of another ending, or in a folder that does not exist."""
    if not path.name.endswith(endings):
        raise UnknownNameError.of("the output's ending", path.suffix, endings)
    if not path.parent.is_dir():
        raise InvalidInputError(f"{path.parent} is no folder; make it first, or write elsewhere.")
