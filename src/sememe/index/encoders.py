"""The encoders of an index, loaded when something of their modality is first met."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence

from sememe._errors import InvalidInputError, SpaceMismatchError, UnknownNameError
from sememe._types import Encoder
from sememe.encoders.base import BaseEncoder, as_encoder
from sememe.encoders.load.by_name import load, load_encoders
from sememe.encoders.name import ModelName
from sememe.index.config import EncoderEntry
from sememe.models.weights.catalog import DEFAULT_MODEL, IMAGE_MODEL, SOUND_MODEL, model_info

NO_IMAGES = (
    "the index has no encoder for images. Build one that has: pip install 'sememe[images]', then "
    "sememe index PATH --into OTHER"
)
NO_SOUNDS = (
    "the index has no encoder for sounds. Build one that has: pip install 'sememe[audio]' if it is "
    "not there, then sememe index PATH --into OTHER, without -m or with -m mel-statistics beside"
)
Column = tuple[str, BaseEncoder]  # the store's vector column, and an encoder that fills it


class Encoders:
    """What an index's entries name, as encoders.

    Text is stored by the first encoder for text alone. Another one is there because its space is
    that of an encoder for images or sounds: it turns what people ask into vectors to find them by.
    """

    def __init__(self, entries: Sequence[EncoderEntry], given: Sequence[Encoder] = ()) -> None:
        """Take the entries, and encoders to use in the place of those they name.

        Raises:
            SpaceMismatchError: One that is given makes vectors of another space.
        """
        self._entries = list(entries)
        self._loaded: dict[str, BaseEncoder] = {}
        for encoder in given:
            alike = [
                e for e in entries if (e.modality, e.space) == (encoder.modality, encoder.space)
            ]
            if not alike:
                raise _another_space(encoder, entries)
            self._loaded[alike[0].name] = as_encoder(encoder)

    def storing(self, modality: str) -> list[Column]:
        """Return the encoders that fill a column for items of a modality; [] where there is none.

        Raises:
            UnknownNameError: One was made by a program and has to be given to `Index.open`.
            SpaceMismatchError: What goes by an entry's name now makes vectors of another space.
        """
        entries = [entry for entry in self._entries if entry.modality == modality]
        if modality == "text":
            entries = entries[:1]
        return [(entry.column, self._load(entry)) for entry in entries]

    def asking(self, modality: str) -> list[Column]:
        """Return the encoders for a query of a modality; see `storing`."""
        entries = [entry for entry in self._entries if entry.modality == modality]
        return [(entry.column, self._load(entry)) for entry in entries]

    def alike(self, modality: str) -> tuple[str, int]:
        """Return the column and width by which images, or sounds, are alike: their own, if any.

        Raises:
            InvalidInputError: There is no encoder for them.
        """
        texts = {entry.column for entry in self._entries if entry.modality == "text"}
        found = [entry for entry in self._entries if entry.modality == modality]
        if not found:
            raise InvalidInputError(NO_IMAGES if modality == "image" else NO_SOUNDS)
        entry = min(found, key=lambda one: one.column in texts)
        return entry.column, entry.dim

    def stores(self, modality: str) -> bool:
        """Say whether items of a modality can be stored."""
        return any(entry.modality == modality for entry in self._entries)

    def shares(self, column: str, modality: str) -> bool:
        """Say whether items of a modality have vectors in a column."""
        return any(e.column == column and e.modality == modality for e in self._entries)

    def loaded(self) -> Iterator[BaseEncoder]:
        """Go through the encoders that are in memory."""
        return iter(self._loaded.values())

    @property
    def text_column(self) -> tuple[str, int]:
        """The column and width of the vectors of text."""
        entry = next(entry for entry in self._entries if entry.modality == "text")
        return entry.column, entry.dim

    def _load(self, entry: EncoderEntry) -> BaseEncoder:
        if entry.name not in self._loaded:
            try:
                found = load_encoders(entry.name, loaded=self._loaded.values())[0]
            except UnknownNameError as error:
                if os.sep in entry.name:
                    raise UnknownNameError(
                        f"the index was made with the model in {entry.name}, which is not there "
                        "any more. Put it back where it was."
                    ) from error
                raise UnknownNameError(
                    f"{error} The index was made with an encoder of your own: open it with "
                    "Index.open(path, encoders=[...])."
                ) from error
            if found.space != entry.space:
                raise _another_space(found, self._entries)
            self._loaded[entry.name] = found
        return self._loaded[entry.name]


def default_encoders() -> list[str]:
    """Return the default encoder for text, those for images and sounds where they are installed."""
    images = [f"{IMAGE_MODEL}:conse", IMAGE_MODEL]
    has_images = model_info(IMAGE_MODEL).available() and importlib.util.find_spec("PIL") is not None
    has_sounds = importlib.util.find_spec("soundfile") and model_info(SOUND_MODEL).available()
    sounds = [SOUND_MODEL] if has_sounds else []
    return [DEFAULT_MODEL, *(images if has_images else []), *sounds]


def loaded_encoders(given: Sequence[Encoder | str]) -> list[BaseEncoder]:
    """Return encoders, loading those that are given by name; a joint name gives two.

    Where none is for text, the one in whose space images lie comes first, else the default one.
    """
    found: list[BaseEncoder] = []
    for one in given:
        found += load_encoders(one, loaded=found) if isinstance(one, str) else [as_encoder(one)]
    if found and not any(encoder.modality == "text" for encoder in found):
        found.insert(0, next((e.text_encoder for e in found if e.text_encoder), None) or load())
    return found


def check_encoders(encoders: Sequence[BaseEncoder]) -> None:
    """Refuse encoders that cannot make an index together.

    Raises:
        InvalidInputError: None is for text; or one for text has a space of its own, that is neither
            the first one's nor that of an encoder for images or sounds.
    """
    texts = [encoder for encoder in encoders if encoder.modality == "text"]
    if not texts:
        raise InvalidInputError("encoders has none for text; add one: sememe.load()")
    joint = {encoder.space for encoder in encoders if encoder.modality != "text"}
    for encoder in encoders:
        shared = encoder.text_encoder
        if shared is not None and all(encoder.space != text.space for text in texts):
            network = ModelName.parse(encoder.name).source
            raise InvalidInputError(
                f"{encoder.name} puts images where {shared.name} puts texts, and "
                f"{texts[0].name} finds none there. Give {network}:conse:{texts[0].name}"
            )
    kinds = [(encoder.modality, encoder.space) for encoder in encoders]
    if repeated := [
        e.name for e, kind in zip(encoders, kinds, strict=True) if kinds.count(kind) > 1
    ]:
        raise InvalidInputError(
            f"encoders={', '.join(repeated)} make the same kind of vectors. Give one of them."
        )
    own = {encoder.space for encoder in texts[1:]} - joint - {texts[0].space}
    if own:
        names = ", ".join(encoder.name for encoder in texts)
        raise InvalidInputError(
            f"encoders={names} make text vectors of {len(own) + 1} spaces; an index has one, and "
            "those that its images or sounds share. Build an index for each."
        )


def _another_space(encoder: Encoder, entries: Sequence[EncoderEntry]) -> SpaceMismatchError:
    stored = ", ".join(f"{e.name} ({e.space})" for e in entries)
    return SpaceMismatchError(
        f"the index holds vectors of {stored}; {encoder.name} makes vectors of another space "
        f"({encoder.space}), and the two cannot be compared. Open the index without encoders=, or "
        f"build one for the other encoder: sememe index PATH --into OTHER -m {encoder.name}"
    )
