"""Encode images once for several spaces that share a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sememe.encoders.image.encoder import ImageEncoder

if TYPE_CHECKING:
    from sememe._types import Encoder, FloatArray


def encode_together(
    encoders: Sequence[Encoder], items: Sequence[Any]
) -> list[tuple[FloatArray, dict[int, str]]]:
    """Return of each encoder what `encode_readable` does; a network that two need runs once.

    So it is with features and ConSE, which are of one network.
    """
    from sememe.encoders.image.conse import ConseEncoder

    networks = [e.images if isinstance(e, ConseEncoder) else e for e in encoders]
    spaces = [network.space for network in networks]
    runs: dict[str, tuple[FloatArray, FloatArray, dict[int, str]]] = {}
    found: list[tuple[FloatArray, dict[int, str]]] = []
    for encoder, network in zip(encoders, networks, strict=True):
        account = getattr(encoder, "encode_readable", None)
        if spaces.count(network.space) > 1 and isinstance(network, ImageEncoder):
            if network.space not in runs:
                runs[network.space] = network.both_readable(items)
            vectors, probabilities, reasons = runs[network.space]
            if isinstance(encoder, ConseEncoder):
                vectors = encoder.combined(probabilities)
            found.append((vectors, reasons))
        else:
            found.append(account(items) if account else (encoder.encode(items), {}))
    return found
