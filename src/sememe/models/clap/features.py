"""Log-mel spectrograms for CLAP's audio tower, which reads clips of one length.

    shorter   repeated as often as it fits, then silence ("repeatpad")
    longer    cut into windows of that length; the last one ends with the audio
    fused     longer audio is read as four spectrograms: itself, shrunk to one window, and a window
              from each third of it

The published code takes a random part of a longer clip; here nothing is random: the window of a
third is the middle one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import expect_valid
from sememe._types import FloatArray
from sememe.models.audio.mfcc import Mfcc
from sememe.models.weights.config import fill_defaults
from sememe.sources.media.audio_decoding import stream_sound

PADDINGS = ("repeatpad", "repeat", "pad")
_TRUNCATIONS = ("rand_trunc", "fusion")
_FUSED_SECONDS = 120.0  # of audio that are read at once; longer audio is cut into such parts
_DEFAULTS: dict[str, Any] = {
    "feature_size": 64, "sampling_rate": 48_000, "hop_length": 480, "max_length_s": 10,
    "fft_window_size": 1024, "frequency_min": 0, "frequency_max": 14_000, "truncation": "fusion",
    "padding": "repeatpad",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClapFeatures:
    """How audio becomes spectrograms. The repr is part of fingerprints.

    Attributes:
        mel: Options of the mel spectrogram.
        samples: Samples that the network reads at once.
        padding: Of shorter clips: one of PADDINGS.
        fused: Whether longer audio is read as four spectrograms.
    """

    mel: Mfcc
    samples: int
    padding: str
    fused: bool

    @property
    def frames(self) -> int:
        """Frames of a spectrogram."""
        return self.samples // self.mel.hop_length + 1

    def windows(self, sound: Any) -> Iterator[FloatArray]:
        """Yield (1, frames, mels) float32 of each window; see this file's top.

        With fusion, (4, frames, mels) of audio that is longer than a window. Raises as
        `stream_sound` does.
        """
        rate = self.mel.sample_rate
        seconds = _FUSED_SECONDS if self.fused else self.samples / rate
        before = np.empty(0, np.float32)
        for block in stream_sound(sound, sample_rate=rate, seconds=seconds):
            shorter = len(block) < len(before)
            last = np.concatenate([before, block])[-len(before) :] if shorter else block
            yield self.spectrograms(last)
            before = block

    def spectrograms(self, samples: FloatArray) -> FloatArray:
        """Return (1, frames, mels) float32 of (n,) samples, or (4, frames, mels); see `windows`."""
        mels = self._mels(self._pad(samples))
        return _stack_parts(mels, self.frames) if len(mels) > self.frames else mels[None]

    def _mels(self, samples: FloatArray) -> FloatArray:
        return np.ascontiguousarray(self.mel.log_mel((samples, self.mel.sample_rate)).T)

    def _pad(self, samples: FloatArray) -> FloatArray:
        times = self.samples // len(samples)
        if not times:
            return samples
        if self.padding == "repeat":
            return np.tile(samples, times + 1)[: self.samples]
        whole = np.tile(samples, times) if self.padding == "repeatpad" else samples
        return np.pad(whole, (0, self.samples - len(whole)))


def read_features(given: Mapping[str, Any], *, fused: bool, where: str) -> ClapFeatures:
    """Read a preprocessor_config.json of transformers' ClapFeatureExtractor.

    fused: Whether the network can read four spectrograms. where: Name for messages.

    Raises:
        InvalidInputError: If it asks for something that sememe does not do.
        CorruptFileError: If an entry makes no sense.
    """
    config = fill_defaults(_DEFAULTS, given)
    for key, known in (("padding", PADDINGS), ("truncation", _TRUNCATIONS)):
        if config[key] not in known:
            got, allowed = config[key], ", ".join(known)
            raise InvalidInputError(f"{where} has {key}={got!r}; sememe does {allowed}")
    fusion = config["truncation"] == "fusion"
    with expect_valid(where):
        rate = int(config["sampling_rate"])
        features = ClapFeatures(
            mel=Mfcc(
                sample_rate=rate,
                n_fft=int(config["fft_window_size"]),
                hop_length=int(config["hop_length"]),
                pad_mode="reflect",
                n_mels=int(config["feature_size"]),
                fmin=float(config["frequency_min"]),
                fmax=float(config["frequency_max"]),
                mel_scale="htk" if fusion else "slaney",
                mel_norm="none" if fusion else "slaney",
                top_db=None,
                threads=1,
            ),
            samples=int(config["max_length_s"] * rate),
            padding=config["padding"],
            fused=fused and fusion,
        )
    if not _fits(features.mel, features.samples):
        raise CorruptFileError(
            f"{where}: its sampling_rate, fft_window_size, hop_length, max_length_s, feature_size, "
            "frequency_min and frequency_max do not fit each other. Fetch it anew"
        )
    return features


def _fits(mel: Mfcc, samples: int) -> bool:
    """Return whether the sizes fit each other and the samples of a window."""
    return (
        100 <= mel.sample_rate <= 1_000_000
        and 2 <= mel.n_fft
        and 1 <= mel.hop_length <= mel.n_fft <= samples
        and mel.n_mels >= 1
        and 0 <= mel.fmin < (mel.fmax or 0.0) <= mel.sample_rate / 2
    )


def _stack_parts(mels: FloatArray, frames: int) -> FloatArray:
    """Return (4, frames, mels) of more frames: all, shrunk, then a window of each third."""
    starts = np.array_split(np.arange(len(mels) - frames + 1), 3)
    first = [int(some[len(some) // 2]) if len(some) else 0 for some in starts]
    positions = np.clip((np.arange(frames) + 0.5) * (len(mels) / frames) - 0.5, 0, None)
    lower = np.floor(positions).astype(np.int64)
    upper = np.minimum(lower + 1, len(mels) - 1)
    fraction = (positions - lower).astype(np.float32)[:, None]
    shorter = mels[lower] * (1 - fraction) + mels[upper] * fraction
    return np.stack([shorter, *(mels[at : at + frames] for at in first)])
