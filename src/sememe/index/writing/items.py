"""What people hand to an index, as items."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, time
from os import PathLike
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError
from sememe._types import Item, Modality, Skipped
from sememe.sources.formats import format_of
from sememe.sources.media.audio_decoding import Clip, as_samples, check_audio
from sememe.sources.open_file import open_bytes
from sememe.text.normalize import well_formed

ItemLike = Item | Skipped | str | PathLike[str] | tuple[str, str] | Mapping[str, Any]
TEXT_KEYS = ("text", "content")
NAMED: tuple[Modality, ...] = ("image", "audio")
_READ = 1 << 20


def as_items(things: Iterable[ItemLike]) -> Iterator[Item | Skipped]:
    """Turn texts, (id, text) pairs, mappings, paths of images and sounds, and items into items.

    A text without an id is named by its content: "text-" and 12 hex digits. A mapping needs "text"
    (or "content"), "image" (a path, bytes of a file, an array or a picture of Pillow) or "audio" (a
    path, bytes of a file, or (samples, sample rate)); "id" and "source" are taken where given, and
    the rest is metadata, of which None, NaN and infinity are left out; dates and times are kept in
    ISO form. Of a path, the end of its name tells a sound from an image.

    >>> next(as_items([{"id": "a", "text": "Hello", "year": 2024}])).metadata
    {'year': 2024}

    Raises:
        InvalidInputError: Something else; the message gives its place.
    """
    if isinstance(things, str | bytes | Mapping):
        raise InvalidInputError(
            f"got one {type(things).__name__}; items come as a list. Write [...] around it."
        )
    for place, thing in enumerate(things):
        if isinstance(thing, Skipped):
            yield thing
        else:
            yield from _storable(_as_item(thing, place))


def _as_item(thing: ItemLike, place: int) -> Item:
    if isinstance(thing, Item):
        return _checked(thing, place)
    if isinstance(thing, str):
        return Item(_name(thing), thing)
    if isinstance(thing, tuple) and len(thing) == 2:
        text = _text(thing[1], place)
        return Item(_id(thing[0], text), text)
    if isinstance(thing, Mapping):
        return _from_mapping(thing, place)
    if isinstance(thing, PathLike):
        modality: Modality = "audio" if format_of(Path(thing).name)[0] == "audio" else "image"
        return Item(str(thing), Path(thing), modality, str(thing))
    raise InvalidInputError(
        f"item {place} is {type(thing).__name__}; allowed are str, (id, text), "
        "a mapping with 'text', 'image' or 'audio', the Path of an image or a sound, and "
        "sememe.Item."
    )


def _checked(item: Item, place: int) -> Item:
    if not isinstance(item.id, str):
        raise InvalidInputError(f"item {place}: its id is {type(item.id).__name__}, not str.")
    if item.modality == "text":
        _text(item.content, place)
    elif item.modality == "image":
        _picture(item.content, place)
    elif item.modality == "audio":
        if isinstance(item.content, Clip):
            raise InvalidInputError(
                f"item {place}: its audio is a Clip; give the recording itself, whose windows the "
                "index finds, or the samples: (read_sound(clip), 16000)"
            )
        check_audio(item.content, f"item {place}: its audio")
    return item


def _storable(item: Item) -> Iterator[Item | Skipped]:
    """Leave out missing metadata; replace lone surrogates, which no file can hold, and say so.

    A metadata name is left as it is: the index refuses one that it cannot hold.
    """
    facts = {name: _plain(value) for name, value in item.metadata.items()}
    given = {name: value for name, value in facts.items() if not _is_missing(value)}
    item = replace(item, metadata=given)
    facts = {name: _clean(value) for name, value in given.items()}
    cleaned = Item(
        id=_clean(item.id),
        content=_clean(item.content) if item.modality == "text" else item.content,
        modality=item.modality,
        source=_clean(item.source),
        metadata=facts,
    )
    if _written(cleaned) == _written(item):
        yield item
    else:
        yield cleaned
        yield Skipped(cleaned.id, "characters that no file can hold were replaced by U+FFFD")


def _written(item: Item) -> tuple[Any, ...]:
    """Return what of an item is text."""
    content = item.content if item.modality == "text" else None
    return item.id, content, item.source, item.metadata


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _plain(value: Any) -> Any:
    """Return dates and times in ISO form, and NumPy's scalars as Python's own."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    return value.isoformat() if isinstance(value, date | time) else value


def has_text(item: Item) -> bool:
    """Say whether there is something to encode: no text is all white space."""
    return item.modality != "text" or bool(item.content.strip())


def _clean(value: Any) -> Any:
    return well_formed(value) if isinstance(value, str) else value


def _from_mapping(thing: Mapping[str, Any], place: int) -> Item:
    key = next((key for key in TEXT_KEYS if key in thing), None)
    other: Modality | None = next((key for key in NAMED if key in thing), None)
    if key is None and other is not None:
        return _other(thing, other, place)
    if key is None:
        got = ", ".join(map(repr, thing)) or "nothing"
        raise InvalidInputError(
            f"item {place} has {got} but no 'text'. Name its text 'text', a picture 'image', "
            "a sound 'audio'."
        )
    text = _text(thing[key], place)
    taken = {key, "id", "source"}
    return Item(
        id=_id(thing.get("id"), text),
        content=text,
        source=str(thing.get("source", "")),
        metadata={name: value for name, value in thing.items() if name not in taken},
    )


def _other(thing: Mapping[str, Any], key: Modality, place: int) -> Item:
    content = thing[key]
    source = str(content) if isinstance(content, str | PathLike) else ""
    if isinstance(content, str):
        content = Path(content)
    item = _checked(Item("", content, key, str(thing.get("source", source))), place)
    given = thing.get("id")
    if given is None or given == "":
        given = source or f"{key}-{content_digest(content, 6).hexdigest()}"
    taken = {key, "id", "source"}
    facts = {name: value for name, value in thing.items() if name not in taken}
    return replace(item, id=str(given), metadata=facts)


def _picture(content: Any, place: int) -> None:
    """Refuse what can be no picture, before anything is encoded."""
    kind = type(content).__module__.partition(".")[0]
    if isinstance(content, str | PathLike | bytes | bytearray | memoryview) or kind == "PIL":
        return
    if kind == "numpy" and getattr(content, "ndim", 0) in (2, 3):
        channels = content.shape[2] if content.ndim == 3 else 3
        if content.dtype.name == "uint8" and channels in (3, 4) and 0 not in content.shape:
            return
        got = f"an array of {content.dtype}, shape {content.shape}"
    else:
        got = type(content).__name__
    raise InvalidInputError(
        f"item {place}: its image is {got}; give a path, the bytes of a file, an array (height, "
        "width, 3) of uint8, or a picture of Pillow."
    )


def _id(given: object, text: str) -> str:
    return _name(text) if given is None or given == "" else str(given)


def _text(value: object, place: int) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"item {place}: its text is {type(value).__name__}, not str.")
    return value


def _name(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return f"text-{hashlib.blake2b(data, digest_size=6).hexdigest()}"


def content_hash(item: Item) -> str:
    """Return 32 hex digits over all that a row of the item holds: equal means unchanged.

    Raises:
        OSError: The file of an image cannot be read.
    """
    facts = [item.modality, item.source, sorted(item.metadata.items())]
    digest = content_digest(item.content, 16)
    digest.update(json.dumps(facts, ensure_ascii=True).encode())
    return digest.hexdigest()


def content_digest(content: Any, size: int) -> hashlib.blake2b:
    """Return the BLAKE2b digest of a text, of a file at a path, of bytes, pixels or samples."""
    digest = hashlib.blake2b(digest_size=size)
    if isinstance(content, str):
        digest.update(content.encode("utf-8", "surrogatepass"))
    elif isinstance(content, PathLike):
        with open_bytes(Path(content)) as file:
            while block := file.read(_READ):
                digest.update(block)
    elif (pair := as_samples(content)) is not None:
        digest.update(f"{pair[1]} {content_digest(pair[0], 16).hexdigest()}".encode())
    elif hasattr(content, "tobytes"):  # an array, or a picture of Pillow
        shape = getattr(content, "shape", None) or getattr(content, "size", None)
        digest.update(f"{shape} {getattr(content, 'mode', '')}".encode())
        digest.update(content.tobytes())
    else:
        digest.update(content)
    return digest
