"""Run CLIP's text tower on CPU: token ids to unit vectors, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sememe.models.clip.graph import text_graph
from sememe.models.onnx.batches import Batches, padded
from sememe.models.onnx.builder import session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.clip.weights import TextWeights


class ClipTextEngine:
    """The text tower and its projection."""

    tokens_at_once = 65_536  # among which sequences of like length find together

    def __init__(self, weights: TextWeights, *, threads: int | None = None) -> None:
        self._weights = weights
        self._batches = Batches(max_tokens=weights.max_tokens, threads=threads)

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, dim) unit rows for n sequences of token ids, marks included.

        Raises:
            InvalidInputError: A sequence without tokens, or beyond the table of positions.
        """

        def run(lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> FloatArray:
            rows: FloatArray = self._session.run(None, {"ids": padded(ids, lengths, batch)})[0]
            return rows

        return self._batches.rows(ids, self._weights.projection.shape[1], run)

    def release(self) -> None:
        """Give back the memory that only makes the next call faster: the graph."""
        self.__dict__.pop("_session", None)

    @cached_property
    def _session(self) -> Any:
        return session(text_graph(self._weights))
