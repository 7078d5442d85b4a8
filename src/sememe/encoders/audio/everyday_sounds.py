"""Name everyday sounds, and place them where a text encoder places their names.

    sememe.load("everyday-sounds").classify(["bark.ogg"], k=1)  # [[("dog barking", 0.97)]]
    sememe.load("everyday-sounds:conse")                        # found by "dog", 개 짖는 소리, ...

The network and its licence: `sememe.models.audio.sound_network`; the kinds:
`sememe.models.audio.sound_kinds`. A sound of no kind that is known is called unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sememe._cpus import count_cpus
from sememe._errors import InvalidInputError
from sememe._types import Encoder, FloatArray
from sememe.encoders.audio.base import BaseAudioEncoder, check_audio_items
from sememe.encoders.base import BaseEncoder, as_encoder, check_threads, map_items, unit_rows
from sememe.encoders.cached_rows import cache_rows
from sememe.encoders.prediction import Classifier
from sememe.encoders.space import fingerprint_space
from sememe.models.audio.sound_kinds import UNKNOWN, known_kinds, load_probe, other_kinds
from sememe.models.audio.sound_network import (
    FEATURES,
    NETWORK_FILE,
    RATE,
    SoundEngine,
    measure_levels,
)
from sememe.models.weights.catalog import EVERYDAY_MODEL
from sememe.sources.media.audio_decoding import stream_sound

_SECONDS = 5.0  # of audio that the network reads together
_SURE = 0.8  # from this probability on a name is given without `GUESS`
GUESS = " (probably)"
_LEAST = 0.5  # below this probability of its best kind a sound is unknown
_SILENCE = 1e-4  # of full scale: audio that stays below is silent


class EverydaySounds(BaseAudioEncoder, Classifier):
    """Encode audio by the features of a network of sound effects, and name everyday sounds.

    Items: paths, bytes of files, or (samples, sample rate). Audio longer than five seconds is read
    in windows, and features are averaged. The overall loudness has no influence.

    Attributes:
        labels: Ten kinds of sound, and "unknown".

    >>> import numpy as np
    >>> namer = EverydaySounds()
    >>> namer.classify([(np.zeros(44_100), 44_100)], k=1)
    [[Prediction(label='unknown', probability=1.0)]]
    """

    def __init__(
        self,
        engine: SoundEngine | None = None,
        *,
        name: str = EVERYDAY_MODEL,
        threads: int | None = None,
    ) -> None:
        """Take a network, by default the package's. threads: all cores by default."""
        check_threads(threads)
        self._engine: SoundEngine = engine or SoundEngine(NETWORK_FILE)
        space = fingerprint_space(v=1, network=self._engine.digest, normalize=True)
        super().__init__(name=name, dim=FEATURES, space=space)
        self.labels = (*(kind.name for kind in known_kinds()), UNKNOWN)
        self._threads = threads or count_cpus()

    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        rows, failed = self._measure(items, show_progress)
        return unit_rows(rows, self.dim), failed

    def probabilities_with_failures(
        self, items: Sequence[Any]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Compute probabilities, collecting failures; see `Classifier`. Silence is unknown."""
        rows, failed = self._measure(check_audio_items(items), show=False)
        probabilities = load_probe()(rows)
        silent = ~rows.any(axis=1)
        probabilities[silent] = [label == UNKNOWN for label in self.labels]
        return probabilities, failed

    def _measure(self, items: Sequence[Any], show: bool) -> tuple[FloatArray, dict[int, str]]:
        return map_items(self._measure_one, items, dim=FEATURES, threads=self._threads, show=show)

    def _measure_one(self, item: Any) -> FloatArray:
        """Return (512,) features of an item, the mean over its windows; zeros for silence."""
        import numpy as np

        total, weight = np.zeros(FEATURES), 0
        for block in stream_sound(item, sample_rate=RATE, seconds=_SECONDS):
            loudest = float(np.abs(block).max())
            if loudest > _SILENCE:
                total += len(block) * self._engine.run(measure_levels(block / loudest))
                weight += len(block)
        return (total / max(weight, 1)).astype(np.float32)


class NamedSounds(NamedTuple):
    """Sounds by their names.

    Attributes:
        vectors: (n, dim) unit rows; NaN where nothing is known.
        names: What each is: "rain / 빗소리", "rain / 빗소리 (probably)", "" where it is unknown.
        failed: {index: reason} of what cannot be read.
    """

    vectors: FloatArray
    names: list[str]
    failed: dict[int, str]


class SoundNameEncoder(BaseAudioEncoder):
    """Encode sounds in the space of a text encoder, by the names of their kinds.

    The vector of a sound is the mean of its kinds' vectors, weighted by their probabilities, as in
    ConSE (Norouzi et al. 2013, arXiv:1312.5650); that of a kind is the mean of its names' vectors,
    English and Korean. A sound of no known kind gets the all-equal direction from `encode`;
    `encode_named` tells it apart.

    Attributes:
        sounds: Names the sounds.
        text_encoder: The text encoder.
    """

    text_encoder: BaseEncoder

    def __init__(self, sounds: EverydaySounds, texts: Encoder, *, name: str) -> None:
        """Take what names sounds, and the text encoder whose space to use.

        Raises:
            InvalidInputError: `texts` is not a text encoder.
        """
        if texts.modality != "text":
            raise InvalidInputError(f"{texts.name} encodes {texts.modality}; give a text encoder.")
        self.sounds = sounds
        self.text_encoder = as_encoder(texts)
        super().__init__(name=name, dim=texts.dim, space=lambda: texts.space)

    def encode_named(self, items: Sequence[Any]) -> NamedSounds:
        """Encode and name sounds, collecting failures; InvalidInputError if one is no audio."""
        probabilities, failed = self.sounds.probabilities_with_failures(items)
        return NamedSounds(self.combine(probabilities), self.name_rows(probabilities), failed)

    def combine(self, probabilities: FloatArray) -> FloatArray:
        """Return (n, dim) unit rows of (n, 11) probabilities; NaN where the sound is unknown."""
        import numpy as np

        known = probabilities[:, :-1]
        rows = unit_rows(known @ self._kinds, self.dim)
        unknown = ~(known.max(axis=1) >= _LEAST)  # NaN is unknown
        return np.where(unknown[:, None], np.float32(np.nan), rows)

    def name_rows(self, probabilities: FloatArray) -> list[str]:
        """Return the name to show of each of (n, 11) probabilities, in English and Korean.

        "rain / 빗소리", or "rain / 빗소리 (probably)"; "" where it is unknown.
        """
        names = []
        for row in probabilities[:, :-1]:
            best = int(row.argmax())
            kind = known_kinds()[best]
            korean = next(name for name in kind.others if not name.isascii())
            sure = "" if row[best] >= _SURE else GUESS
            names.append(f"{kind.name} / {korean}{sure}" if row[best] >= _LEAST else "")
        return names

    def estimate_background(self, query: FloatArray) -> tuple[float, float]:
        """Return mean and deviation of a (dim,) text vector's similarities to kinds of sound."""
        similarities = self._background @ query
        return float(similarities.mean()), float(similarities.std())

    def release(self) -> None:
        """Free memory that only makes the next encode faster."""
        self.sounds.release()

    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        import numpy as np

        done = self.encode_named(items)
        rows = done.vectors.copy()
        unknown = [i for i, name in enumerate(done.names) if not name and i not in done.failed]
        rows[unknown] = np.float32(self.dim**-0.5)
        return rows, done.failed

    @property
    def _kinds(self) -> FloatArray:
        """(10, dim) unit rows of the kinds that are known."""
        return self._background[: len(known_kinds())]

    @cached_property
    def _background(self) -> FloatArray:
        """Unit rows of known and other kinds, (n, dim)."""
        kinds = [[kind.name, *kind.others] for kind in (*known_kinds(), *other_kinds())]
        key = fingerprint_space(v=1, space=self.space, kinds=kinds)
        shape = len(kinds), self.dim
        return cache_rows("sound_kinds", key, shape, lambda: self._encode_kinds(kinds))

    def _encode_kinds(self, kinds: Sequence[Sequence[str]]) -> FloatArray:
        import numpy as np

        rows = self.text_encoder.encode([name for names in kinds for name in names])
        ends = np.cumsum([len(names) for names in kinds])[:-1]
        return unit_rows(np.stack([own.mean(axis=0) for own in np.split(rows, ends)]), self.dim)
