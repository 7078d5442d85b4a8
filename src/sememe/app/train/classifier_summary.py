"""What the commands that teach classes share: options that go together, and what is said after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal as show
from sememe.app.train.run import is_typed, told

if TYPE_CHECKING:
    from sememe.train.classify.report import ClassifierReport


def refuse_idle(
    context: typer.Context, method: str, shots: int | None, *, more: Sequence[str]
) -> None:
    """Refuse options that would do nothing. more: Those of fine-tuning that one command has.

    Raises:
        InvalidInputError: One was typed.
    """
    tuning = (*more, "epochs", "evaluations", "batch_size", "learning_rate", "warmup")
    for name in tuning:
        if method != "finetune" and is_typed(context, name):
            option = f"--{name.replace('_', '-')}"
            raise InvalidInputError(f"{option} is for --method finetune; leave it out.")
    if shots is None and is_typed(context, "draws"):
        raise InvalidInputError("--draws goes with --shots; leave it out.")


def summary(report: ClassifierReport, written: Path, what: str) -> str:
    """Return what training did, line by line. what: The examples, as "pictures"."""
    low, high = report.interval
    n = sum(report.n_train.values())
    lines = [
        f"{n:,} {what} of {len(report.n_train)} classes to {written}",
        f"  accuracy on {report.n_held:,} held out: {report.accuracy:.4f} ({low:.4f} to "
        f"{high:.4f}); learnt from shuffled labels: {report.control:.4f}",
    ]
    if report.curve is not None:
        lines.append(f"  {told(report.curve)}")
    if (few := report.few_shot) is not None:
        lines.append(
            f"  {few.shots} of each class, {len(few.accuracies)} draws: {few.mean:.4f} ± "
            f"{few.deviation:.4f} (shuffled labels: {few.control:.4f})"
        )
    worst = sorted(report.per_class.items(), key=lambda pair: pair[1])
    lines += [f"  {show.visible(label)}: {value:.4f}" for label, value in worst]
    lines += [
        f"  {show.visible(one.label)} told to be {show.visible(one.told)}: {one.count} of {one.of}"
        for one in report.confused
    ]
    return "\n".join(lines)
