"""Encoders brought into one space by learned projections: what `sememe train clip` writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError, SpaceMismatchError
from sememe._types import Encoder, Modality
from sememe.encoders.base import BaseEncoder, as_encoder
from sememe.encoders.space import fingerprint_space
from sememe.models.clip.projection_folder import Projection, read_joint_folder
from sememe.text.split import Span

if TYPE_CHECKING:
    from sememe.encoders.receipt import Encoded


class ProjectedEncoder(BaseEncoder):
    """An encoder followed by a projection of its vectors into a joint space.

    Attributes:
        base: The encoder.
        projection: The projection.
    """

    def __init__(
        self, base: Encoder, projection: Projection, *, name: str, space: str, scale: float
    ) -> None:
        super().__init__(name=name, dim=projection.dim, space=space)
        self.base = as_encoder(base)
        self.projection = projection
        self.modality = self.base.modality
        self.stream_batch = self.base.stream_batch
        self.window = self.base.window
        self.scale = scale

    def encode_with_receipt(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Encode, collecting failures; see `BaseEncoder`."""
        encode = self.base.encode_with_receipt
        done = encode(items, batch_size=batch_size, show_progress=show_progress)
        return replace(done, vectors=self.projection(done.vectors))  # (n, base.dim) -> (n, dim)

    def split(
        self, items: Sequence[str], *, headings: Sequence[str] | None = None
    ) -> list[list[Span]]:
        """Split each text into passages as the base encoder does."""
        return self.base.split(items, headings=headings)

    def release(self) -> None:
        """Free memory that only makes the next encode faster."""
        self.base.release()


def load_projected(
    path: Path, modality: Modality, *, load: Callable[[str], BaseEncoder]
) -> ProjectedEncoder:
    """Load one encoder of the joint space in a folder. load: Loads its base encoder by name.

    Raises:
        InvalidInputError: The name of the base now leads to an encoder of another modality.
        SpaceMismatchError: It leads to an encoder of another space.
    """
    folder = read_joint_folder(path)
    name, space = folder.names[modality], folder.spaces[modality]
    base = load(name)
    if base.modality != modality:
        raise InvalidInputError(
            f"{path} was trained on {name}, which is no {modality} encoder here. Put it back where "
            "it was"
        )
    if base.space != space:
        raise SpaceMismatchError(
            f"{path} was trained on {name} of the space {space}; that name now leads to vectors of "
            f"{base.space}. Train it again"
        )
    return ProjectedEncoder(
        base,
        folder.projections[modality],
        name=f"{path}:{modality}",
        space=fingerprint_space(v=1, joint=folder.digest, encoders=folder.spaces),
        scale=folder.scale,
    )
