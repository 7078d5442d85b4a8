"""The report of a speech recogniser: error rates, notes and model card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sememe.evaluate.metrics.error_rates import character_error_rate, word_error_rate
from sememe.train.base.model_card import curve_rows, model_card, note_lines, skipped_note, table
from sememe.train.base.options import parameters

if TYPE_CHECKING:
    from sememe._types import Skipped
    from sememe.train.base.curve import Curve


@dataclass(frozen=True, slots=True)
class SpeechFigures:
    """Error rates after a step; 0 is before training.

    Attributes:
        step: Steps taken.
        word_error_rate: Insertions, deletions and substitutions per word of the transcripts.
        word_interval: Its 95 % bootstrap interval.
        character_error_rate: The same of characters.
        character_interval: Its interval.
    """

    step: int
    word_error_rate: float
    word_interval: tuple[float, float]
    character_error_rate: float
    character_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class SpeechReport:
    """What `fit` did.

    Attributes:
        n_recordings: Number of training recordings.
        n_held: Number of held-out recordings, on which error rates are measured.
        seconds_of_speech: Total length of the training recordings.
        vocab_size: Number of outputs: letters, and the marks for blank, unknown and space.
        skipped: What could not be used, and why.
        curve: Losses in nats per letter, word error rates, times.
        figures: Error rates before, during and after training.
        control: Word error rate of always writing the most frequent transcript.
        notes: Caveats.
    """

    n_recordings: int
    n_held: int
    seconds_of_speech: float
    vocab_size: int
    skipped: tuple[Skipped, ...]
    curve: Curve
    figures: tuple[SpeechFigures, ...]
    control: float
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> SpeechFigures:
        """Error rates of the weights that were kept."""
        return next(one for one in self.figures if one.step == self.curve.best_step)


def measure(step: int, texts: Sequence[str], written: Sequence[str], *, seed: int) -> SpeechFigures:
    """Measure error rates. texts: Transcripts. written: Outputs of the network."""
    words = word_error_rate(texts, written, seed=seed)
    letters = character_error_rate(texts, written, seed=seed)
    return SpeechFigures(step, words.rate, words.interval, letters.rate, letters.interval)


def measure_control(texts: Sequence[str], held: Sequence[str]) -> float:
    """Return the word error rate of always writing the most frequent of the texts."""
    (text, _), *_ = Counter(texts).most_common(1)
    return word_error_rate(held, [text] * len(held)).rate


def make_notes(
    skipped: Sequence[Skipped],
    held_skipped: Sequence[Skipped],
    figures: Sequence[SpeechFigures],
    *,
    shared: int | None,
) -> tuple[str, ...]:
    """Return the notes on a run.

    skipped, held_skipped: Recordings that could not be used. shared: Number of held-out recordings
    that are trained on too; None: they are a share of the training data.
    """
    notes = [*skipped_note(skipped, why="left out")]
    notes += skipped_note(held_skipped, prefix="held out: ", why="left out")
    if shared:
        notes.append(f"held out: {shared} recordings are learnt from too, which flatters")
    if shared is None:
        notes.append(
            "the recordings held out are a share of all: voices in them are learnt from too, "
            "which flatters. Give others to evaluate on for new voices"
        )
    if min(one.word_error_rate for one in figures) >= min(1.0, figures[0].word_error_rate):
        notes.append(
            f"nothing was learnt that can be read: the word error rate is "
            f"{figures[-1].word_error_rate:.4f}. Give more epochs or recordings, or a base"
        )
    return tuple(notes)


def make_card(training: Any, report: SpeechReport) -> str:
    """Return the card of a recogniser."""
    best = report.best
    results = curve_rows(report.curve)
    for name, rate, (low, high) in (
        ("word", best.word_error_rate, best.word_interval),
        ("character", best.character_error_rate, best.character_interval),
    ):
        results[f"{name} error rate held out"] = f"{rate:.4f} ({low:.4f} to {high:.4f})"
    results["word error rate of the most frequent transcript (control)"] = f"{report.control:.4f}"
    command = "sememe transcribe recording.wav -m this-folder"
    data = f"{report.n_recordings:,} recordings, {report.seconds_of_speech:,.0f} seconds."
    use = "It runs without torch. The folder opens in transformers too."
    sections = {
        "Use": ["```", command, "```", "", use],
        "Data": [data, "", *note_lines(report.notes)],
        "Results": table(results),
        "Settings": table(parameters(training)),
    }
    head = {
        "library_name": "transformers",
        "pipeline_tag": "automatic-speech-recognition",
        "tags": ["sememe", "ctc"],
    }
    base = f"on {training.base}" if training.base else f"{training.size}, from scratch"
    return model_card(f"A speech recogniser, {base}", head=head, sections=sections)
