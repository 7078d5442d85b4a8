"""Speech recognition with word times.

    transcriber = Transcriber.load("FOLDER")
    transcript = transcriber.transcribe(["interview.mp3"], beam_size=16)[0]
    transcript.text, transcript.words[0].start

The network scores each letter for each frame (CTC, Graves et al. 2006); decoding turns the scores
into text. Long audio is read in overlapping windows, and their frames are joined before decoding,
so that no word is split at a boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._progress import progress
from sememe._types import FloatArray
from sememe.encoders.audio.base import check_audio_items
from sememe.encoders.base import raise_failures
from sememe.encoders.name import ModelName
from sememe.encoders.space import fingerprint_space
from sememe.models.ctc.beam_search import BeamDecoder
from sememe.models.ctc.greedy import GreedyDecoder, log_probabilities
from sememe.models.ctc.vocabulary import read_vocabulary, spell_words
from sememe.models.ctc.word_trie import WordTrie
from sememe.models.locate import locate
from sememe.models.wav2vec2.engine import SpeechEngine
from sememe.models.wav2vec2.folder import read_speech_folder
from sememe.models.weights.folder import ModelKind

if TYPE_CHECKING:
    from sememe.models.ctc.greedy import Hypothesis, TimedUnit
    from sememe.models.ctc.vocabulary import Vocabulary

_SECONDS = 15.0  # of audio that the network reads at once
_HELD = 60.0  # seconds of audio in memory before they are run
_PAUSE = 1.0  # seconds without a letter that end a word even without a space
_BEAM = 16  # least beam with a word list: the best start of a word is rarely the best at first


class Word(NamedTuple):
    """A word, and its start and end in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """The recognised text of an audio item.

    Attributes:
        text: The words, separated by single spaces; "" if none was recognised.
        words: The words with their times.
        score: Log-probability of the text, in nats: summed over the alignments that the beam kept,
            or of the best alignment with beam_size=1. It falls with the length of the audio.
        seconds: Duration of the audio that was read.
    """

    text: str
    words: tuple[Word, ...]
    score: float
    seconds: float


_NOTHING = Transcript("", (), 0.0, 0.0)


class Transcriber:
    """A speech recogniser: a network of wav2vec 2.0's layout with a CTC head.

    None is installed by pip: give a folder that `sememe train speech` or transformers'
    Wav2Vec2ForCTC wrote, or hf:org/name.

    Attributes:
        name: How to load it again.
        vocabulary: The letters of its outputs.
    """

    def __init__(self, engine: SpeechEngine, vocabulary: Vocabulary, *, name: str) -> None:
        """Take the engine of the network and its vocabulary; see `load`."""
        self.name = name
        self.vocabulary = vocabulary
        self._engine = engine

    @classmethod
    def load(cls, name: str | Path, *, threads: int | None = None) -> Transcriber:
        """Load a recogniser from its folder, or hf:org/name. threads: all cores by default.

        Raises:
            UnknownNameError: There is no speech network of that name.
            InvalidInputError: It has no CTC head, or no vocabulary.
            CorruptFileError, MissingExtraError, HubError: As `sememe.load`.
        """
        located = locate(str(name), ModelKind.SPEECH)
        if located is None:
            raise UnknownNameError(
                f"model={str(name)!r} is no network of speech. None is installed by pip: give the "
                "folder of a recogniser (`sememe train speech`, or Wav2Vec2ForCTC of "
                "transformers), or hf:org/name"
            )
        folder = read_speech_folder(located.path)
        config = folder.config
        engine = SpeechEngine(folder, threads=threads)
        engine.open()
        vocabulary = read_vocabulary(located.path, size=config.vocab_size, blank=config.blank)
        return cls(engine, vocabulary, name=str(ModelName.parse(str(name)).canonical))

    def transcribe(
        self,
        items: Sequence[Any],
        *,
        beam_size: int = 1,
        words: Sequence[str] | None = None,
        show_progress: bool = False,
    ) -> list[Transcript]:
        """Transcribe audio.

        Args:
            items: Paths, bytes of files, (samples, sample rate) or `sememe.Clip`.
            beam_size: 1 decodes greedily, the best letter of each frame; more, such as 16, is the
                number of hypotheses of a beam search.
            words: Restrict the text to these words; those that the network has no letters for are
                left out. With words, a beam_size below 16 counts as 16.
            show_progress: Draw a progress bar on standard error.

        Raises:
            CorruptFileError: An item cannot be read; `transcribe_with_failures` goes on instead.
            InvalidInputError: An item that is no audio, a beam_size below 1, or no word that can
                be spelt.
            MissingExtraError: The extra `audio` is not installed.
        """
        given = check_audio_items(items)
        transcripts, failed = self.transcribe_with_failures(
            given, beam_size=beam_size, words=words, show_progress=show_progress
        )
        raise_failures(given, failed, instead="transcribe_with_failures")
        return transcripts

    def transcribe_with_failures(
        self,
        items: Sequence[Any],
        *,
        beam_size: int = 1,
        words: Sequence[str] | None = None,
        show_progress: bool = False,
    ) -> tuple[list[Transcript], dict[int, str]]:
        """Transcribe, collecting failures: (transcripts, {index: reason}); those are empty."""
        given = check_audio_items(items)
        if isinstance(beam_size, bool) or not isinstance(beam_size, int) or beam_size < 1:
            raise InvalidInputError(f"beam_size={beam_size}; give a whole number of at least 1.")
        trie = self._make_trie(words)
        transcripts = [_NOTHING] * len(given)
        failed: dict[int, str] = {}
        with progress("transcribing", total=len(given), show=show_progress) as advance:
            stream = self._engine.stream(given, failed, seconds=_SECONDS, held=_HELD)
            for index, windows in groupby(stream, key=itemgetter(0)):
                logits = (window for _, window in windows)
                transcripts[index] = self._decode(logits, beam_size, trie)
                advance(index + 1)
        for index in failed:
            transcripts[index] = _NOTHING
        return transcripts, failed

    def find_unwritable(self, words: Sequence[str]) -> list[str]:
        """Return the words that the network has no letters for, which it never recognises."""
        return [word for word in dict.fromkeys(words) if not self.vocabulary.spell(word)]

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the network and its vocabulary."""
        network = self._engine.folder.fingerprint()
        return fingerprint_space(v=1, network=network, units=repr(self.vocabulary))

    def release(self) -> None:
        """Free memory that only makes the next call faster."""
        self._engine.release()

    def _make_trie(self, words: Sequence[str] | None) -> WordTrie | None:
        if words is None:
            return None
        if isinstance(words, str):
            raise InvalidInputError(f"words={words!r} is one str; give a list: [{words!r}]")
        if not all(isinstance(word, str) for word in words):
            raise InvalidInputError(f"words={list(words)!r:.80}; give a list of str.")
        vocabulary = self.vocabulary
        spellings = spell_words(vocabulary, words).values()
        return WordTrie(spellings, n_units=len(vocabulary.units), space=vocabulary.space)

    def _decode(
        self, windows: Iterable[FloatArray], beam_size: int, trie: WordTrie | None
    ) -> Transcript:
        """Decode the (frames, units) scores of an item, window by window."""
        blank, silent, frames = self.vocabulary.blank, self.vocabulary.silent, 0
        size = beam_size if trie is None else max(beam_size, _BEAM)
        decoder: GreedyDecoder | BeamDecoder = GreedyDecoder(blank)
        if size > 1:
            decoder = BeamDecoder(blank, size=size, words=trie)
        for logits in windows:
            decoder.feed(log_probabilities(logits, silent))
            frames += len(logits)
        return self._make_transcript(decoder.finish(), frames)

    def _make_transcript(self, reading: Hypothesis, frames: int) -> Transcript:
        folder, step = self._engine.folder, self._engine.seconds_per_frame
        seconds = folder.config.samples(frames) / folder.sample_rate
        words = []
        for spoken in _split_words(reading.units, self.vocabulary.space, _PAUSE / step):
            if text := self.vocabulary.text(one.unit for one in spoken):
                end = min(spoken[-1].end * step, seconds)
                words.append(Word(text, round(spoken[0].start * step, 3), round(end, 3)))
        text = " ".join(word.text for word in words)
        return Transcript(text, tuple(words), reading.score, round(seconds, 3))


def _split_words(
    units: Sequence[TimedUnit], space: int | None, pause: float
) -> Iterator[list[TimedUnit]]:
    """Yield the units of each word. A word ends at a space, or at a pause of so many frames."""
    held: list[TimedUnit] = []
    for one in units:
        if held and (one.unit == space or one.start - held[-1].end > pause):
            yield held
            held = []
        if one.unit != space:
            held.append(one)
    if held:
        yield held
