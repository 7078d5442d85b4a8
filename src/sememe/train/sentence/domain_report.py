"""The report of a domain adaptation: metrics before and after, and notes on what did not help."""

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
        base: Model that was adapted.
        kind: Kind of the examples: pairs, scored, triplets, labels or texts.
        loss: Loss of the sentence stage.
        n_examples: Number of training examples.
        n_evaluated: Number of held-out examples.
        new_words: Words that became tokens.
        tokens_per_word: On the corpus, with the base's vocabulary and with the new one.
        masked: Accuracy on masked held-out text before and after the masking stage, both with the
            new words; None without that stage.
        masked_control: Accuracy of always predicting the most frequent token.
        metric: Name of the metric on the held-out examples; "" without any.
        before: That metric of the base.
        after_masked: After masking, before the sentence stage.
        after: After the sentence stage.
        direct: Of the sentence stage from the base itself, with `compare`.
        curve: Losses, metrics and times of the sentence stage.
        notes: What did not help, and caveats on the metrics and the data.
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
        """Return the metrics as (name, before, after)."""
        name = f"{self.metric} of sentences"
        values: list[tuple[str, Any, Any, str]] = [
            ("tokens per word", *self.tokens_per_word, ".3f")
        ]
        if self.masked is not None:
            values.append(("masked accuracy", *self.masked, ".4f"))
        if self.before is not None:
            if self.after_masked is not None:
                values.append((f"{name}, masked only", self.before, self.after_masked, ".4f"))
            if self.direct is not None:
                values.append((f"{name}, examples only", self.before, self.direct, ".4f"))
            values.append((name, self.before, self.after, ".4f"))
        return [(key, f"{first:{form}}", f"{last:{form}}") for key, first, last, form in values]


def add_notes(report: DomainReport, *, headless: bool) -> DomainReport:
    """Return a report with notes on what did not help. headless: The base has no masked-LM head."""
    notes = list(report.notes)
    if report.masked is not None:
        notes += _note_masking(report, headless=headless)
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


def _note_masking(report: DomainReport, *, headless: bool) -> list[str]:
    first, last = report.masked or (0.0, 0.0)
    notes = [HEADLESS] if headless else []
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


def make_card(report: DomainReport, options: Mapping[str, Any]) -> str:
    """Return the model card."""
    results = ["| | before | after |", "|---|---|---|"]
    results += [f"| {' | '.join(row)} |" for row in report.rows()]
    words = ", ".join(report.new_words[:50]) + ", ..." * (len(report.new_words) > 50)
    data = f"{report.n_examples} examples of the kind {report.kind}; new tokens: {words or '-'}."
    sections = {
        "Use": USE_ENCODER,
        "Results": [*results, "", *(f"- {note}" for note in report.notes)],
        "Data": [data],
        "The sentence stage": table(curve_rows(report.curve)),
        "Settings": table({"loss used": report.loss, **options}),
    }
    return model_card(f"{report.base}, adapted to a domain", head=ENCODER_HEAD, sections=sections)
