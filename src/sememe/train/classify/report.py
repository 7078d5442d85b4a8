"""The report of a classifier: held-out accuracy, confusions, a control and notes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from sememe._types import Skipped
from sememe.evaluate.metrics.confusion import AccuracyReport, Confusion
from sememe.train.base.model_card import skipped_note

if TYPE_CHECKING:
    from sememe.evaluate.runners.few_shot import FewShot
    from sememe.sources.datasets.labelled_data import Labelled
    from sememe.train.base.curve import Curve

_NAMED = 20  # classes, in a note
_FEW = 5  # examples of a class, below which there is a note


@dataclass(frozen=True, slots=True)
class ClassifierReport:
    """What the `fit` of a classifier did.

    Attributes:
        n_train: Number of training examples, by class.
        n_held: Number of held-out examples, on which all accuracies are measured.
        accuracy: Share of them that is classified right.
        interval: Its 95 % bootstrap interval.
        per_class: The same for each class with held-out examples.
        confused: The pairs of classes with the most errors.
        control: Accuracy of a probe fitted to shuffled labels; of a fine-tuned network, accuracy on
            shuffled labels. It must be near chance.
        few_shot: Accuracy over several draws of a few examples, with `shots`.
        curve: Losses and times of fine-tuning.
        skipped: What could not be read, and why.
        notes: Caveats.
    """

    n_train: dict[str, int]
    n_held: int
    accuracy: float
    interval: tuple[float, float]
    per_class: dict[str, float]
    confused: tuple[Confusion, ...]
    control: float
    few_shot: FewShot | None = None
    curve: Curve | None = None
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


Report = TypeVar("Report", bound=ClassifierReport)


def make_report(
    accuracy: AccuracyReport,
    n_train: dict[str, int],
    noun: str,
    skipped: tuple[Skipped, ...],
    held_skipped: tuple[Skipped, ...],
    *,
    notes: tuple[str, ...],
    kind: type[Report],
    **more: Any,
) -> Report:
    """Return a report with notes on few examples and skipped ones. noun: Of an example."""
    if few := [f"{label} ({n})" for label, n in n_train.items() if n < _FEW]:
        others = f" and {len(few) - _NAMED} more classes" if len(few) > _NAMED else ""
        names = ", ".join(few[:_NAMED])
        notes += (f"fewer than {_FEW} {noun}s to learn from: {names}{others}",)
    notes += (
        *skipped_note(skipped, why="could not be read"),
        *skipped_note(held_skipped, prefix="held out: ", why="could not be read"),
    )
    figures = {item.name: getattr(accuracy, item.name) for item in fields(accuracy)}
    skipped = (*skipped, *held_skipped)
    return kind(n_train=n_train, skipped=skipped, notes=notes, **figures, **more)


def drop_copies(data: Labelled) -> tuple[Labelled, tuple[str, ...]]:
    """Leave out exact copies, which teach nothing and leak into held-out examples.

    Copies in several classes are kept, one in each, with a note.
    """
    first: dict[tuple[bytes, str], int] = {}
    for row, key in enumerate(zip(data.digests(), data.labels, strict=True)):
        first.setdefault(key, row)
    notes = []
    if copies := len(data) - len(first):
        notes.append(f"{copies} exact copies of other {data.noun}s of their class left out")
    classes = Counter(digest for digest, _ in first)
    if several := sum(n > 1 for n in classes.values()):
        notes.append(
            f"{several} {data.noun}s are in several classes: at most one of them can be right"
        )
    return data.select(sorted(first.values())), tuple(notes)


def note_shared(train: Labelled, held: Labelled) -> tuple[str, ...]:
    """Return a note on held-out examples that are trained on too."""
    known = set(train.digests())
    if shared := sum(digest in known for digest in held.digests()):
        return (f"held out: {shared} of {len(held)} are learnt from too, which flatters",)
    return ()
