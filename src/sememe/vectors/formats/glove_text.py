"""GloVe's text format: a line for each key and no header (Pennington et al. 2014, EMNLP).

Written files open in gensim with `KeyedVectors.load_word2vec_format(path, no_header=True)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from sememe._atomic import write_atomically
from sememe.vectors.formats.file_errors import error_at_line, show_bytes
from sememe.vectors.formats.text_rows import check_writable, read_first_line, read_rows, write_rows
from sememe.vectors.record import VectorRecord


def read(file: IO[bytes], path: Path) -> VectorRecord:
    """Read vectors from an open file, from its first byte; the first line gives their dim."""
    line = read_first_line(file, path)
    dim = len(line.split()) - 1
    if dim < 1:
        problem = f"got {show_bytes(line.strip())}, a line is a key and its numbers"
        raise error_at_line(path, 1, problem, do="Give a file of vectors.")
    return VectorRecord(*read_rows(file, path, dim=dim, count=None, start=line))


def write(vectors: VectorRecord, path: Path) -> Path:
    """Write vectors; raises as `check_writable` does."""
    check_writable(vectors, "glove-text")
    with write_atomically(path) as file:
        write_rows(file, vectors)
    return path
