"""word2vec's text format and fastText's .vec: a line "count dim", then a line for each key.

fastText ends each line with a space; otherwise the two are one. Written files open in gensim with
`KeyedVectors.load_word2vec_format(path)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from sememe._atomic import write_atomically
from sememe.vectors.formats.file_errors import error_at_line, show_bytes
from sememe.vectors.formats.text_rows import check_writable, read_first_line, read_rows, write_rows
from sememe.vectors.record import VectorRecord

MAX_DIM = 100_000


def read(file: IO[bytes], path: Path) -> VectorRecord:
    """Read vectors from an open file, from its first byte; errors name the line."""
    count, dim = read_header(file, path)
    return VectorRecord(*read_rows(file, path, dim=dim, count=count))


def write(vectors: VectorRecord, path: Path, *, vec: bool = False) -> Path:
    """Write vectors; with `vec`, each line ends with a space, as fastText's do."""
    check_writable(vectors, "fasttext-vec" if vec else "word2vec-text")
    with write_atomically(path) as file:
        file.write(f"{len(vectors)} {vectors.dim}\n".encode())
        write_rows(file, vectors, trailing=" " if vec else "")
    return path


def read_header(file: IO[bytes], path: Path) -> tuple[int, int]:
    """Read the first line: (number of vectors, dim)."""
    line = read_first_line(file, path)
    fields = line.split()
    if len(fields) == 2 and len(line) < 64 and all(field.isdigit() for field in fields):
        count, dim = int(fields[0]), int(fields[1])
        if count and 1 <= dim <= MAX_DIM and count * dim < 2**40:
            return count, dim
    problem = (
        f"got {show_bytes(line.strip())}, the header is two whole numbers: how many vectors, and "
        "of how many numbers each"
    )
    cure = "If the file has no header, read it with format='glove-text'."
    raise error_at_line(path, 1, problem, do=cure)
