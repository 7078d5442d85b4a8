"""A family of models: the names that it recognises, and how to open one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sememe._types import Encoder, Modality
from sememe.encoders.base import BaseEncoder
from sememe.encoders.name import Form, ModelName, path_exists
from sememe.encoders.text.encoder import Overflow
from sememe.models.weights.catalog import CATALOG, ModelInfo
from sememe.models.weights.folder import ModelFolder, ModelKind


class Candidate:
    """A name, and the folder or file that it leads to. Nothing is loaded.

    Attributes:
        name: The canonical name.
    """

    def __init__(self, name: str) -> None:
        self.name = ModelName.parse(name).canonical

    @property
    def info(self) -> ModelInfo | None:
        """The model of the catalogue that goes by the name, if one does."""
        return CATALOG.get(self.name.source)

    @cached_property
    def folder(self) -> ModelFolder | None:
        """The folder or file, None if there is none; a model of the hub is fetched."""
        if self.info is not None:
            return None
        if self.name.is_hub:
            from sememe.models.locate import fetch

            return ModelFolder(fetch(self.name.source))
        path = self.name.source
        return ModelFolder(Path(path)) if path_exists(path) else None

    @property
    def path(self) -> Path:
        """Path of the folder or file; of a network in the catalogue, checked against its hash."""
        if self.info is not None:
            return self.info.check_path("network").parent
        return Path(self.name.source) if self.folder is None else self.folder.path

    @property
    def kind(self) -> ModelKind | None:
        """What the folder is best opened as, None if there is no folder or no model in it."""
        return None if self.folder is None else self.folder.kind

    def holds(self, *kinds: ModelKind) -> bool:
        """Return whether the folder can be opened as one of these kinds."""
        return self.folder is not None and self.folder.holds(*kinds)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be opened.

    Attributes:
        model: The name and the folder.
        modalities: Which encoders of the model.
        overflow, threads: As in `sememe.load`.
        load: Loads another encoder that this one is built on, by name.
    """

    model: Candidate
    modalities: tuple[Modality, ...]
    overflow: Overflow
    threads: int | None
    load: Callable[[str], BaseEncoder]

    @property
    def name(self) -> str:
        """The canonical name."""
        return str(self.model.name)

    @property
    def path(self) -> Path:
        """Path of the folder or file."""
        return self.model.path


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model that `sememe.load` opens.

    Attributes:
        name: What messages call a model of it.
        names: What its names look like, for the documentation.
        recognises: Returns whether a name leads to a model of it. Reads no weights.
        open: Returns the encoders of the modalities that are requested, in that order.
        modalities: Modalities of the encoders of a model, "text" first. Of several, `load` needs
            one that is named, such as ":text".
        form: What a suffix may specify.
    """

    name: str
    names: str
    recognises: Callable[[Candidate], bool]
    open: Callable[[Request], Sequence[Encoder]]
    modalities: tuple[Modality, ...] = ("text",)
    form: Form | None = None
