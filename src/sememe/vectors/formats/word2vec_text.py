"""word2vec's text format and fastText's .vec: a line "count dim", then a line for each key.

fastText ends each line with a space; otherwise the two are one. Written files open in gensim with
`KeyedVectors.load_word2vec_format(path)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

from sememe.vectors.atomic import written
from sememe.vectors.formats.file_errors import at_line, shown
from sememe.vectors.formats.text_rows import check_writable, first_line_of, read_rows, write_rows
from sememe.vectors.record import VectorRecord

MAX_DIM = 100_000


def read(file: IO[bytes], path: Path) -> VectorRecord:
    """Read vectors from a file that stands at its beginning.

    Raises:
        CorruptFileError: The file is not what its header says; names the line.
    """
    count, dim = header(file, path)
    return VectorRecord(*read_rows(file, path, dim=dim, count=count, first_line=2))


def write(vectors: VectorRecord, path: Path, *, vec: bool = False) -> Path:
    """Write vectors; `vec` with the space at the end of each line that fastText puts there.

    Raises:
        InvalidInputError: A key that the format cannot hold.
    """
    check_writable(vectors, "fasttext-vec" if vec else "word2vec-text")
    with written(path) as file:
        file.write(f"{len(vectors)} {vectors.dim}\n".encode())
        write_rows(file, vectors, trailing=" " if vec else "")
    return path


def header(file: IO[bytes], path: Path) -> tuple[int, int]:
    """Read the first line: how many vectors, and how wide."""
    line = first_line_of(file, path)
    fields = line.split()
    if len(fields) == 2 and len(line) < 64 and all(field.isdigit() for field in fields):
        count, dim = int(fields[0]), int(fields[1])
        if count and 1 <= dim <= MAX_DIM and count * dim < 2**40:
            return count, dim
    raise at_line(
        path,
        1,
        f"got {shown(line.strip())}, the header is two whole numbers: how many vectors, and of how "
        "many numbers each",
        do="If the file has no header, read it with format='glove-text'.",
    )
