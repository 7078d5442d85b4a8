"""Encode images once for several spaces that share a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sememe._types import Encoder, FloatArray
from sememe.encoders.base import as_encoder
from sememe.encoders.image.conse import ConseEncoder
from sememe.encoders.image.encoder import ImageEncoder


def encode_together(
    encoders: Sequence[Encoder], items: Sequence[Any]
) -> list[tuple[FloatArray, dict[int, str]]]:
    """Encode items with several encoders, running a network that two of them share only once.

    Returns, for each encoder, the (n, dim) vectors and {index: reason}; failed rows are NaN. ConSE
    shares its network with the encoder of its features.
    """
    networks = [one.images if isinstance(one, ConseEncoder) else one for one in encoders]
    spaces = [network.space for network in networks]
    runs: dict[str, tuple[FloatArray, FloatArray, dict[int, str]]] = {}
    encoded: list[tuple[FloatArray, dict[int, str]]] = []
    for encoder, network in zip(encoders, networks, strict=True):
        if spaces.count(network.space) > 1 and isinstance(network, ImageEncoder):
            if network.space not in runs:
                runs[network.space] = network.encode_and_classify(items)
            vectors, probabilities, failed = runs[network.space]
            if isinstance(encoder, ConseEncoder):
                vectors = encoder.combine(probabilities)
            encoded.append((vectors, failed))
        else:
            done = as_encoder(encoder).encode_with_receipt(items)
            encoded.append((done.vectors, done.receipt.failed))
    return encoded
