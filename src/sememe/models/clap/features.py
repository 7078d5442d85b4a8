"""What CLAP's audio tower reads: decibels of mel bins, of clips of one length.

    shorter   repeated as often as it fits, then silence ("repeatpad")
    longer    cut into windows of that length; the last one ends with the recording
    fused     a longer one is read as four spectrograms: itself, made as short as one window, and a
              window from each third of it

A checkpoint's own code takes a random part of a longer clip; here nothing is random. Windows of the
thirds are those in the middle of where they may begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import expect_valid
from sememe.models.audio.mfcc import Mfcc
from sememe.models.weights.config import fill_defaults
from sememe.sources.media.audio_decoding import stream_sound

if TYPE_CHECKING:
    from sememe._types import FloatArray

PADDINGS = ("repeatpad", "repeat", "pad")
_TRUNCATIONS = ("rand_trunc", "fusion")
_FUSED_SECONDS = 120.0  # of a recording that are read as one; a longer one is cut into such parts
_DEFAULTS: dict[str, Any] = {
    "feature_size": 64, "sampling_rate": 48_000, "hop_length": 480, "max_length_s": 10,
    "fft_window_size": 1024, "frequency_min": 0, "frequency_max": 14_000, "truncation": "fusion",
    "padding": "repeatpad",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClapFeatures:
    """How clips become spectrograms.

    Attributes:
        mel: Its options.
        samples: How many the network reads at once.
        padding: What stands after a shorter clip: one of PADDINGS.
        fused: Whether a longer one is read as four spectrograms.
    """

    mel: Mfcc
    samples: int
    padding: str
    fused: bool

    @property
    def frames(self) -> int:
        """How many frames a spectrogram has."""
        return self.samples // self.mel.hop_length + 1

    def windows(self, sound: Any) -> Iterator[FloatArray]:
        """Yield (1, frames, mels) float32 of each window of a recording; see this file's top.

        Fused, (4, frames, mels) of one that is longer than a window.

        Raises:
            CorruptFileError, InvalidInputError, MissingExtraError: As `stream_sound`.
        """
        rate = self.mel.sample_rate
        seconds = _FUSED_SECONDS if self.fused else self.samples / rate
        before: FloatArray | None = None
        for block in stream_sound(sound, sample_rate=rate, seconds=seconds):
            samples = block
            if before is not None and len(block) < len(before):
                samples = np.concatenate([before, block])[-len(before) :]
            before = block
            yield self.spectrograms(samples)

    def spectrograms(self, samples: FloatArray) -> FloatArray:
        """Return (1, frames, mels) float32 of (n,) samples, or (4, frames, mels); see `windows`."""
        mels = self._mels(self._filled(samples))
        return _four(mels, self.frames) if len(mels) > self.frames else mels[None]

    def _mels(self, samples: FloatArray) -> FloatArray:
        return np.ascontiguousarray(self.mel.log_mel((samples, self.mel.sample_rate)).T)

    def _filled(self, samples: FloatArray) -> FloatArray:
        times = self.samples // len(samples)
        if not times:
            return samples
        if self.padding == "repeat":
            return np.tile(samples, times + 1)[: self.samples]
        whole = np.tile(samples, times) if self.padding == "repeatpad" else samples
        return np.pad(whole, (0, self.samples - len(whole)))


def read_features(said: Mapping[str, Any], *, fused: bool, where: str) -> ClapFeatures:
    """Read a preprocessor_config.json of transformers' ClapFeatureExtractor.

    fused: Whether the network knows what to do with four spectrograms. where: for messages.

    Raises:
        InvalidInputError: Something that sememe does not do.
        CorruptFileError: Something in it makes no sense.
    """
    facts = fill_defaults(_DEFAULTS, said)
    for key, known in (("padding", PADDINGS), ("truncation", _TRUNCATIONS)):
        if facts[key] not in known:
            got, allowed = facts[key], ", ".join(known)
            raise InvalidInputError(f"{where} has {key}={got!r}; sememe does {allowed}")
    fusion = facts["truncation"] == "fusion"
    with expect_valid(where):
        rate = int(facts["sampling_rate"])
        found = ClapFeatures(
            mel=Mfcc(
                sample_rate=rate,
                n_fft=int(facts["fft_window_size"]),
                hop_length=int(facts["hop_length"]),
                pad_mode="reflect",
                n_mels=int(facts["feature_size"]),
                fmin=float(facts["frequency_min"]),
                fmax=float(facts["frequency_max"]),
                mel_scale="htk" if fusion else "slaney",
                mel_norm="none" if fusion else "slaney",
                top_db=None,
                threads=1,
            ),
            samples=int(facts["max_length_s"] * rate),
            padding=facts["padding"],
            fused=fused and fusion,
        )
    return _checked(found, where)


def _checked(features: ClapFeatures, where: str) -> ClapFeatures:
    mel = features.mel
    top = mel.fmax or 0.0
    fits = (
        100 <= mel.sample_rate <= 1_000_000
        and 2 <= mel.n_fft
        and 1 <= mel.hop_length <= mel.n_fft <= features.samples
        and mel.n_mels >= 1
        and 0 <= mel.fmin < top <= mel.sample_rate / 2
    )
    if not fits:
        raise CorruptFileError(
            f"{where}: its sampling_rate, fft_window_size, hop_length, max_length_s, feature_size, "
            "frequency_min and frequency_max do not fit each other. Fetch it anew"
        )
    return features


def _four(mels: FloatArray, frames: int) -> FloatArray:
    """Return (4, frames, mels) of more frames: all, made shorter, then one of each third."""
    starts = np.array_split(np.arange(len(mels) - frames + 1), 3)
    first = [int(some[len(some) // 2]) if len(some) else 0 for some in starts]
    places = np.clip((np.arange(frames) + 0.5) * (len(mels) / frames) - 0.5, 0, None)
    lower = np.floor(places).astype(np.int64)
    upper = np.minimum(lower + 1, len(mels) - 1)
    part = (places - lower).astype(np.float32)[:, None]
    shorter = mels[lower] * (1 - part) + mels[upper] * part
    found: FloatArray = np.stack([shorter, *(mels[at : at + frames] for at in first)])
    return found
