"""`sememe.load`: an encoder by its name."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.encoders.text import Overflow, TextEncoder, TextModel
from sememe.models.catalog import DEFAULT_MODEL, ModelInfo, model_info


def load(
    name: str = DEFAULT_MODEL, *, overflow: Overflow = "chunk", threads: int | None = None
) -> TextEncoder:
    """Load an encoder of the catalogue, by default the multilingual one for text.

    Args:
        name: A name that `sememe models` lists.
        overflow: What becomes of text longer than the encoder's window: "chunk" (all of it is
            encoded, in overlapping chunks), "truncate" (its beginning) or "error".
        threads: CPU threads for the network; all cores unless told.

    Raises:
        UnknownNameError: No model of that name.
        InvalidInputError: `threads` below 1.
        MissingExtraError: The package that carries its weights is not installed.
        CorruptFileError: The weights are not those the catalogue means.

    >>> encoder = load()
    >>> encoder.encode(["안녕하세요", "Hello"]).shape
    (2, 512)
    """
    if threads is not None and threads < 1:
        raise InvalidInputError(f"threads={threads}; give a whole number of at least 1, or None.")
    info = model_info(name)
    build = _BUILDERS.get(info.name)
    if build is None:
        raise UnknownNameError.of("model", name, _BUILDERS)
    return build(info, overflow, threads or os.cpu_count() or 1)


def _use_multilingual(info: ModelInfo, overflow: Overflow, threads: int) -> TextEncoder:
    from sememe.models.use import UseEngine
    from sememe.models.use_weights import UseWeights
    from sememe.text.unigram import BOS, EOS, UNK, UnigramTokenizer

    tokenizer = UnigramTokenizer(info.read("tokenizer"))
    weights = UseWeights(info.read("weights"), threads=threads)
    model = TextModel(
        name=info.name,
        dim=info.dim,
        window=256,
        passage=128,
        overlap=24,
        begin=BOS,
        end=EOS,
        unknown=UNK,
        space=fingerprint(info, pooling="sum over root of length", normalize=True),
    )
    return TextEncoder(model, tokenizer, UseEngine(weights, threads=threads), overflow=overflow)


_BUILDERS = {DEFAULT_MODEL: _use_multilingual}


def fingerprint(info: ModelInfo, **facts: Any) -> str:
    """Return 16 hex digits of all that shapes a vector: files, dtype and the facts given."""
    shape = {
        "v": 1,
        "model": info.name,
        "files": {role: file.sha256 for role, file in sorted(info.files.items())},
        "dtype": "float32",
        **facts,
    }
    text = json.dumps(shape, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
