"""Speech recognition: how much of what is said does a recogniser write wrong?"""

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

_JOINING = "'’"  # signs that stand within a word


@runtime_checkable
class Recogniser(Protocol):
    """What writes down what is said, as `sememe.encoders.audio.transcriber.Transcriber` does."""

    @property
    def name(self) -> str:
        """How to load it again."""
        ...

    def transcribe_with_failures(
        self,
        items: Sequence[Any],
        *,
        beam_size: int = 1,
        words: Sequence[str] | None = None,
        show_progress: bool = False,
    ) -> tuple[list[Any], dict[int, str]]:
        """Return a thing with `text` for each recording, and why others could not be read."""
        ...


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
    """Let a recogniser write recordings whose texts are known.

    data: Recordings and what is said in each, as `read_transcripts` gives them. Both texts are
    compared in small letters and without punctuation, as recognisers differ in these.

    Metrics, lower is better: "word_error_rate" and "character_error_rate", over all that is said; a
    space between words is a character. A recording that cannot be read is left out and lowers
    `covered`. Intervals: recordings are drawn anew. Control: what was written of another recording.

    Raises:
        InvalidInputError: No recogniser, no recording, none that can be read, or no word in any.
    """
    check_recogniser(recogniser)
    if not data:
        raise InvalidInputError("task 'speech' got no recordings. Give one or more.")
    found, reasons = recogniser.transcribe_with_failures(
        [path for path, _ in data], beam_size=beam_size, words=words, show_progress=show_progress
    )
    known = [i for i in range(len(data)) if i not in reasons]
    if not known:
        raise InvalidInputError(
            f"task 'speech' got no recording that can be read: {data[0][0]}: {reasons[0]}"
        )
    said = [normalize(data[i][1]) for i in known]
    if not any(said):
        raise InvalidInputError("task 'speech' got recordings in which no word is said. Give some.")
    written = [normalize(found[i].text) for i in known]
    options: dict[str, Any] = {"resamples": resamples, "seed": seed}
    rates = _rates(said, written, **options)
    others = [written[i] for i in derangement(len(written), seed=seed)]
    dealt = _rates(said, others, resamples=1, seed=seed)
    return Evaluation(
        task="speech",
        model=recogniser.name,
        n=len(data),
        metrics={name: one.rate for name, one in rates.items()},
        covered=len(known) / len(data),
        intervals={name: one.interval for name, one in rates.items()},
        control={name: one.rate for name, one in dealt.items()},
    )


def check_recogniser(model: object) -> Recogniser:
    """Return the recogniser, or say that the task needs one."""
    if not isinstance(model, Recogniser):
        raise InvalidInputError(
            f"task 'speech' got {type(model).__name__}; allowed: a recogniser. Give one: from "
            "sememe.encoders.audio.transcriber import Transcriber; Transcriber.load(FOLDER)."
        )
    return model


def normalize(text: str) -> str:
    """Return a text as it is compared: NFC, small letters, no punctuation but within words.

    >>> normalize("“Don’t!”,  she said."), normalize("세 시, 반?")
    ("don't she said", '세 시 반')
    """
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    text = text.replace("’", "'")
    kept = [
        letter if not _is_sign(letter) or _is_within(text, place) else " "
        for place, letter in enumerate(text)
    ]
    return " ".join("".join(kept).split())


def _is_sign(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "P"


def _is_within(text: str, place: int) -> bool:
    beside = text[place - 1 : place], text[place + 1 : place + 2]
    return text[place] in _JOINING and all(one.isalnum() for one in beside)


def _rates(said: Sequence[str], written: Sequence[str], **options: Any) -> dict[str, ErrorRate]:
    return {
        "word_error_rate": word_error_rate(said, written, **options),
        "character_error_rate": character_error_rate(said, written, **options),
    }
