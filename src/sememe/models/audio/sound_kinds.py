"""Kinds of everyday sound: those that `everyday-sounds` names, and the probe that tells them apart.

The probe is one linear layer on the features of `sememe.models.audio.sound_network`, fitted to the
400 clips of ESC-10 and, as "unknown", to 200 synthetic sounds by `benchmarks/everyday_sounds.py`.
ESC-10: Piczak 2015, ESC: Dataset for Environmental Sound Classification (ACM MM); clips derived
from recordings of freesound.org, CC BY 3.0, whose authors https://github.com/karoldvl/ESC-10 lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sememe._types import FloatArray
from sememe.space.probe import softmax

UNKNOWN = "unknown"
PROBE_FILE = Path(__file__).parent / "sound_probe.npz"
_ROOM = "sememe.models.audio"


class SoundKind(NamedTuple):
    """A kind of sound: the name that is shown, and others that people search by."""

    name: str
    others: tuple[str, ...]


@cache
def known_kinds() -> tuple[SoundKind, ...]:
    """Return the kinds that the probe knows, in the order of its outputs.

    >>> known_kinds()[1].name, known_kinds()[1].others[1]
    ('rain', '빗소리')
    """
    return _read_kinds("everyday_sounds.tsv")


@cache
def other_kinds() -> tuple[SoundKind, ...]:
    """Return kinds that the probe does not know: what else a query may mean."""
    return _read_kinds("other_sounds.tsv")


def _read_kinds(file: str) -> tuple[SoundKind, ...]:
    text = files(_ROOM).joinpath(file).read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return tuple(SoundKind(name, tuple(others)) for name, *others in rows)


@dataclass(frozen=True, eq=False, slots=True)
class SoundProbe:
    """Probabilities of kinds from features of the network.

    Attributes:
        mean, deviation: (512,) of the features it was fitted to.
        weight: (kinds + 1, 512); the last row is of unknown sounds.
        bias: (kinds + 1,).
    """

    mean: FloatArray
    deviation: FloatArray
    weight: FloatArray
    bias: FloatArray

    def __call__(self, features: FloatArray) -> FloatArray:
        """Return (n, kinds + 1) float32 probabilities of (n, 512) features."""
        standard = (compress(features) - self.mean) / self.deviation
        return softmax(standard @ self.weight.T + self.bias)

    def to_bytes(self) -> bytes:
        """Return the file that `of_bytes` reads."""
        out = BytesIO()
        arrays = {name: getattr(self, name) for name in self.__slots__}
        np.savez_compressed(out, **{name: a.astype(np.float32) for name, a in arrays.items()})
        return out.getvalue()

    @classmethod
    def of_bytes(cls, data: bytes) -> SoundProbe:
        """Read what `to_bytes` wrote."""
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in cls.__slots__})


def compress(features: FloatArray) -> FloatArray:
    """Return features as the probe takes them: loud peaks count less."""
    return np.sqrt(features)


@cache
def load_probe() -> SoundProbe:
    """Return the probe of the package."""
    return SoundProbe.of_bytes(PROBE_FILE.read_bytes())
