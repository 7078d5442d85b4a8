"""Files of a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError

if TYPE_CHECKING:
    pass


TOKENIZER = "tokenizer.json"


def read_json(path: Path, **missing: Any) -> Any:
    """Return what a JSON file holds; or what `missing` says, where there is no such file.

    Raises:
        InvalidInputError: There is no such file.
        CorruptFileError: It is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if "missing" in missing:
            return missing["missing"]
        raise InvalidInputError(
            f"{path.parent} holds no {path.name}, so no network that sememe can read. Give a "
            "folder as transformers or sentence-transformers writes it"
        ) from None
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{path} cannot be read: {error}. Fetch it anew") from error
