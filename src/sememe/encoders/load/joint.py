"""One side of a joint space by its name: a folder that training wrote, and the side after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError
from sememe.encoders.joint.clip import Part, has_two, split_part
from sememe.models.clip.projection_folder import read_joint_folder
from sememe.models.weights.folder import ModelFolder, ModelKind

if TYPE_CHECKING:
    from sememe._types import Encoder
    from sememe.encoders.joint.projected import JointImage, JointText
    from sememe.encoders.text.encoder import Overflow


def load_joint_text(
    name: str, *, overflow: Overflow = "chunk", threads: int | None = None
) -> JointText | None:
    """Load the text side of a joint space, None where the name is not of one; see `sememe.load`.

    Raises:
        InvalidInputError: The name stands for two encoders.
        SpaceMismatchError: The encoder it was trained on now makes other vectors.
        UnknownNameError, MissingExtraError, CorruptFileError: As `load`, of that encoder.
    """
    from sememe.encoders.joint.projected import JointText, joint_encoder
    from sememe.encoders.load.by_name import load_text

    place = _place(name, "text")
    if place is None:
        return None
    found = read_joint_folder(place)
    base = load_text(found.names["text"], overflow=overflow, threads=threads)
    encoder = joint_encoder(place, found, "text", base)
    return encoder if isinstance(encoder, JointText) else None


def load_joint_image(name: str, *, threads: int | None = None) -> JointImage | None:
    """Load the image side of a joint space, None where the name is not of one.

    Raises:
        SememeError: As `load_joint_text`.
    """
    from sememe.encoders.joint.projected import JointImage, joint_encoder
    from sememe.encoders.load.image import load_image

    place = _place(name, "image")
    if place is None:
        return None
    found = read_joint_folder(place)
    base = load_image(found.names["image"], threads=threads)
    if base is None:
        raise InvalidInputError(
            f"{place} was trained on {found.names['image']}, which is no image encoder here. Put "
            "it back where it was"
        )
    encoder = joint_encoder(place, found, "image", base)
    return encoder if isinstance(encoder, JointImage) else None


def load_pair(name: str, *, threads: int | None = None) -> tuple[Encoder, Encoder]:
    """Load an encoder of images, or of sounds, and one of texts whose space they share.

    name: of a CLIP or CLAP model or a joint space, which have two; or of images in a text space,
    "efficientnet-lite0:conse".

    Raises:
        InvalidInputError: The name is of one encoder that shares its space with none.
        UnknownNameError, MissingExtraError, CorruptFileError: As `load`.
    """
    from sememe.encoders.image.conse import ConseEncoder
    from sememe.encoders.load.by_name import load_encoders

    found: list[Encoder] = list(load_encoders(name, threads=threads))
    if len(found) == 2:
        return found[1], found[0]
    if isinstance(found[0], ConseEncoder):
        return found[0], found[0].texts
    raise InvalidInputError(
        f"{name} is one encoder, whose space has none beside it. Give images and texts in one "
        "space: efficientnet-lite0:conse, a CLIP model, or what sememe train clip wrote."
    )


def is_joint(source: str) -> bool:
    """Say whether a name, without ":text" or ":image", is of a joint space."""
    return bool(source) and ModelFolder.open(source).kind is ModelKind.JOINT


def _place(name: str, part: Part) -> Path | None:
    """Return the folder of which a name means this side."""
    source, found = split_part(name)
    if not is_joint(source):
        return None
    if found is None:
        raise has_two(source)
    return Path(source).resolve() if found == part else None
