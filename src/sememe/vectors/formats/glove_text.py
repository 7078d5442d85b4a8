"""GloVe's text format: a line for each key and no header (Pennington et al. 2014, EMNLP).

Written files open in gensim with `KeyedVectors.load_word2vec_format(path, no_header=True)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from sememe.vectors.atomic import written
from sememe.vectors.formats.file_errors import at_line, shown
from sememe.vectors.formats.text_rows import (
    check_writable,
    first_line_of,
    put_back,
    read_rows,
    write_rows,
)
from sememe.vectors.record import VectorRecord


def read(file: IO[bytes], path: Path) -> VectorRecord:
    """Read vectors from a file that stands at its beginning; its first line says how wide they are.

    Raises:
        CorruptFileError: A line is not as the first; names it.
    """
    line = first_line_of(file, path)
    dim = len(line.split()) - 1
    if dim < 1:
        raise at_line(
            path, 1, f"got {shown(line.strip())}, a line is a key and its numbers",
            do="Give a file of vectors.",
        )  # fmt: skip
    rows = read_rows(put_back(line, file), path, dim=dim, count=None, first_line=1)
    return VectorRecord(*rows)


def write(vectors: VectorRecord, path: Path) -> Path:
    """Write vectors.

    Raises:
        InvalidInputError: A key that the format cannot hold.
    """
    check_writable(vectors, "glove-text")
    with written(path) as file:
        write_rows(file, vectors)
    return path
