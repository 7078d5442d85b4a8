"""Speech recognition: what is said in recordings, and when.

    transcriber = Transcriber.load("FOLDER")
    said = transcriber.transcribe(["interview.mp3"], beam_size=16)[0]
    said.text, said.words[0].start

The network gives each frame a score for each letter (CTC, Graves et al. 2006); decoding makes a
text of them. Long recordings are read in windows that overlap, and their frames are joined before
anything is decoded, so that no word is cut at a border.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._progress import progress
from sememe.encoders.audio.base import checked_sounds
from sememe.encoders.base import refuse
from sememe.encoders.load.audio import speech_place
from sememe.encoders.text.encoder import digest
from sememe.models.ctc.beam_search import BeamDecoder
from sememe.models.ctc.greedy import GreedyDecoder, log_probabilities
from sememe.models.ctc.vocabulary import read_vocabulary, spell_words
from sememe.models.ctc.word_trie import WordTrie
from sememe.models.wav2vec2.engine import SpeechEngine
from sememe.models.wav2vec2.folder import read_speech_folder

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.ctc.greedy import Hypothesis, TimedUnit
    from sememe.models.ctc.vocabulary import Vocabulary

_SECONDS = 15.0  # of sound that the network reads at once
_HELD = 60.0  # seconds of sound in memory before they are run
_PAUSE = 1.0  # seconds without a letter that end a word, whether a space was heard or not
_BEAM = 16  # the least with a list of words: what is most like a word is seldom one at first


class Word(NamedTuple):
    """A word, and from when to when it is said, in seconds of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was understood of a recording.

    Attributes:
        text: The words, parted by single spaces; "" where nothing was understood.
        words: Each of them, and when it was said.
        score: Natural logarithm of the text's probability: with a beam, of all readings kept;
            without, of the one that was taken. Longer recordings have lower ones.
        seconds: How much of the recording was heard.
    """

    text: str
    words: tuple[Word, ...]
    score: float
    seconds: float


_NOTHING = Transcript("", (), 0.0, 0.0)


class Transcriber:
    """A network that learnt to write what it hears.

    No such network arrives by pip: give the folder of one, as `sememe train speech` or
    Wav2Vec2ForCTC of transformers writes it, or hf:org/name.
    """

    def __init__(self, engine: SpeechEngine, vocabulary: Vocabulary, *, name: str) -> None:
        """Take what runs the network and what its outputs write; see `Transcriber.load`."""
        self.name = name
        self.vocabulary = vocabulary
        self._engine = engine

    @classmethod
    def load(cls, name: str | Path, *, threads: int | None = None) -> Transcriber:
        """Load a recogniser by its folder, or hf:org/name. threads: all cores unless told.

        Raises:
            UnknownNameError: No network of speech goes by that name.
            InvalidInputError: It has not learnt to recognise, or holds no vocabulary.
            CorruptFileError, MissingExtraError, HubError: Its files are damaged, need an extra, or
                cannot be fetched.
        """
        place = speech_place(str(name))
        if place is None:
            raise UnknownNameError(
                f"model={str(name)!r} is no network of speech. None arrives by pip: give the "
                "folder of one that learnt to recognise (`sememe train speech`, or Wav2Vec2ForCTC "
                "of transformers), or hf:org/name"
            )
        folder = read_speech_folder(place)
        engine = SpeechEngine(folder, threads=threads)
        engine.open()
        config = folder.config
        vocabulary = read_vocabulary(place, size=config.vocab_size, blank=config.blank)
        named = str(name) if str(name).startswith("hf:") else str(place)
        return cls(engine, vocabulary, name=named)

    def transcribe(
        self,
        items: Sequence[Any],
        *,
        beam_size: int = 1,
        words: Sequence[str] | None = None,
        show_progress: bool = False,
    ) -> list[Transcript]:
        """Return what is said in each recording.

        Args:
            items: Paths, bytes of files, (samples, sample rate) or `sememe.sources.sound.Clip`.
            beam_size: 1 takes the best letter of each frame; more, such as 16, looks for the text
                that is most probable in all, so many at a time.
            words: What alone may be said; those that the network has no letters for are left out.
                With words, a beam_size below 16 counts as 16.
            show_progress: Show a bar.

        Raises:
            CorruptFileError: One that cannot be read. `transcribe_readable` goes on instead.
            InvalidInputError: Something that can be no recording, a beam_size below 1, or no word
                that can be written.
            MissingExtraError: The extra `audio` is not installed.
        """
        sounds = checked_sounds(items)
        found, reasons = self.transcribe_readable(
            sounds, beam_size=beam_size, words=words, show_progress=show_progress
        )
        refuse(sounds, reasons)
        return found

    def transcribe_readable(
        self,
        items: Sequence[Any],
        *,
        beam_size: int = 1,
        words: Sequence[str] | None = None,
        show_progress: bool = False,
    ) -> tuple[list[Transcript], dict[int, str]]:
        """Return what `transcribe` does, and why recordings could not be read: place -> reason.

        Of those nothing is understood.
        """
        sounds = checked_sounds(items)
        if isinstance(beam_size, bool) or not isinstance(beam_size, int) or beam_size < 1:
            raise InvalidInputError(f"beam_size={beam_size}; give a whole number of at least 1.")
        listener = _Listener(self.vocabulary, beam_size, self._tree(words), self._engine)
        found = [_NOTHING] * len(sounds)
        reasons: dict[int, str] = {}
        with progress("listening", total=len(sounds), show=show_progress) as advance:
            for place, logits in self._engine.stream(sounds, reasons, seconds=_SECONDS, held=_HELD):
                for done, transcript in listener.hear(place, logits):
                    found[done] = transcript
                    advance(done + 1)
            for done, transcript in listener.finish():
                found[done] = transcript
        for place in reasons:
            found[place] = _NOTHING
        return found, reasons

    def unwritable(self, words: Sequence[str]) -> list[str]:
        """Return the words that the network has no letters for: it can never understand them."""
        return [word for word in dict.fromkeys(words) if not self.vocabulary.spell(word)]

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the network and of what its outputs write."""
        return digest(v=1, network=self._engine.folder.fingerprint(), units=repr(self.vocabulary))

    def release(self) -> None:
        """Give back the memory that only makes the next call faster."""
        self._engine.release()

    def _tree(self, words: Sequence[str] | None) -> WordTrie | None:
        if words is None:
            return None
        if isinstance(words, str):
            raise InvalidInputError(f"words={words!r} is one str; give a list: [{words!r}]")
        if not all(isinstance(word, str) for word in words):
            raise InvalidInputError(f"words={list(words)!r:.80}; give a list of str.")
        known = self.vocabulary
        spelt = spell_words(known, words)
        return WordTrie(spelt.values(), n_units=len(known.units), space=known.space)


class _Listener:
    """Makes texts of scores, one recording after another, each as its last scores have come."""

    def __init__(
        self, vocabulary: Vocabulary, beam_size: int, words: WordTrie | None, engine: SpeechEngine
    ) -> None:
        self._vocabulary = vocabulary
        self._size = beam_size if words is None else max(beam_size, _BEAM)
        self._words = words
        self._engine = engine
        self._place = -1
        self._frames = 0
        self._decoder: GreedyDecoder | BeamDecoder | None = None

    def hear(self, place: int, logits: FloatArray) -> Iterator[tuple[int, Transcript]]:
        """Read scores of a recording, (frames, units); yield the one before it, which is done."""
        if place != self._place:
            yield from self.finish()
            self._place, self._frames = place, 0
            blank = self._vocabulary.blank
            plain = self._size == 1
            self._decoder = (
                GreedyDecoder(blank)
                if plain
                else BeamDecoder(blank, size=self._size, words=self._words)
            )
        if self._decoder is not None:
            self._decoder.feed(log_probabilities(logits, self._vocabulary.silent))
            self._frames += len(logits)

    def finish(self) -> Iterator[tuple[int, Transcript]]:
        """Yield the recording whose scores were read, if there is one."""
        if self._decoder is not None:
            yield self._place, self._transcript(self._decoder.finish())
            self._decoder = None

    def _transcript(self, reading: Hypothesis) -> Transcript:
        folder, step = self._engine.folder, self._engine.seconds_per_frame
        seconds = folder.config.samples(self._frames) / folder.sample_rate
        words = []
        for spoken in _split(reading.units, self._vocabulary.space, _PAUSE / step):
            text = self._vocabulary.text(one.unit for one in spoken)
            if text:
                end = min(spoken[-1].end * step, seconds)
                words.append(Word(text, round(spoken[0].start * step, 3), round(end, 3)))
        text = " ".join(word.text for word in words)
        return Transcript(text, tuple(words), reading.score, round(seconds, 3))


def _split(
    units: Sequence[TimedUnit], space: int | None, pause: float
) -> Iterator[list[TimedUnit]]:
    """Yield the units of each word, none of them empty; so many frames of pause end one, too."""
    held: list[TimedUnit] = []
    for one in units:
        if held and (one.unit == space or one.start - held[-1].end > pause):
            yield held
            held = []
        if one.unit != space:
            held.append(one)
    if held:
        yield held
