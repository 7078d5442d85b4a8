"""Input of an index as items."""

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
MEDIA: tuple[Modality, ...] = ("image", "audio")
_READ = 1 << 20


def parse_items(things: Iterable[ItemLike]) -> Iterator[Item | Skipped]:
    """Turn texts, (id, text) pairs, mappings, paths of images and audio, and items into items.

    A text without an id is named by its content: "text-" and 12 hex digits. A mapping needs "text"
    (or "content"), "image" (a path, bytes of a file, an array or a Pillow image) or "audio" (a
    path, bytes of a file, or (samples, sample rate)); "id" and "source" are taken where given, and
    the rest is metadata, of which None, NaN and infinity are left out; dates and times are kept in
    ISO form. Of a path, the file extension decides between audio and image.

    >>> next(parse_items([{"id": "a", "text": "Hello", "year": 2024}])).metadata
    {'year': 2024}

    Raises:
        InvalidInputError: If something is none of these; the message gives its position.
    """
    if isinstance(things, str | bytes | Mapping):
        raise InvalidInputError(
            f"got one {type(things).__name__}; items come as a list. Write [...] around it."
        )
    for at, thing in enumerate(things):
        if isinstance(thing, Skipped):
            yield thing
        else:
            yield from _sanitize(_parse_item(thing, at))


def _parse_item(thing: ItemLike, at: int) -> Item:
    if isinstance(thing, Item):
        return _check_item(thing, at)
    if isinstance(thing, str):
        return Item(_name_text(thing), thing)
    if isinstance(thing, tuple) and len(thing) == 2:
        text = _check_text(thing[1], at)
        return Item(_make_id(thing[0], text), text)
    if isinstance(thing, Mapping):
        return _parse_mapping(thing, at)
    if isinstance(thing, PathLike):
        modality: Modality = "audio" if format_of(Path(thing).name)[0] == "audio" else "image"
        return Item(str(thing), Path(thing), modality, str(thing))
    raise InvalidInputError(
        f"item {at} is {type(thing).__name__}; allowed are str, (id, text), "
        "a mapping with 'text', 'image' or 'audio', the Path of an image or audio file, and "
        "sememe.Item."
    )


def _check_item(item: Item, at: int) -> Item:
    if not isinstance(item.id, str):
        raise InvalidInputError(f"item {at}: its id is {type(item.id).__name__}, not str.")
    if item.modality == "text":
        _check_text(item.content, at)
    elif item.modality == "image":
        _check_image(item.content, at)
    elif item.modality == "audio":
        if isinstance(item.content, Clip):
            raise InvalidInputError(
                f"item {at}: its audio is a Clip; give the whole file, whose windows the index "
                "finds, or the samples: (read_sound(clip), 16000)"
            )
        check_audio(item.content, f"item {at}: its audio")
    return item


def _sanitize(item: Item) -> Iterator[Item | Skipped]:
    """Leave out missing metadata; replace lone surrogates, which no file can hold, and report it.

    A metadata name is left as it is: the index refuses one that it cannot hold.
    """
    plain = {name: _to_plain(value) for name, value in item.metadata.items()}
    given = {name: value for name, value in plain.items() if not _is_missing(value)}
    is_text = item.modality == "text"
    texts = [item.id, item.source, item.content if is_text else "", *given.values()]
    fixed = [well_formed(text) if isinstance(text, str) else text for text in texts]
    id_, source, content, *values = fixed
    metadata = dict(zip(given, values, strict=True))
    content = content if is_text else item.content
    yield replace(item, id=id_, content=content, source=source, metadata=metadata)
    if fixed != texts:
        yield Skipped(id_, "characters that no file can hold were replaced by U+FFFD")


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _to_plain(value: Any) -> Any:
    """Return dates and times in ISO form, and NumPy scalars as Python's own."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    return value.isoformat() if isinstance(value, date | time) else value


def has_text(item: Item) -> bool:
    """Return whether an item has something to encode: a text must not be all white space."""
    return item.modality != "text" or bool(item.content.strip())


def _parse_mapping(thing: Mapping[str, Any], at: int) -> Item:
    key = next((key for key in TEXT_KEYS if key in thing), None)
    other: Modality | None = next((key for key in MEDIA if key in thing), None)
    if key is None and other is not None:
        return _parse_media(thing, other, at)
    if key is None:
        got = ", ".join(map(repr, thing)) or "nothing"
        raise InvalidInputError(
            f"item {at} has {got} but no 'text'. Name its text 'text', an image 'image', "
            "audio 'audio'."
        )
    text = _check_text(thing[key], at)
    return Item(
        id=_make_id(thing.get("id"), text),
        content=text,
        source=str(thing.get("source", "")),
        metadata=_metadata_of(thing, key),
    )


def _parse_media(thing: Mapping[str, Any], key: Modality, at: int) -> Item:
    content = thing[key]
    source = str(content) if isinstance(content, str | PathLike) else ""
    if isinstance(content, str):
        content = Path(content)
    item = _check_item(Item("", content, key, str(thing.get("source", source))), at)
    given = thing.get("id")
    if given is None or given == "":
        given = source or f"{key}-{content_digest(content, 6).hexdigest()}"
    return replace(item, id=str(given), metadata=_metadata_of(thing, key))


def _metadata_of(thing: Mapping[str, Any], key: str) -> dict[str, Any]:
    taken = {key, "id", "source"}
    return {name: value for name, value in thing.items() if name not in taken}


def _check_image(content: Any, at: int) -> None:
    """Refuse what cannot be an image, before anything is encoded."""
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
        f"item {at}: its image is {got}; give a path, the bytes of a file, an array (height, "
        "width, 3) of uint8, or a Pillow image."
    )


def _make_id(given: object, text: str) -> str:
    return _name_text(text) if given is None or given == "" else str(given)


def _check_text(value: object, at: int) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"item {at}: its text is {type(value).__name__}, not str.")
    return value


def _name_text(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return f"text-{hashlib.blake2b(data, digest_size=6).hexdigest()}"


def content_hash(item: Item) -> str:
    """Return 32 hex digits over content, source and metadata of an item: equal means unchanged.

    Raises:
        OSError: If the file of an image or audio cannot be read.
    """
    others = [item.modality, item.source, sorted(item.metadata.items())]
    digest = content_digest(item.content, 16)
    digest.update(json.dumps(others, ensure_ascii=True).encode())
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
    elif hasattr(content, "tobytes"):  # an array, or a Pillow image
        shape = getattr(content, "shape", None) or getattr(content, "size", None)
        digest.update(f"{shape} {getattr(content, 'mode', '')}".encode())
        digest.update(content.tobytes())
    else:
        digest.update(content)
    return digest
