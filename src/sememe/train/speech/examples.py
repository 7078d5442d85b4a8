"""What a speech recogniser learns from: recordings with the letters of what is said in them.

Each epoch they come in another order and varied. Some are said faster or slower, with the pitch
that goes with it, which makes other voices of few; some are joined, since a network that has heard
single words alone cannot write a sentence; and noise is laid over them. Which of it happens to a
recording is a function of the seed and of the epoch.

Ko et al. 2015, Audio augmentation for speech recognition (speed perturbation).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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
_RANGES = 8  # of pitches, each made louder or softer
_QUIETEST = 0.01  # noise, as a share of the sound's level


@dataclass(frozen=True, slots=True)
class Variation:
    """How much recordings are varied.

    Attributes:
        speed: Largest change of speed, either way: 0.1 is 0.9 to 1.1 times as fast.
        noise: Loudest noise, as a share of the sound's own level.
        colour: How many decibels a range of pitches is made louder or softer, at most.
        join: How probable it is that one more recording follows in the same example.
        joined: Recordings that are joined, at most.
    """

    speed: float = 0.0
    noise: float = 0.0
    colour: float = 0.0
    join: float = 0.0
    joined: int = 4


class Row(NamedTuple):
    """Recordings that are heard one after the other, as they are to be made.

    Attributes:
        places: Which.
        samples: How many each is to have, by its speed.
        gaps: Samples of silence after each.
    """

    places: tuple[int, ...]
    samples: tuple[int, ...]
    gaps: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Spoken:
    """Recordings and the letters of what is said in each.

    Attributes:
        sounds: See `Waveforms`.
        letters: The numbers of each recording's letters.
        texts: What is said, as it is to be written.
    """

    sounds: Waveforms
    letters: tuple[tuple[int, ...], ...]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self.texts)

    def some(self, places: Sequence[int]) -> Spoken:
        """Return some of them; their sounds are not copied, but for their bounds."""
        letters, texts = (tuple(x[i] for i in places) for x in (self.letters, self.texts))
        return Spoken(_Chosen(self.sounds, tuple(places)), letters, texts)  # type: ignore[arg-type]

    def made(self, row: Row, rng: np.random.Generator, variation: Variation) -> FloatArray:
        """Return the sound of a row: (n,) float32 of mean 0 and variance 1."""
        parts = []
        for place, n, gap in zip(*row, strict=True):
            said = _coloured(_said_in(self.sounds[place], n), variation.colour, rng)
            parts += [said, np.zeros(gap, np.float32)]
        sound = np.concatenate(parts)
        if variation.noise > _QUIETEST:
            share = np.exp(rng.uniform(np.log(_QUIETEST), np.log(variation.noise)))
            sound = sound + np.float32(share) * rng.standard_normal(len(sound), np.float32)
        sound = sound - sound.mean()
        found: FloatArray = (sound / max(float(sound.std()), 1e-6)).astype(np.float32)
        return found

    def target(self, row: Row) -> list[int]:
        """Return the letters of a row, with a space between recordings."""
        found: list[int] = []
        for place in row.places:
            found += [*([SPACE] if found else []), *self.letters[place]]
        return found


class _Chosen:
    """Some of the sounds, under new places."""

    def __init__(self, sounds: Waveforms, places: tuple[int, ...]) -> None:
        self._sounds, self._places = sounds, places
        self.lengths = sounds.lengths[list(places)]
        self.sample_rate = sounds.sample_rate

    def __getitem__(self, place: int) -> FloatArray:
        return self._sounds[self._places[place]]


def spoken(
    sounds: Waveforms, texts: Sequence[str], vocabulary: SpeechVocabulary, config: SpeechConfig
) -> tuple[Spoken, tuple[Skipped, ...]]:
    """Return the recordings that can be learnt from, and those left out, with reasons.

    texts: What is said in each recording that was found, as `sounds.places` counts them. A text of
    no letter is left out, and one of more letters than the recording has frames: CTC can write at
    most a letter a frame, and one frame more for each pair of equal letters.
    """
    kept, left_out = [], []
    letters, plain = [], []
    for row, place in enumerate(sounds.places.tolist()):
        text = vocabulary.plain(texts[place])
        ids = vocabulary.encode(texts[place])
        frames, needed = config.frames(int(sounds.lengths[row])), frames_needed(ids)
        if not any(i > SPACE for i in ids):
            left_out.append(Skipped(sounds.sources[row], "its transcript has no letter"))
        elif frames < needed:
            reason = f"{len(ids)} letters need {needed} frames, and it has {frames}"
            left_out.append(Skipped(sounds.sources[row], reason))
        else:
            kept.append(row)
            letters.append(tuple(ids))
            plain.append(text)
    chosen = _Chosen(sounds, tuple(kept))
    return Spoken(chosen, tuple(letters), tuple(plain)), tuple(left_out)  # type: ignore[arg-type]


def check_spoken(data: Spoken) -> None:
    """Refuse what nothing can be learnt from.

    Raises:
        InvalidInputError: Less than two recordings, or the same is said in all of them.
    """
    if len(data) < 2:
        raise InvalidInputError(
            f"{len(data)} recordings with a transcript can be used; give two or more."
        )
    text, count = Counter(data.texts).most_common(1)[0]
    if count == len(data):
        raise InvalidInputError(
            f"all {count} transcripts say {text[:60]!r}: there is nothing to tell apart. Give "
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
    """Return the batches of an epoch: rows of like lengths, at most so many samples together.

    Every recording occurs once. One that would have too few frames for its letters when said
    faster is said as it is.
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
    rows: list[list[int]] = []
    total = 0
    for place in order.tolist():
        own = int(varied[place] + gaps[place])
        fits = total + own <= max_batch_samples
        if rows and follows[place] and len(rows[-1]) < variation.joined and fits:
            rows[-1].append(place)
            total += own
        else:
            rows.append([place])
            total = own
    made = [_row(places, varied, gaps) for places in rows]
    sizes = np.array([sum(row.samples) + sum(row.gaps) for row in made])
    cut = batches(sizes, max_batch_samples=max_batch_samples, rng=rng)
    return [[made[i] for i in found.tolist()] for found in cut]


def _row(places: list[int], samples: NDArray[np.int64], gaps: NDArray[np.int64]) -> Row:
    single = len(places) == 1
    return Row(
        tuple(places),
        tuple(int(samples[i]) for i in places),
        (0,) if single else tuple(int(gaps[i]) for i in places),
    )


def _said_in(sound: FloatArray, n: int) -> FloatArray:
    """Return a sound in n samples: faster and higher, or slower and lower."""
    if n == len(sound):
        return sound
    at = np.linspace(0, len(sound) - 1, n)
    return np.interp(at, np.arange(len(sound)), sound).astype(np.float32)


def _coloured(sound: FloatArray, decibels: float, rng: np.random.Generator) -> FloatArray:
    """Return a sound as through another microphone: some ranges louder and others softer."""
    if not decibels:
        return sound
    spectrum = np.fft.rfft(sound)
    at = np.linspace(0, _RANGES - 1, len(spectrum))
    gains = np.interp(at, np.arange(_RANGES), rng.uniform(-decibels, decibels, _RANGES))
    found = np.fft.irfft(spectrum * 10 ** (gains / 20), len(sound)).astype(np.float32)
    return found / max(float(found.std()), 1e-6)
