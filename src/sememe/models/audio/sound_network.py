"""The network behind `everyday-sounds`: a log mel spectrogram to 512 features.

Eight 3 x 3 convolutions to 64, 64, 128, 128, 256, 256, 512 and 512 channels, each with ReLU, and
after the second, fourth and sixth a 2 x 2 max pooling; then the mean over frequency and the maximum
over time. The spectrogram: 44,100 samples a second, frames of 2,048 every 1,024, 96 triangles of
unit sum on the mel scale of HTK, log10(10,000 power + 1) / 9.4578.

The weights are those of aiSFX 0.1.2 (X-Sequential-CE), copyright (c) 2022 A.B. Ma and A. Lerch,
under CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Changes: batch norms folded into the
convolutions, weights rounded to 8 bits, classification layers left out. They were learnt on
libraries of sound effects. `benchmarks/everyday_sounds.py` makes the file anew.

Reference: Ma & Lerch 2022, Representation Learning for the Automatic Indexing of Sound Effects
Libraries (ISMIR).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._persistence import hash_file
from sememe._types import FloatArray
from sememe.models.audio.mel_filters import to_mel
from sememe.models.audio.spectrogram import compute_spectra, make_window, split_frames
from sememe.models.onnx.builder import Graph, floats
from sememe.models.onnx.session import LazySession

RATE = 44_100
FEATURES = 512
NETWORK_FILE = Path(__file__).parent / "sound_network.npz"
_N_FFT, _HOP, _N_MELS = 2048, 1024, 96
_GAIN, _LOUDEST = 1e4, 9.457798957824707
_LEAST_FRAMES = 100  # 2.3 seconds: what the network was trained on
_LAYERS = 8
_POOLED = (1, 3, 5)  # layers that a 2 x 2 max pooling follows


def measure_levels(samples: FloatArray) -> FloatArray:
    """Return (frames, 96) float32, 0 to about 1, of (n,) samples at 44,100 a second.

    Audio shorter than 2.3 seconds is padded with silence.
    """
    views = split_frames([samples], n_fft=_N_FFT, hop_length=_HOP, center=True, pad_mode="constant")
    window = make_window("hann", _N_FFT, _N_FFT)
    rows = [compute_spectra(frames, window, 2.0) @ _make_filters().T for frames in views]
    levels = np.log10(_GAIN * np.concatenate(rows) + 1) / _LOUDEST
    missing = max(0, _LEAST_FRAMES - len(levels))
    return np.pad(levels, ((0, missing), (0, 0))).astype(np.float32)


def build_network(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Build the graph of "levels" (N, frames, 96) to "features" (N, 512).

    weights: "weight{i}" (out, in, 3, 3) int8, "scale{i}" (out,) and "bias{i}" (out,) float32.
    """
    g = Graph()
    x = g("Unsqueeze", "levels", g.constant(np.array([1])))
    for i in range(_LAYERS):
        scale = weights[f"scale{i}"].reshape(-1, 1, 1, 1)
        weight = g.constant((weights[f"weight{i}"] * scale).astype(np.float32))
        bias = g.constant(weights[f"bias{i}"])
        x = g("Relu", g("Conv", x, weight, bias, pads=[1, 1, 1, 1]))
        if i in _POOLED:
            x = g("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = g("ReduceMean", x, g.constant(np.array([3])), keepdims=0)
    g.output("features", "ReduceMax", x, g.constant(np.array([2])), keepdims=0)
    return g.build({"levels": floats("N", "frames", _N_MELS)}, {"features": floats("N", FEATURES)})


@cache
def _make_filters() -> FloatArray:
    """Return (96, 1025) float32: triangles on the mel scale, each with weights of sum one."""
    low, high = to_mel(np.array([0.0, RATE / 2]), "htk")
    corners = np.linspace(low, high, _N_MELS + 2)
    bins = to_mel(np.fft.rfftfreq(_N_FFT, 1 / RATE), "htk")
    ramps = (bins - corners[:, None]) / (corners[1] - corners[0])  # (98, 1025), in corners
    filters = np.maximum(0, np.minimum(ramps[:-2], -ramps[2:]))
    return np.asarray(filters / filters.sum(axis=1, keepdims=True), np.float32)


class SoundEngine:
    """Runs the network in a file of weights, which is opened when it is first needed.

    Attributes:
        digest: The sha256 of the file.
    """

    def __init__(self, path: Path) -> None:
        self.digest = hash_file(path).hexdigest()
        self._session = LazySession(lambda: _read_network(path))

    def run(self, levels: FloatArray) -> FloatArray:
        """Return (512,) features of (frames, 96) levels."""
        (features,) = self._session.run({"levels": levels[None]})
        return np.asarray(features[0])

    def release(self) -> None:
        """Close the session; the next run opens it again."""
        self._session.release()


def _read_network(path: Path) -> bytes:
    with np.load(path, allow_pickle=False) as weights:
        return build_network(weights)
