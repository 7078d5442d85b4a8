"""The folder of a joint space: a projection for each of two frozen encoders.

sememe.json       format version, kind, the names and spaces of both encoders, temperature
projections.npz   of each side: mean and scale of the inputs, then matrices and biases
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._atomic import write_atomically
from sememe._persistence import expect_valid, hash_file
from sememe._types import FloatArray
from sememe.models.weights.folder import ModelFolder
from sememe.vectors.nearest import unit

ARRAYS = "projections.npz"
KIND = "joint"
SIDES = ("image", "text")


@dataclass(frozen=True, eq=False, slots=True)
class Projection:
    """Rows of one space to unit rows of another, through layers with a GELU between.

    Attributes:
        mean, scale: (dim in,), subtracted from the rows, and dividing them.
        layers: (matrix (in, out), bias (out,)) each.
    """

    mean: FloatArray
    scale: FloatArray
    layers: tuple[tuple[FloatArray, FloatArray], ...]

    @property
    def dim(self) -> int:
        """Width of the outputs."""
        return int(self.layers[-1][0].shape[1])

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Return (n, dim) unit rows; a row of NaN stays NaN."""
        y = (rows - self.mean) / self.scale
        for i, (matrix, bias) in enumerate(self.layers):
            y = (gelu(y) if i else y) @ matrix + bias
        return unit(y)

    def arrays(self, side: str) -> dict[str, NDArray[Any]]:
        """Return the arrays by their names in the file."""
        arrays = {f"{side}.mean": self.mean, f"{side}.scale": self.scale}
        for i, (matrix, bias) in enumerate(self.layers):
            arrays |= {f"{side}.{i}.matrix": matrix, f"{side}.{i}.bias": bias}
        return arrays

    @classmethod
    def of(cls, arrays: Any, side: str) -> Projection:
        """Return the projection of one side; KeyError or ValueError if it makes no sense."""
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
        projection = cls(mean, scale, tuple(layers))
        if not all(np.isfinite(array).all() for array in projection.arrays(side).values()):
            raise ValueError(f"the projection of the {side} side holds NaN or infinity")
        return projection


@dataclass(frozen=True, slots=True)
class JointFolder:
    """The content of a folder.

    Attributes:
        names: Of the encoder of each side, for `sememe.load`.
        spaces: Their fingerprints.
        projections: Of each side.
        scale: Factor of cosines before a softmax: 1 / temperature.
        digest: sha256 of the arrays.
    """

    names: dict[str, str]
    spaces: dict[str, str]
    projections: dict[str, Projection]
    scale: float
    digest: str


def gelu(x: FloatArray) -> FloatArray:
    """Return the Gaussian error linear unit, in the form with tanh (arXiv:1606.08415)."""
    result: FloatArray = 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))
    return result


def write_projections(folder: Path, projections: dict[str, Projection]) -> None:
    """Write the arrays of both sides into an existing folder."""
    arrays: dict[str, Any] = {}
    for side, projection in projections.items():
        arrays |= projection.arrays(side)
    with write_atomically(folder / ARRAYS) as file:
        np.savez(file, **arrays)


def read_joint_folder(path: Path) -> JointFolder:
    """Read a folder; CorruptFileError if a file is missing, damaged or of a newer format."""
    document = ModelFolder.open(path).about()
    with expect_valid(path, cure="Train or fetch it anew", errors=(Exception,)):  # of ZIP: any
        with np.load(path / ARRAYS, allow_pickle=False) as arrays:
            projections = {side: Projection.of(arrays, side) for side in SIDES}
        return JointFolder(
            names={side: str(document["encoders"][side]["name"]) for side in SIDES},
            spaces={side: str(document["encoders"][side]["space"]) for side in SIDES},
            projections=projections,
            scale=float(document["scale"]),
            digest=hash_file(path / ARRAYS).hexdigest(),
        )
