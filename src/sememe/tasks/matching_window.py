"""Find where in an audio file of an index a query is answered: the window of its best hit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError
from sememe.sources.files import make_readable
from sememe.sources.formats import format_of

if TYPE_CHECKING:
    from sememe.index.index import Index
    from sememe.index.querying.hits import Hit


def find_matching_window(index: Index, file: str | Path, query: str | Path) -> Hit:
    """Return the best hit in one audio file, with its start and end in seconds.

    file: one that the index follows. query: the path of audio, which is compared by its vectors, or
    a text, which is searched for in the words spoken, or by an encoder of both.

    Raises:
        InvalidInputError: If the index does not hold the file, or nothing in it answers.
        CorruptFileError: If audio as the query cannot be read.
    """
    source = find_source(index, Path(file)).replace("'", "''")
    where = f"source = '{source}' AND modality = 'audio'"
    search = index.search_sound if _is_audio_file(query) else index.search
    hits = search(str(query), k=1, where=where)
    if not len(hits):
        raise InvalidInputError(
            f"nothing in {file} answers {str(query)!r} in {index.path}. Give another query, "
            "or the path of an audio file as the query."
        )
    return hits[0]


def find_source(index: Index, file: Path) -> str:
    """Return the source of a file in an index.

    Raises:
        InvalidInputError: If it is in no folder that the index follows.
    """
    path = file.resolve()
    for root, prefix in index.statistics()["roots"].items():
        if path.is_relative_to(root):
            parts = path.relative_to(root).parts or (path.name,)
            return str(prefix) + "/".join(map(make_readable, parts))
    raise InvalidInputError(
        f"{index.path} does not follow {file}. Type: sememe index {file} --into {index.path}"
    )


def _is_audio_file(query: str | Path) -> bool:
    try:
        return format_of(str(query))[0] == "audio" and Path(query).is_file()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: a text
        return False
