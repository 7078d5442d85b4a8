"""What a run of wav2vec 2.0 did: its figures, its notes and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sememe._types import Skipped
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table
from sememe.train.wav2vec2.monitor import Figures, alarm

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

_NAMED = 5  # unreadable sounds that notes name


@dataclass(frozen=True, slots=True)
class Wav2Vec2Report:
    """What `fit` did.

    Attributes:
        n_sounds: Sounds trained on.
        seconds: How long they last.
        n_parameters: Numbers in the network.
        dim: Width of its frames.
        skipped: What could not be used, and why.
        curve: Losses, times, and the share of hidden frames told apart, or the accuracy of a linear
            layer where labels are known.
        figures: All that was measured, before training, during it and after.
        notes: What the figures do not say.
    """

    n_sounds: int
    seconds: float
    n_parameters: int
    dim: int
    skipped: tuple[Skipped, ...]
    curve: Curve
    figures: tuple[Figures, ...]
    notes: tuple[str, ...] = ()


def wav2vec2_notes(
    skipped: Sequence[Skipped], unheard: Sequence[Skipped], figures: Sequence[Figures], steps: int
) -> tuple[str, ...]:
    """Return what is to be said of a run. unheard: Labelled sounds that could not be used."""
    notes = []
    for what, missing in (("", skipped), ("labelled: ", unheard)):
        if missing:
            named = "; ".join(f"{one.source}: {one.reason}" for one in missing[:_NAMED])
            more = f"; and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            notes.append(f"{what}{len(missing)} could not be used: {named}{more}")
    if told := alarm(figures, steps):
        notes.append(told)
    first, last = figures[0].probe, figures[-1].probe
    if first is not None and last is not None and last <= first:
        notes.append(
            f"training did not help: a linear layer on the network with random weights was right "
            f"in {first:.1%} of cases, and is now in {last:.1%}"
        )
    return tuple(notes)


def wav2vec2_card(report: Wav2Vec2Report, settings: Mapping[str, Any]) -> str:
    """Return the card of a trained network."""
    use = [
        "```python",
        "import sememe",
        "",
        'sememe.load("this-folder").encode(["a.wav"])',
        "```",
        "",
        "It runs without torch. transformers' Wav2Vec2Model and Wav2Vec2ForPreTraining open the "
        "folder too, and `sememe train speech --base this-folder` goes on from it.",
    ]
    data = (
        f"{report.n_sounds:,} sounds without labels, {report.seconds / 60:,.1f} minutes at "
        f"{settings['sample_rate']} Hz."
    )
    sections = {
        "Use": use,
        "Data": [data, "", *note_lines(report.notes)],
        "Results": [*table(curve_rows(report.curve)), "", *_looks(report.figures)],
        "Settings": table(settings),
    }
    head = {"pipeline_tag": "feature-extraction", "tags": ["sememe", "wav2vec2"]}
    title = f"wav2vec 2.0, {settings['size']}, trained on sound alone"
    return model_card(title, head=head, sections=sections)


def _looks(figures: Sequence[Figures]) -> list[str]:
    """Return the lines of a table with a row for each look."""
    labelled = bool(figures[0].probes)
    names = ["step", "loss", "told apart", "by chance", "codebooks used", "perplexity"]
    names += ["linear layer", "on layer"] if labelled else []
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for one in figures:
        cells = [str(one.step), f"{one.loss:.3f}", f"{one.accuracy:.3f}", f"{one.chance:.3f}"]
        cells += [f"{one.usage:.0%}", f"{one.perplexity:.1f}"]
        cells += [f"{one.probe:.4f}", str(one.best)] if labelled else []
        lines.append(f"| {' | '.join(cells)} |")
    return lines
