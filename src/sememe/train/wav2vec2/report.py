"""The report of wav2vec 2.0: metrics, notes and model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sememe._types import Skipped
from sememe.train.base.model_card import curve_rows, model_card, note_lines, skipped_note, table
from sememe.train.wav2vec2.monitor import Figures, note_failure

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve


@dataclass(frozen=True, slots=True)
class Wav2Vec2Report:
    """What `fit` did.

    Attributes:
        n_sounds: Number of training clips.
        seconds: Their total length.
        n_parameters: Number of parameters of the network.
        dim: Dimension of its frames.
        skipped: What could not be used, and why.
        curve: Losses, times, and the accuracy of masked frames, or of a linear probe with labels.
        figures: Metrics before, during and after training.
        notes: Caveats.
    """

    n_sounds: int
    seconds: float
    n_parameters: int
    dim: int
    skipped: tuple[Skipped, ...]
    curve: Curve
    figures: tuple[Figures, ...]
    notes: tuple[str, ...] = ()


def make_notes(
    skipped: Sequence[Skipped], missing: Sequence[Skipped], figures: Sequence[Figures], steps: int
) -> tuple[str, ...]:
    """Return the notes on a run. missing: Labelled audio that could not be used."""
    notes = [*skipped_note(skipped, why="could not be used")]
    notes += skipped_note(missing, prefix="labelled: ", why="could not be used")
    if failure := note_failure(figures, steps):
        notes.append(failure)
    first, last = figures[0].probe, figures[-1].probe
    if first is not None and last is not None and last <= first:
        notes.append(
            f"training did not help: a linear layer on the network with random weights was right "
            f"in {first:.1%} of cases, and is now in {last:.1%}"
        )
    return tuple(notes)


def make_card(report: Wav2Vec2Report, settings: Mapping[str, Any]) -> str:
    """Return the card of a trained network."""
    code = 'sememe.load("this-folder").encode(["a.wav"])'
    use = (
        "It runs without torch. transformers' Wav2Vec2Model and Wav2Vec2ForPreTraining open the "
        "folder too, and `sememe train speech --base this-folder` fine-tunes it."
    )
    data = (
        f"{report.n_sounds:,} clips without labels, {report.seconds / 60:,.1f} minutes at "
        f"{settings['sample_rate']} Hz."
    )
    sections = {
        "Use": ["```python", "import sememe", "", code, "```", "", use],
        "Data": [data, "", *note_lines(report.notes)],
        "Results": [*table(curve_rows(report.curve)), "", *_metrics_table(report.figures)],
        "Settings": table(settings),
    }
    head = {"pipeline_tag": "feature-extraction", "tags": ["sememe", "wav2vec2"]}
    title = f"wav2vec 2.0, {settings['size']}, trained on audio alone"
    return model_card(title, head=head, sections=sections)


def _metrics_table(figures: Sequence[Figures]) -> list[str]:
    """Return the lines of a table with a row for each evaluation."""
    labelled = bool(figures[0].probes)
    names = ["step", "loss", "accuracy", "by chance", "codebooks used", "perplexity"]
    names += ["linear probe", "on layer"] if labelled else []
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for one in figures:
        cells = [str(one.step), f"{one.loss:.3f}", f"{one.accuracy:.3f}", f"{one.chance:.3f}"]
        cells += [f"{one.usage:.0%}", f"{one.perplexity:.1f}"]
        cells += [f"{one.probe:.4f}", str(one.best)] if labelled else []
        lines.append(f"| {' | '.join(cells)} |")
    return lines
