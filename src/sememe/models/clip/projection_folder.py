"""The folder of a joint space: two encoders that stay as they are, and a projection for each.

sememe.json       format version, kind, the names and spaces of both encoders, temperature
projections.npz   of each side: mean and scale of what comes in, then matrices and biases
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._atomic import write_atomically
from sememe._persistence import expect_valid
from sememe.models.weights.folder import ModelFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

ARRAYS = "projections.npz"
KIND = "joint"
SIDES = ("image", "text")


@dataclass(frozen=True, eq=False, slots=True)
class Projection:
    """Rows of one space to unit rows of another, through layers with a GELU between.

    Attributes:
        mean, scale: (dim in,) what is taken from the rows, and what divides them.
        layers: (matrix (in, out), bias (out,)) each.
    """

    mean: FloatArray
    scale: FloatArray
    layers: tuple[tuple[FloatArray, FloatArray], ...]

    @property
    def dim(self) -> int:
        """Width of what comes out."""
        return int(self.layers[-1][0].shape[1])

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Return (n, dim) unit rows; a row of NaN stays one."""
        y = (rows - self.mean) / self.scale
        for i, (matrix, bias) in enumerate(self.layers):
            y = (gelu(y) if i else y) @ matrix + bias
        found: FloatArray = y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-12)
        return found.astype(np.float32, copy=False)

    def arrays(self, side: str) -> dict[str, NDArray[Any]]:
        """Return its arrays by the names they have in the file."""
        found = {f"{side}.mean": self.mean, f"{side}.scale": self.scale}
        for i, (matrix, bias) in enumerate(self.layers):
            found |= {f"{side}.{i}.matrix": matrix, f"{side}.{i}.bias": bias}
        return found

    @classmethod
    def of(cls, arrays: Any, side: str) -> Projection:
        """Return the projection of one side; KeyError or ValueError where it makes no sense."""
        mean, scale = arrays[f"{side}.mean"], arrays[f"{side}.scale"]
        layers: list[tuple[FloatArray, FloatArray]] = []
        while f"{side}.{len(layers)}.matrix" in arrays:
            i = len(layers)
            layers.append((arrays[f"{side}.{i}.matrix"], arrays[f"{side}.{i}.bias"]))
        widths = [len(mean), *(matrix.shape[1] for matrix, _ in layers)]
        fits = all(
            matrix.shape[0] == widths[i] and bias.shape == (widths[i + 1],)
            for i, (matrix, bias) in enumerate(layers)
        )
        if not layers or not fits or scale.shape != mean.shape:
            raise ValueError(f"the projection of the {side} side is of no shape")
        found = cls(mean, scale, tuple(layers))
        if not all(np.isfinite(array).all() for array in found.arrays(side).values()):
            raise ValueError(f"the projection of the {side} side holds NaN or infinity")
        return found


@dataclass(frozen=True, slots=True)
class JointFolder:
    """What a folder holds.

    Attributes:
        names: Of the encoder of each side, as `sememe.load` takes them.
        spaces: Their fingerprints.
        projections: Of each side.
        scale: What multiplies a cosine before probabilities are taken: 1 / temperature.
        digest: sha256 of the arrays.
    """

    names: dict[str, str]
    spaces: dict[str, str]
    projections: dict[str, Projection]
    scale: float
    digest: str


def gelu(x: FloatArray) -> FloatArray:
    """Return the Gaussian error linear unit, in the form with tanh (arXiv:1606.08415)."""
    found: FloatArray = 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))
    return found


def write_projections(folder: Path, projections: dict[str, Projection]) -> None:
    """Write the arrays of both sides into a folder that is there."""
    arrays: dict[str, Any] = {}
    for side, projection in projections.items():
        arrays |= projection.arrays(side)
    with write_atomically(folder / ARRAYS) as file:
        np.savez(file, **arrays)


def read_joint_folder(path: Path) -> JointFolder:
    """Read a folder.

    Raises:
        CorruptFileError: If a file is missing or damaged, or of a newer format.
    """
    document = ModelFolder.open(path).about()
    with expect_valid(path, cure="Train or fetch it anew", errors=(Exception,)):  # of ZIP: any
        data = (path / ARRAYS).read_bytes()
        with np.load(path / ARRAYS, allow_pickle=False) as arrays:
            projections = {side: Projection.of(arrays, side) for side in SIDES}
        return JointFolder(
            names={side: str(document["encoders"][side]["name"]) for side in SIDES},
            spaces={side: str(document["encoders"][side]["space"]) for side in SIDES},
            projections=projections,
            scale=float(document["scale"]),
            digest=hashlib.sha256(data).hexdigest(),
        )
