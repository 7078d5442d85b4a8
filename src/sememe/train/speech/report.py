"""What was measured of a network that learns to write speech, and the words about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sememe.evaluate.metrics.error_rates import character_error_rate, word_error_rate
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table
from sememe.train.base.options import parameters

if TYPE_CHECKING:
    from sememe._types import Skipped
    from sememe.train.base.curve import Curve

_NAMED = 5  # recordings that a note names


@dataclass(frozen=True, slots=True)
class SpeechFigures:
    """What was measured after a step; 0 is before training.

    Attributes:
        step: Steps taken.
        word_error_rate: Words put in, left out and wrong, for each word that is said.
        word_interval: Where it lies, with 95 % confidence, by drawing recordings anew.
        character_error_rate: The same of characters.
        character_interval: Its interval.
    """

    step: int
    word_error_rate: float
    word_interval: tuple[float, float]
    character_error_rate: float
    character_interval: tuple[float, float]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> SpeechFigures:
        """Read back what `dataclasses.asdict` gave and JSON kept."""
        pairs = {name: tuple(facts[name]) for name in ("word_interval", "character_interval")}
        return cls(**{**facts, **pairs})


@dataclass(frozen=True, slots=True)
class SpeechReport:
    """What `fit` did.

    Attributes:
        n_recordings: Recordings that were learnt from.
        n_held: Recordings held out, on which error rates are measured.
        seconds_of_speech: How long those are that were learnt from.
        vocab_size: Letters that it writes, the marks for blank, unknown and space included.
        skipped: What could not be used, and why.
        curve: Losses in nats a letter, word error rates, times.
        figures: All that was measured, before training, during it and after.
        control: The word error rate of always writing the most frequent transcript.
        notes: What the figures do not say.
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
        """What was measured of the weights that were kept."""
        return next(one for one in self.figures if one.step == self.curve.best_step)


def figures(step: int, said: Sequence[str], written: Sequence[str], *, seed: int) -> SpeechFigures:
    """Compare what is said with what the network writes, both as the vocabulary has it."""
    words = word_error_rate(said, written, seed=seed)
    letters = character_error_rate(said, written, seed=seed)
    return SpeechFigures(step, words.rate, words.interval, letters.rate, letters.interval)


def control_rate(learnt: Sequence[str], held: Sequence[str]) -> float:
    """Return the word error rate of the most frequent transcript of those learnt."""
    (text, _), *_ = Counter(learnt).most_common(1)
    return word_error_rate(held, [text] * len(held)).rate


def skipped_note(what: str, missing: Sequence[Skipped]) -> tuple[str, ...]:
    """Return a note on recordings that were left out; none where there are none."""
    if not missing:
        return ()
    named = "; ".join(f"{one.source}: {one.reason}" for one in missing[:_NAMED])
    more = f"; and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return (f"{what}{len(missing)} left out: {named}{more}",)


def speech_notes(
    skipped: Sequence[Skipped],
    missed: Sequence[Skipped],
    seen: Sequence[SpeechFigures],
    *,
    shared: int | None,
) -> tuple[str, ...]:
    """Return what is to be said besides the figures.

    skipped, missed: Recordings that could not be used, to learn from and to measure with. shared:
    How many of those held out are learnt from too; None: they are a share of the others.
    """
    notes = [*skipped_note("", skipped), *skipped_note("held out: ", missed)]
    if shared:
        notes.append(f"held out: {shared} recordings are learnt from too, which flatters")
    if shared is None:
        notes.append(
            "the recordings held out are a share of all: voices in them are learnt from too, "
            "which flatters. Give others to evaluate on for new voices"
        )
    if min(one.word_error_rate for one in seen) >= min(1.0, seen[0].word_error_rate):
        notes.append(
            f"nothing was learnt that can be read: the word error rate is "
            f"{seen[-1].word_error_rate:.4f}. Give more epochs or recordings, or a base"
        )
    return tuple(notes)


def speech_card(training: Any, report: SpeechReport) -> str:
    """Return the card of a recogniser."""
    best = report.best
    low, high = best.word_interval
    results = curve_rows(report.curve)
    results["word error rate held out"] = f"{best.word_error_rate:.4f} ({low:.4f} to {high:.4f})"
    low, high = best.character_interval
    rate = best.character_error_rate
    results["character error rate held out"] = f"{rate:.4f} ({low:.4f} to {high:.4f})"
    results["word error rate of the most frequent transcript (control)"] = f"{report.control:.4f}"
    use = ["```", "sememe transcribe recording.wav -m this-folder", "```", ""]
    data = f"{report.n_recordings:,} recordings, {report.seconds_of_speech:,.0f} seconds."
    sections = {
        "Use": [*use, "It runs without torch. The folder opens in transformers too."],
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
