"""Names of models: where one comes from, and which form of it is meant.

    efficientnet-lite0                  a model of the catalogue
    hf:org/name@revision                a model of the hub
    models/clip:image                   a folder, and one encoder of the two that it holds

A name ends in at most one suffix:

    :text :image :audio                 one encoder of a model that has several
    :int8 :float32                      weights and products in 8 bits, or in 32
    :layer6                             hidden states of another layer than the last
    :sif :mean                          pooling of word vectors
    :conse :conse:NAME                  images in the space of a text encoder
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self, cast

from sememe._errors import UnknownNameError
from sememe._types import Modality
from sememe.models.weights.catalog import CATALOG, default_model
from sememe.models.weights.hub import PREFIX

Form = Literal["part", "precision", "layer", "pooling", "conse"]
Precision = Literal["int8", "float32"]
_SUFFIXES: dict[Form, re.Pattern[str]] = {
    "conse": re.compile(r"(.+?)(:conse(?::.*)?)", re.DOTALL),  # first: NAME may end in any other
    "part": re.compile(r"(.+)(:text|:image|:audio)", re.DOTALL),
    "precision": re.compile(r"(.+)(:int8|:float32)", re.DOTALL),
    "layer": re.compile(r"(.+)(:layer[0-9]+)", re.DOTALL),
    "pooling": re.compile(r"(.+)(:sif|:mean)", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class ModelName:
    """A name that `sememe.load` takes, split.

    Attributes:
        source: A name of the catalogue, hf:org/name[@revision], a path, or what another package
            understands.
        suffix: ":image" and the like, "" for none.
        form: What the suffix specifies, None without one.
    """

    source: str
    suffix: str = ""
    form: Form | None = None

    @classmethod
    def parse(cls, name: str) -> Self:
        """Split a name. A path that exists is a source, colons included.

        >>> ModelName.parse("hf:org/name@v2:image")
        ModelName(source='hf:org/name@v2', suffix=':image', form='part')
        """
        matches = {form: pattern.fullmatch(name) for form, pattern in _SUFFIXES.items()}
        parses = [cls(match[1], match[2], form) for form, match in matches.items() if match]
        existing = (one for one in [cls(name), *parses] if path_exists(one.source))
        return next(existing, parses[0] if parses else cls(name))

    @property
    def part(self) -> Modality | None:
        """Modality of the encoder that is meant, of a model that has several."""
        return cast(Modality, self.suffix[1:]) if self.form == "part" else None

    @property
    def precision(self) -> Precision | None:
        """Precision of the network that is meant."""
        return cast(Precision, self.suffix[1:]) if self.form == "precision" else None

    @property
    def layer(self) -> int | None:
        """Layer whose states are meant, None for the last."""
        return int(self.suffix.removeprefix(":layer")) if self.form == "layer" else None

    @property
    def pooling(self) -> Literal["mean", "sif"] | None:
        """Pooling of word vectors that is meant."""
        return cast(Literal["mean", "sif"], self.suffix[1:]) if self.form == "pooling" else None

    @property
    def conse(self) -> str | None:
        """Text encoder in whose space images are meant."""
        return self.suffix.removeprefix(":conse")[1:] if self.form == "conse" else None

    @property
    def is_hub(self) -> bool:
        """Whether the source is on the Hugging Face hub."""
        return self.source.startswith(PREFIX)

    @property
    def revision(self) -> str | None:
        """Branch, tag or commit of a model of the hub, None if the name has none."""
        return self.source.partition("@")[2] or None if self.is_hub else None

    @property
    def canonical(self) -> ModelName:
        """The name that leads to the same model from every working directory."""
        source, suffix = self.source, self.suffix
        if source not in CATALOG and not self.is_hub and path_exists(source):
            source = str(Path(source).resolve())
        if self.form == "conse":
            suffix = f":conse:{ModelName.parse(self.conse or default_model()).canonical}"
        return replace(self, source=source, suffix=suffix)

    def with_part(self, part: Modality) -> ModelName:
        """Return the name of one encoder of the model."""
        return ModelName(self.source, f":{part}", "part")

    def __str__(self) -> str:
        return self.source + self.suffix


def path_exists(path: str) -> bool:
    """Return whether there is such a file or folder; False for what cannot be a path.

    >>> path_exists("."), path_exists(""), path_exists("a" * 5000)
    (True, False, False)
    """
    try:
        return bool(path) and Path(path).exists()
    except (OSError, ValueError):  # too long for a path, or a NUL in it
        return False


def locate_folder(name: str, kind: str, *, example: str = "") -> tuple[Path, str]:
    """Return the folder of a model and its canonical name; hf:org/name is fetched.

    Raises:
        UnknownNameError: If there is no such folder; names the kind that is needed.
        HubError: If it cannot be fetched.
    """
    if name.startswith(PREFIX):
        from sememe.models.locate import fetch

        return fetch(name), name
    path = Path(name)
    with suppress(RuntimeError):  # "~" and the name of no user
        path = path.expanduser()
    if not name or not path_exists(str(path)) or not path.is_dir():
        raise UnknownNameError(
            f"{name[:200]!r} is no folder; allowed: the folder of a {kind}, or hf:org/name from "
            f"the hub{example and f', such as {example}'}."
        )
    return path.resolve(), str(path.resolve())
