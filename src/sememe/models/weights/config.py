"""Shared by the readers of config.json: defaults, and checks that a graph can compute it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.onnx.transformer import ACTIVATIONS


def fill_defaults(defaults: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the given entries, and defaults for those that are missing or null.

    >>> fill_defaults({"hidden_act": "gelu", "eps": 1e-5}, {"hidden_act": None, "eps": 1e-12})
    {'hidden_act': 'gelu', 'eps': 1e-12}
    """
    return {**defaults, **{name: x for name, x in (given or {}).items() if x is not None}}


def check_activation(got: Any, name: str, where: str) -> None:
    """Raise InvalidInputError if `got`, in the entry `name`, is none of ACTIVATIONS."""
    if got not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise InvalidInputError(f"{where} has {name}={got!r}; sememe computes {known}")


def check_heads(dim: int, heads: int, where: str, what: str = "heads") -> None:
    """Raise CorruptFileError if `dim` is not divisible by the number of heads."""
    if dim % heads:
        raise CorruptFileError(f"{where}: {heads} {what} do not divide the width {dim}")
