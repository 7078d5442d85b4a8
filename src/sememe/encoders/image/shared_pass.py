"""Encode images once for several spaces that share a network, and name what is seen in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sememe._types import Encoder, FloatArray
from sememe.encoders.base import as_encoder
from sememe.encoders.image.conse import ConseEncoder
from sememe.encoders.image.description import describe_images
from sememe.encoders.image.encoder import ImageEncoder


def encode_and_describe(
    encoders: Sequence[Encoder], items: Sequence[Any]
) -> tuple[list[tuple[FloatArray, dict[int, str]]], list[str]]:
    """Encode items with several encoders, running a network that two of them share only once.

    ConSE shares its network with the encoder of its features.

    Returns:
        For each encoder the (n, dim) vectors, NaN where one failed, and {index: reason}; and for
        each item what `describe_images` tells by the first network that has classes, "" without.
    """
    networks = [one.images if isinstance(one, ConseEncoder) else one for one in encoders]
    runs: dict[str, tuple[FloatArray, FloatArray, dict[int, str]]] = {}
    encoded: list[tuple[FloatArray, dict[int, str]]] = []
    seen = [""] * len(items)
    for encoder, network in zip(encoders, networks, strict=True):
        if isinstance(network, ImageEncoder) and network.labels:
            if network.space not in runs:
                runs[network.space] = network.encode_and_classify(items)
                if len(runs) == 1:
                    seen = describe_images(network.labels, runs[network.space][1])
            vectors, probabilities, failed = runs[network.space]
            if isinstance(encoder, ConseEncoder):
                vectors = encoder.combine(probabilities)
            encoded.append((vectors, failed))
        else:
            done = as_encoder(encoder).encode_with_receipt(items)
            encoded.append((done.vectors, done.receipt.failed))
    return encoded, seen
