"""Vector files of every kind: which format a path is of, and what reads and writes it."""

from __future__ import annotations

from pathlib import Path

from sememe.vectors.folder import read_vectors, write_vectors
from sememe.vectors.keyed import KeyedVectors, StrPath


def save(vectors: KeyedVectors, path: StrPath, *, format: str | None = None) -> Path:
    """Write vectors."""
    return write_vectors(path, vectors)


def load(path: StrPath, *, format: str | None = None) -> KeyedVectors:
    """Read vectors."""
    return read_vectors(path)
