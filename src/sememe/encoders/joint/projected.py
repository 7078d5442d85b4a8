"""Two encoders brought into one space by projections: what `sememe train clip` makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import SpaceMismatchError
from sememe._types import Encoder, Modality
from sememe.encoders.base import Streams
from sememe.encoders.image.encoder import Pictures
from sememe.encoders.text.encoder import digest
from sememe.models.clip.projection_folder import JointFolder, Projection

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.encoders.receipt import Encoded


class JointEncoder(Streams):
    """One side of a joint space: an encoder, and a projection of its vectors.

    Attributes:
        scale: What cosines with the other side are multiplied by before a softmax.
    """

    items_at_once = 256

    def __init__(
        self, base: Encoder, projection: Projection, *, name: str, space: str, scale: float
    ) -> None:
        self.name = name
        self.space = space
        self.scale = scale
        self._base: Any = base
        self._projection = projection

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._projection.dim

    @property
    def modality(self) -> Modality:
        """What it encodes."""
        modality: Modality = self._base.modality
        return modality

    def encode(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, one unit row for each item.

        Raises:
            SememeError: As the encoder of its side.
        """
        return self._projection(
            self._base.encode(items, batch_size=batch_size, show_progress=show_progress)
        )

    def release(self) -> None:
        """Give back the memory that only makes the next encode faster."""
        self._base.release()


class JointText(JointEncoder):
    """The text side."""

    def encode_with_receipt(
        self, items: Sequence[str], *, batch_size: int | None = None, show_progress: bool = False
    ) -> Encoded:
        """Return the vectors as `encode` does, and the account of every token."""
        found: Encoded = self._base.encode_with_receipt(
            items, batch_size=batch_size, show_progress=show_progress
        )
        return replace(found, vectors=self._projection(found.vectors))

    def split(self, items: Sequence[str], *, headings: Sequence[str] | None = None) -> Any:
        """Cut each text into passages as the text encoder does."""
        return self._base.split(items, headings=headings)


class JointImage(Pictures, JointEncoder):
    """The image side."""

    def encode_readable(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return what `encode` does, and why pictures could not be read; their rows hold NaN."""
        rows, reasons = self._base.encode_readable(items, show_progress=show_progress)
        return self._projection(rows), reasons


def joint_encoder(place: Path, found: JointFolder, side: str, base: Encoder) -> JointEncoder:
    """Return one side of the joint space in a folder.

    base: The encoder that the folder names for that side.

    Raises:
        SpaceMismatchError: What goes by that name now makes other vectors.
    """
    if base.space != found.spaces[side]:
        raise SpaceMismatchError(
            f"{place} was trained on {found.names[side]} of the space {found.spaces[side]}; what "
            f"goes by that name now makes vectors of {base.space}. Train it again"
        )
    kind = JointText if side == "text" else JointImage
    return kind(
        base,
        found.projections[side],
        name=f"{place}:{side}",
        space=digest(v=1, joint=found.digest, encoders=found.spaces),
        scale=found.scale,
    )
