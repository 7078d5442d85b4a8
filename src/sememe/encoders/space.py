"""Fingerprints of vector spaces: equal if and only if vectors may be compared."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sememe.models.weights.catalog import ModelInfo


def fingerprint_space(**facts: Any) -> str:
    """Return 16 hex digits of everything that shapes a vector, in the types of JSON.

    >>> fingerprint_space(v=1, files="ab", normalize=True)
    '381ea5d57aa6f572'
    """
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def fingerprint_model(info: ModelInfo, **facts: Any) -> str:
    """Return the fingerprint of a model of the catalogue: its name, its files and other facts."""
    files = {role: file.sha256 for role, file in sorted(info.files.items())}
    return fingerprint_space(v=1, model=info.name, files=files, **facts)
