"""Where in a recording of an index a query is answered: the window of its best hit there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError
from sememe.sources.files import make_readable
from sememe.sources.formats import format_of

if TYPE_CHECKING:
    from sememe.index.index import Index
    from sememe.index.querying.hits import Hit


def matching_window(index: Index, recording: str | Path, query: str | Path) -> Hit:
    """Return the hit in one recording; its start and end say where, in seconds.

    recording: a file that the index follows. query: the path of a recording, which is sought by its
    sound, or a text, which is sought in what is said, or by an encoder of both.

    Raises:
        InvalidInputError: The index does not have the recording, or nothing in it answers.
        CorruptFileError: A recording as the query cannot be read.
    """
    source = source_of(index, Path(recording)).replace("'", "''")
    where = f"source = '{source}' AND modality = 'audio'"
    if _is_recording(query):
        found = index.search_sound(query, k=1, where=where)
    else:
        found = index.search(str(query), k=1, where=where)
    if not len(found):
        raise InvalidInputError(
            f"nothing in {recording} answers {str(query)!r} in {index.path}. Give another query, "
            "or the path of a recording as the query."
        )
    return found[0]


def source_of(index: Index, file: Path) -> str:
    """Return what an index calls a file.

    Raises:
        InvalidInputError: It lies in no folder that the index follows.
    """
    path = file.resolve()
    for root, prefix in index.statistics()["roots"].items():
        if path == Path(root):
            return str(prefix) + make_readable(path.name)
        if path.is_relative_to(root):
            parts = map(make_readable, path.relative_to(root).parts)
            return str(prefix) + "/".join(parts)
    raise InvalidInputError(
        f"{index.path} does not follow {file}. Type: sememe index {file} --into {index.path}"
    )


def _is_recording(query: str | Path) -> bool:
    try:
        return format_of(str(query))[0] == "audio" and Path(query).is_file()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: a text
        return False
