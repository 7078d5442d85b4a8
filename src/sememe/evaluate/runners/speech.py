"""Speech recognition: word and character error rate of a recogniser."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sememe._errors import InvalidInputError
from sememe.evaluate.control import derangement
from sememe.evaluate.metrics.error_rates import ErrorRate, character_error_rate, word_error_rate
from sememe.evaluate.metrics.intervals import Seed
from sememe.evaluate.results import Evaluation

__all__ = ["Recogniser", "character_error_rate", "evaluate_speech", "word_error_rate"]

_JOINING = "'’"  # punctuation inside words


@runtime_checkable
class Recogniser(Protocol):
    """A speech recogniser, such as `sememe.encoders.audio.transcriber.Transcriber`."""

    @property
    def name(self) -> str:
        """How to load it again."""

    def transcribe_with_failures(
        self,
        items: Sequence[Any],
        *,
        beam_size: int = 1,
        words: Sequence[str] | None = None,
        show_progress: bool = False,
    ) -> tuple[list[Any], dict[int, str]]:
        """Return a transcript with `text` per item, and {index: reason} of unreadable ones."""


def evaluate_speech(
    recogniser: Recogniser,
    data: Sequence[tuple[Path, str]],
    *,
    beam_size: int = 1,
    words: Sequence[str] | None = None,
    show_progress: bool = False,
    resamples: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """Transcribe audio with known transcripts and measure the errors.

    data: (audio path, transcript) pairs, as from `read_transcripts`. Both texts are compared in
    lower case and without punctuation, in which recognisers differ.

    Metrics, lower is better: "word_error_rate" and "character_error_rate" over all references; a
    space between words is a character. Audio that cannot be read is left out and lowers `covered`.
    Intervals: bootstrap over items. Control: the transcripts of other items.

    Raises:
        InvalidInputError: Not a recogniser, no audio, none that can be read, or no word in any
            reference.
    """
    check_recogniser(recogniser)
    if not data:
        raise InvalidInputError("task 'speech' got no audio. Give one or more.")
    transcripts, reasons = recogniser.transcribe_with_failures(
        [path for path, _ in data], beam_size=beam_size, words=words, show_progress=show_progress
    )
    known = [i for i in range(len(data)) if i not in reasons]
    if not known:
        raise InvalidInputError(
            f"task 'speech' got no audio that can be read: {data[0][0]}: {reasons[0]}"
        )
    references = [normalize(data[i][1]) for i in known]
    if not any(references):
        raise InvalidInputError("task 'speech' got only empty transcripts. Give some with words.")
    hypotheses = [normalize(transcripts[i].text) for i in known]
    rates = _rates(references, hypotheses, resamples, seed)
    others = [hypotheses[i] for i in derangement(len(hypotheses), seed=seed)]
    control = _rates(references, others, 1, seed)
    return Evaluation(
        task="speech",
        model=recogniser.name,
        n=len(data),
        metrics={name: one.rate for name, one in rates.items()},
        covered=len(known) / len(data),
        intervals={name: one.interval for name, one in rates.items()},
        control={name: one.rate for name, one in control.items()},
    )


def check_recogniser(model: object) -> Recogniser:
    """Return the recogniser, or refuse another system."""
    if not isinstance(model, Recogniser):
        raise InvalidInputError(
            f"task 'speech' got {type(model).__name__}; allowed: a recogniser. Give one: from "
            "sememe.encoders.audio.transcriber import Transcriber; Transcriber.load(FOLDER)."
        )
    return model


def normalize(text: str) -> str:
    """Normalize a text for comparison: NFC, lower case, no punctuation except inside words.

    >>> normalize("“Don’t!”,  she cried."), normalize("세 시, 반?")
    ("don't she cried", '세 시 반')
    """
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    text = text.replace("’", "'")
    kept = [
        letter if unicodedata.category(letter)[0] != "P" or _is_within(text, i) else " "
        for i, letter in enumerate(text)
    ]
    return " ".join("".join(kept).split())


def _is_within(text: str, i: int) -> bool:
    neighbours = text[i - 1 : i], text[i + 1 : i + 2]
    return text[i] in _JOINING and all(one.isalnum() for one in neighbours)


def _rates(
    references: Sequence[str], hypotheses: Sequence[str], resamples: int, seed: Seed
) -> dict[str, ErrorRate]:
    measures = {"word_error_rate": word_error_rate, "character_error_rate": character_error_rate}
    return {
        name: measure(references, hypotheses, resamples=resamples, seed=seed)
        for name, measure in measures.items()
    }
