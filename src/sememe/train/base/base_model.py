"""The model that training starts from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._persistence import hash_file


def weights_digest(folder: Path) -> str:
    """Return a hash of a base's files; its name may be given to other files later."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".safetensors", ".json", ".bin"):
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(hash_file(path).digest())
    return digest.hexdigest()


def network_folder(base: str) -> Path:
    """Return the folder of a network of BERT's family by its name; see `sememe.load`."""
    from sememe.encoders.load.text import locate_network
    from sememe.models.weights.catalog import CATALOG

    folder = locate_network(base)
    if folder is None and base not in CATALOG and not Path(base).exists():
        raise UnknownNameError.of("model", base, CATALOG)
    if folder is None:
        raise InvalidInputError(
            f"{base!r} is no network that can be trained. Give a folder of BERT's family, "
            "hf:org/name, or all-minilm-l6-v2."
        )
    return folder


def trainable(base: str) -> Path:
    """Return the folder of a network that reads tokens in their order, by its name.

    Raises:
        InvalidInputError, UnknownNameError: None of that name, or a static encoder.
    """
    from sememe.models.weights.folder import ModelFolder, ModelKind

    folder = network_folder(base)
    if ModelFolder.open(folder).kind is ModelKind.STATIC:
        raise InvalidInputError(
            f"{base} is a static encoder, which has no network. Give one of BERT's family, such as "
            "all-minilm-l6-v2."
        )
    return folder
