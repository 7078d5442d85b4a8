"""Training data of a speech recogniser: recordings with the letters of their transcripts.

Each epoch they are shuffled and augmented, as a function of the seed and the epoch: speed
perturbation with pitch, which makes further voices (Ko et al. 2015, Audio augmentation for speech
recognition); joined recordings, since a network trained on single words cannot write a sentence;
random equalisation; and additive noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.train.data.waveforms import batches
from sememe.train.speech.vocabulary import SPACE, frames_needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.wav2vec2.config import SpeechConfig
    from sememe.train.data.waveforms import Waveforms
    from sememe.train.speech.vocabulary import SpeechVocabulary

    Batch = list["Row"]

_GAP = 0.2  # seconds of silence between joined recordings, at most
_BANDS = 8  # of the equaliser
_QUIETEST = 0.01  # noise, as a share of the recording's level


@dataclass(frozen=True, slots=True)
class Variation:
    """Strength of the augmentations.

    Attributes:
        speed: Largest change of speed, either way: 0.1 is 0.9 to 1.1 times as fast.
        noise: Largest level of noise, as a share of the recording's level.
        colour: Largest gain of a frequency band, in decibels.
        join: Probability that one more recording follows in the same example.
        joined: Recordings in an example, at most.
    """

    speed: float = 0.0
    noise: float = 0.0
    colour: float = 0.0
    join: float = 0.0
    joined: int = 4


class Row(NamedTuple):
    """An example: joined recordings.

    Attributes:
        places: Indices of the recordings.
        samples: Length of each, after speed perturbation.
        gaps: Samples of silence after each.
    """

    places: tuple[int, ...]
    samples: tuple[int, ...]
    gaps: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Spoken:
    """Recordings with their transcripts.

    Attributes:
        sounds: See `Waveforms`.
        letters: Ids of the letters of each transcript.
        texts: Normalised transcripts.
    """

    sounds: Waveforms
    letters: tuple[tuple[int, ...], ...]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self.texts)

    def select(self, rows: Sequence[int]) -> Spoken:
        """Return some of the recordings, without copying them."""
        letters, texts = (tuple(x[i] for i in rows) for x in (self.letters, self.texts))
        return Spoken(_Selection(self.sounds, rows), letters, texts)  # type: ignore[arg-type]

    def make_audio(self, row: Row, rng: np.random.Generator, variation: Variation) -> FloatArray:
        """Return the audio of an example: (n,) float32 of mean 0 and variance 1."""
        parts = []
        for i, n, gap in zip(*row, strict=True):
            part = _equalize(_change_speed(self.sounds[i], n), variation.colour, rng)
            parts += [part, np.zeros(gap, np.float32)]
        audio = np.concatenate(parts)
        if variation.noise > _QUIETEST:
            share = np.exp(rng.uniform(np.log(_QUIETEST), np.log(variation.noise)))
            audio = audio + np.float32(share) * rng.standard_normal(len(audio), np.float32)
        audio = audio - audio.mean()
        unit: FloatArray = (audio / max(float(audio.std()), 1e-6)).astype(np.float32)
        return unit

    def target(self, row: Row) -> list[int]:
        """Return the letters of an example, with a space between recordings."""
        spaced = [letter for i in row.places for letter in (SPACE, *self.letters[i])]
        return spaced[1:]


class _Selection:
    """Some of the recordings, under new indices."""

    def __init__(self, sounds: Waveforms, rows: Sequence[int]) -> None:
        self._sounds, self._rows = sounds, tuple(rows)
        self.lengths = sounds.lengths[list(rows)]
        self.sample_rate = sounds.sample_rate

    def __getitem__(self, row: int) -> FloatArray:
        return self._sounds[self._rows[row]]


def match_transcripts(
    sounds: Waveforms, texts: Sequence[str], vocabulary: SpeechVocabulary, config: SpeechConfig
) -> tuple[Spoken, tuple[Skipped, ...]]:
    """Return the usable recordings, and those left out, with reasons.

    texts: Transcripts, indexed by `sounds.places`. One without a letter is left out, and one with
    more letters than its recording has frames: CTC writes at most a letter per frame, and needs a
    frame more for each pair of equal letters.
    """
    kept: dict[int, tuple[int, ...]] = {}
    left_out = []
    for row, index in enumerate(sounds.places.tolist()):
        ids = tuple(vocabulary.encode(texts[index]))
        frames, needed = config.frames(int(sounds.lengths[row])), frames_needed(ids)
        if not any(i > SPACE for i in ids):
            left_out.append(Skipped(sounds.sources[row], "its transcript has no letter"))
        elif frames < needed:
            reason = f"{len(ids)} letters need {needed} frames, and it has {frames}"
            left_out.append(Skipped(sounds.sources[row], reason))
        else:
            kept[row] = ids
    selection: Any = _Selection(sounds, list(kept))
    normalized = tuple(vocabulary.normalize(texts[sounds.places[row]]) for row in kept)
    return Spoken(selection, tuple(kept.values()), normalized), tuple(left_out)


def check_spoken(data: Spoken) -> None:
    """Raise InvalidInputError for fewer than two recordings, or equal transcripts of all."""
    if len(data) < 2:
        raise InvalidInputError(
            f"{len(data)} recordings with a transcript can be used; give two or more."
        )
    text, count = Counter(data.texts).most_common(1)[0]
    if count == len(data):
        raise InvalidInputError(
            f"all {count} transcripts are {text[:60]!r}: nothing distinguishes them. Give "
            "recordings of other words too."
        )


def make_batches(
    data: Spoken,
    config: SpeechConfig,
    variation: Variation,
    *,
    max_batch_samples: int,
    seed: int,
    epoch: int,
) -> list[Batch]:
    """Return the batches of an epoch: examples of similar length, up to `max_batch_samples`.

    Every recording occurs once. Its speed is kept if it would have too few frames for its letters.
    """
    rng = np.random.default_rng([seed, 1, epoch])
    order = rng.permutation(len(data))
    low, high = 1 - variation.speed, 1 + variation.speed
    lengths = np.asarray(data.sounds.lengths)
    varied = np.round(lengths / rng.uniform(low, high, len(data))).astype(np.int64)
    frames = np.array([config.frames(int(n)) for n in varied])
    needed = np.array([frames_needed(ids) for ids in data.letters])
    varied = np.where(frames < needed, lengths, varied)
    follows = rng.random(len(data)) < variation.join
    longest = round(_GAP * data.sounds.sample_rate)
    least = 2 * config.stride  # a frame for the space between, at least
    gaps = rng.integers(least, max(longest, least) + 1, len(data))
    groups: list[list[int]] = []
    total = 0
    for i in order.tolist():
        own = int(varied[i] + gaps[i])
        fits = total + own <= max_batch_samples
        if groups and follows[i] and len(groups[-1]) < variation.joined and fits:
            groups[-1].append(i)
            total += own
        else:
            groups.append([i])
            total = own
    rows = [_make_row(group, varied, gaps) for group in groups]
    sizes = np.array([sum(row.samples) + sum(row.gaps) for row in rows])
    cut = batches(sizes, max_batch_samples=max_batch_samples, rng=rng)
    return [[rows[i] for i in batch.tolist()] for batch in cut]


def _make_row(group: list[int], samples: NDArray[np.int64], gaps: NDArray[np.int64]) -> Row:
    after = tuple(gaps[group].tolist()) if len(group) > 1 else (0,)
    return Row(tuple(group), tuple(samples[group].tolist()), after)


def _change_speed(audio: FloatArray, n: int) -> FloatArray:
    """Resample audio to n samples: faster and higher, or slower and lower."""
    if n == len(audio):
        return audio
    at = np.linspace(0, len(audio) - 1, n)
    return np.interp(at, np.arange(len(audio)), audio).astype(np.float32)


def _equalize(audio: FloatArray, decibels: float, rng: np.random.Generator) -> FloatArray:
    """Change the level of frequency bands at random, as another microphone does."""
    if not decibels:
        return audio
    spectrum = np.fft.rfft(audio)
    at = np.linspace(0, _BANDS - 1, len(spectrum))
    gains = np.interp(at, np.arange(_BANDS), rng.uniform(-decibels, decibels, _BANDS))
    changed = np.fft.irfft(spectrum * 10 ** (gains / 20), len(audio)).astype(np.float32)
    return changed / max(float(changed.std()), 1e-6)
