"""The encoders of an index, each loaded on first use."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec

from sememe._errors import InvalidInputError, SpaceMismatchError, UnknownNameError
from sememe._types import Encoder
from sememe.encoders.base import BaseEncoder, as_encoder
from sememe.encoders.load.by_name import load, load_encoders
from sememe.encoders.load.families import resolve
from sememe.encoders.name import ModelName
from sememe.index.config import EncoderEntry
from sememe.models.weights.catalog import (
    EVERYDAY_MODEL,
    IMAGE_MODEL,
    SOUND_MODEL,
    STRUCTURE_MODEL,
    default_model,
    model_info,
)

_NO_ENCODER = {
    "image": "the index has no encoder for images. Build one that has: pip install "
    "'sememe[images]', then sememe index PATH --into OTHER",
    "audio": "the index has no encoder for audio. Build one that has: pip install 'sememe[audio]', "
    "then sememe index PATH --into OTHER, without -m or with -m mel-statistics as well",
}
_PLURAL = {"image": "images", "audio": "sounds"}
Column = tuple[str, BaseEncoder]  # the store's vector column, and an encoder that fills it


class Encoders:
    """The encoders of an index, by modality and vector column.

    Only the first encoder for text stores texts. Another one shares its space with an encoder for
    images or audio: it encodes queries that find these.
    """

    def __init__(self, entries: Sequence[EncoderEntry], given: Sequence[Encoder] = ()) -> None:
        """Take the entries, and encoders to use instead; SpaceMismatchError if one has no entry."""
        self._entries = entries
        self._loaded: dict[str, BaseEncoder] = {}
        names = {(entry.modality, entry.space): entry.name for entry in reversed(entries)}
        for encoder in given:
            name = names.get((encoder.modality, encoder.space))
            if name is None:
                raise _make_mismatch(encoder, entries)
            self._loaded[name] = as_encoder(encoder)

    def list_columns(self, modality: str) -> list[str]:
        """Return the vector columns that queries of a modality are compared with; loads nothing."""
        return [entry.column for entry in self._of(modality)]

    def load_for_documents(self, modality: str) -> list[Column]:
        """Return the encoders that fill columns for items of a modality; [] where there is none.

        Raises:
            UnknownNameError, SpaceMismatchError: If a model cannot be loaded, or has changed.
        """
        entries = self._of(modality)[: 1 if modality == "text" else None]
        return [(entry.column, self._load(entry).documents) for entry in entries]

    def load_for_queries(self, modality: str) -> list[Column]:
        """Return the encoders for a query of a modality; raises as `load_for_documents`.

        That of the structure of images is for near-duplicates; it ranks them if there is no other.
        """
        entries = self._of(modality)
        others = [entry for entry in entries if entry.name != STRUCTURE_MODEL]
        return [(entry.column, self._load(entry)) for entry in others or entries]

    def load_column(self, column: str, modality: str) -> BaseEncoder:
        """Return the encoder that fills a column for a modality; raises as `load_for_documents`."""
        return self._load(next(one for one in self._of(modality) if one.column == column))

    def find_similarity_column(self, modality: str) -> EncoderEntry:
        """Return the encoder of the column in which near-duplicates are found.

        That of the structure of images, if the index has it; else one of images, or audio, alone.
        """
        if not self.can_store(modality):
            raise InvalidInputError(explain_no_encoder(modality))
        texts = self.list_columns("text")
        return min(
            self._of(modality), key=lambda one: (one.name != STRUCTURE_MODEL, one.column in texts)
        )

    def can_store(self, modality: str) -> bool:
        """Return whether items of a modality can be stored."""
        return bool(self._of(modality))

    def release(self) -> None:
        """Free memory of the loaded encoders that only makes the next call faster."""
        for encoder in self._loaded.values():
            encoder.release()

    @property
    def text_column(self) -> tuple[str, int]:
        """The column and width of the vectors of text."""
        entry = self._of("text")[0]
        return entry.column, entry.dim

    def _of(self, modality: str) -> list[EncoderEntry]:
        return [entry for entry in self._entries if entry.modality == modality]

    def _load(self, entry: EncoderEntry) -> BaseEncoder:
        if entry.name not in self._loaded:
            try:
                encoder = load_encoders(entry.name, loaded=self._loaded.values())[0]
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
            if encoder.space != entry.space:
                raise _make_mismatch(encoder, self._entries)
            self._loaded[entry.name] = encoder
        return self._loaded[entry.name]


def explain_no_encoder(modality: str) -> str:
    """Return why items of a modality cannot be stored or searched by, and what to do about it."""
    return _NO_ENCODER.get(modality, f"no encoder yet: {modality}")


def list_default_encoders() -> list[str]:
    """Return the default encoder for text, those for images and audio where they are installed."""
    names = [default_model()]
    if model_info(IMAGE_MODEL).available() and find_spec("PIL"):
        names += [f"{IMAGE_MODEL}:conse", IMAGE_MODEL, STRUCTURE_MODEL]
    if model_info(SOUND_MODEL).available() and find_spec("soundfile"):
        names += [f"{EVERYDAY_MODEL}:conse", SOUND_MODEL]
    return names


def load_all(given: Sequence[Encoder | str]) -> list[BaseEncoder]:
    """Return encoders, loading those that are given by name; a joint name gives two.

    Where none is for text, the one whose space images share comes first, else the default one.
    """
    loaded: list[BaseEncoder] = []
    for one in given:
        loaded += load_encoders(one, loaded=loaded) if isinstance(one, str) else [as_encoder(one)]
    if loaded and not any(encoder.modality == "text" for encoder in loaded):
        loaded.insert(0, next((e.text_encoder for e in loaded if e.text_encoder), None) or load())
    return loaded


def list_names(given: Sequence[str]) -> list[str]:
    """Return the names of the encoders that `load_all` returns; loads nothing."""
    models = [resolve(name) for name in given]
    names = [name for model in models for name in model.names]
    if models and not any("text" in model.modalities for model in models):
        shared = (model.text_encoder for model in models if model.text_encoder)
        names.insert(0, next(shared, None) or default_model())
    return names


def check_encoders(encoders: Sequence[BaseEncoder]) -> None:
    """Refuse encoders that cannot be used together in one index; see `Index.create`."""
    texts = [encoder for encoder in encoders if encoder.modality == "text"]
    if not texts:
        raise InvalidInputError("encoders has none for text; add one: sememe.load()")
    joint = {encoder.space for encoder in encoders if encoder.modality != "text"}
    for encoder in encoders:
        shared = encoder.text_encoder
        if shared is not None and all(encoder.space != text.space for text in texts):
            network, things = ModelName.parse(encoder.name).source, _PLURAL[encoder.modality]
            raise InvalidInputError(
                f"{encoder.name} puts {things} where {shared.name} puts texts, and "
                f"{texts[0].name} finds none there. Give {network}:conse:{texts[0].name}"
            )
    counts = Counter((encoder.modality, encoder.space) for encoder in encoders)
    if repeated := [e.name for e in encoders if counts[e.modality, e.space] > 1]:
        raise InvalidInputError(
            f"encoders={', '.join(repeated)} make the same kind of vectors. Give one of them."
        )
    if own := {encoder.space for encoder in texts[1:]} - joint - {texts[0].space}:
        names = ", ".join(encoder.name for encoder in texts)
        raise InvalidInputError(
            f"encoders={names} make text vectors of {len(own) + 1} spaces; an index has one, and "
            "those that its images or audio share. Build an index for each."
        )


def _make_mismatch(encoder: Encoder, entries: Sequence[EncoderEntry]) -> SpaceMismatchError:
    stored = ", ".join(f"{e.name} ({e.space})" for e in entries)
    return SpaceMismatchError(
        f"the index holds vectors of {stored}; {encoder.name} makes vectors of another space "
        f"({encoder.space}), and the two cannot be compared. Open the index without encoders=, or "
        f"build one for the other encoder: sememe index PATH --into OTHER -m {encoder.name}"
    )
