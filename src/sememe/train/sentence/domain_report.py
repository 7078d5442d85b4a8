"""What a domain adaptation says of itself: figures before and after, and what did not help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sememe.train.base.model_card import ENCODER_HEAD, USE_ENCODER, curve_rows, model_card, table
from sememe.train.mlm.masked_lm import HEADLESS

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve


@dataclass(frozen=True, slots=True)
class DomainReport:
    """What `DomainAdaptation.fit` did.

    Attributes:
        base: What was adapted.
        kind: Of the examples: pairs, scored, triplets, labels or texts.
        loss: The loss of the sentence stage.
        n_examples: How many were trained on.
        n_evaluated: How many were held out.
        new_words: Words that became tokens.
        tokens_per_word: On the corpus, with the base's vocabulary and with the new one.
        masked: Masked accuracy on text held out before masking went on and after, both with the new
            words; None: no such stage.
        masked_control: The same for always naming the most frequent token.
        metric: The name of the figure on the examples held out; "" without any.
        before: That figure of the base.
        after_masked: After the new words and the masking, before the sentence stage.
        after: In the end.
        direct: Of the sentence stage from the base itself, where it was asked for (`compare`).
        curve: Losses, metrics and times of the sentence stage.
        notes: What did not help, and what is to be known of the figures and the data.
    """

    base: str
    kind: str
    loss: str
    n_examples: int
    n_evaluated: int
    new_words: tuple[str, ...]
    tokens_per_word: tuple[float, float]
    masked: tuple[float, float] | None
    masked_control: float | None
    metric: str
    before: float | None
    after_masked: float | None
    after: float | None
    direct: float | None
    curve: Curve
    notes: tuple[str, ...]

    def rows(self) -> list[tuple[str, str, str]]:
        """Return the figures as (name, before, after)."""
        first, last = self.tokens_per_word
        found = [("tokens per word", f"{first:.3f}", f"{last:.3f}")]
        if self.masked is not None:
            first_right, last_right = self.masked
            found.append(("masked accuracy", f"{first_right:.4f}", f"{last_right:.4f}"))
        if self.before is not None:
            name = f"{self.metric} of sentences"
            start = f"{self.before:.4f}"
            if self.after_masked is not None:
                found.append((f"{name}, masked only", start, f"{self.after_masked:.4f}"))
            if self.direct is not None:
                found.append((f"{name}, examples only", start, f"{self.direct:.4f}"))
            found.append((name, start, f"{self.after:.4f}"))
        return found


def notes_on(report: DomainReport, *, headless: bool) -> DomainReport:
    """Return a report whose notes say what did not help; headless: the base cannot fill masks."""
    notes = list(report.notes)
    if report.masked is not None:
        notes += _on_masking(report, headless=headless)
    if report.before is None or report.after is None:
        notes.append("no examples were held out: whether sentences got better is not known")
        return replace(report, notes=tuple(notes))
    what = f"{report.metric} of sentences"
    if report.after <= report.before:
        notes.append(f"{what} did not rise: {report.before:.4f} to {report.after:.4f}")
    if report.direct is not None and report.direct >= report.after:
        notes.append(
            f"new words and masking did not help: the same examples alone reach {report.direct:.4f}"
        )
    notes.append(
        f"the weights kept are the best on the {report.n_evaluated} examples held out, so their "
        "figure is a little too good"
    )
    return replace(report, notes=tuple(notes))


def _on_masking(report: DomainReport, *, headless: bool) -> list[str]:
    first, last = report.masked or (0.0, 0.0)
    notes = []
    if headless:
        notes.append(HEADLESS)
    if last <= max(first, report.masked_control or 0):
        notes.append(
            f"masking taught no context: accuracy {last:.4f}, before {first:.4f}, the most "
            f"frequent token alone {report.masked_control:.4f}"
        )
    low = report.after_masked
    if low is not None and report.before is not None and low < report.before:
        notes.append(
            f"masking alone lowered {report.metric} of sentences from {report.before:.4f} to "
            f"{low:.4f}"
        )
    return notes


def card(report: DomainReport, options: Mapping[str, Any]) -> str:
    """Return the model card."""
    results = ["| | before | after |", "|---|---|---|"]
    results += [f"| {name} | {first} | {last} |" for name, first, last in report.rows()]
    words = ", ".join(report.new_words[:50]) + ", ..." * (len(report.new_words) > 50)
    sections = {
        "Use": USE_ENCODER,
        "Results": [*results, "", *(f"- {note}" for note in report.notes)],
        "Data": [
            f"{report.n_examples} examples of the kind {report.kind}; new tokens: {words or '-'}."
        ],
        "The sentence stage": table(curve_rows(report.curve)),
        "Settings": table({"loss used": report.loss, **options}),
    }
    return model_card(f"{report.base}, adapted to a domain", head=ENCODER_HEAD, sections=sections)
