"""Shared by the runners: checks of encoders, and unit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._types import Encoder, FloatArray, Modality
from sememe.encoders.base import BaseEncoder, as_encoder
from sememe.vectors.nearest import unit

_ALLOWED = {"text": "a text encoder", "image": "an image encoder", "audio": "an audio encoder"}
Role = Literal["text", "query", "document"]


def check_encoder_of(encoder: object, task: str, modality: Modality) -> BaseEncoder:
    """Return the encoder, or raise InvalidInputError if it is not one of a modality."""
    allowed = _ALLOWED[modality]
    if not isinstance(encoder, Encoder):
        raise InvalidInputError(
            f"task {task!r} got {type(encoder).__name__}, which has no encode, name, dim, modality "
            f"and space; allowed: {allowed}. Give one, such as sememe.load(NAME)."
        )
    if encoder.modality != modality:
        raise InvalidInputError(
            f"task {task!r} got {encoder.name}, which encodes {encoder.modality}; allowed: "
            f"{modality}. Give {allowed}."
        )
    return as_encoder(encoder)


def encode_unit(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    role: Role = "text",
    batch_size: int | None = None,
    show_progress: bool = False,
) -> FloatArray:
    """Return (n, dim) float32 unit rows of the texts; zero rows stay zero.

    role: Whether the encoder's method for queries, for documents or for any text is used.
    """
    if not texts:
        return np.empty((0, encoder.dim), dtype=np.float32)
    known = as_encoder(encoder)
    by_role = {"query": known.encode_query, "document": known.encode_document}
    encode = by_role.get(role, known.encode)
    given = encode(texts, batch_size=batch_size, show_progress=show_progress)
    vectors = np.asarray(given, dtype=np.float32)
    if vectors.shape != (len(texts), encoder.dim):
        raise InvalidInputError(
            f"{encoder.name} gave vectors of shape {vectors.shape} for {len(texts)} texts; "
            f"allowed: ({len(texts)}, {encoder.dim}). Correct the encoder."
        )
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        text = texts[int(np.argmin(finite))]
        raise InvalidInputError(
            f"{encoder.name} gave NaN or infinite values for {text[:60]!r}; allowed: "
            "finite vectors. Correct the encoder."
        )
    return unit(vectors)


def encode_once(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    batch_size: int | None = None,
    show_progress: bool = False,
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Encode each distinct text once.

    Returns (m, dim) unit rows, in order of first appearance, and (n,) rows: text i has vector row
    rows[i], or -1 if it is blank. So equal texts have exactly equal similarities.
    """
    row_of: dict[str, int] = {}
    rows = np.full(len(texts), -1, dtype=np.intp)
    for i, text in enumerate(texts):
        if text.strip():
            rows[i] = row_of.setdefault(text, len(row_of))
    vectors = encode_unit(encoder, list(row_of), batch_size=batch_size, show_progress=show_progress)
    return vectors, rows


def is_known(vectors: FloatArray, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return (n,): whether text i is not blank and has a non-zero vector."""
    known: NDArray[np.bool_] = np.zeros(len(rows), dtype=bool)
    known[rows >= 0] = vectors[rows[rows >= 0]].any(axis=1)
    return known
