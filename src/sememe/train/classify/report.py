"""What is said of a classifier: accuracy held out, of each class, what it confuses, a control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sememe._types import Skipped
from sememe.evaluate.metrics.confusion import AccuracyReport, Confusion

if TYPE_CHECKING:
    from sememe.evaluate.runners.few_shot import FewShot
    from sememe.sources.datasets.labelled_data import Labelled
    from sememe.train.base.curve import Curve

_NAMED = 5  # unreadable examples that a note names
_FEW = 5  # examples of a class, below which a note says so


@dataclass(frozen=True, slots=True)
class ClassifierReport:
    """What `ImageClassifier.fit` or `AudioClassifier.fit` did.

    Attributes:
        n_train: Examples learnt from, by class.
        n_held: Examples held out, which all of the accuracies are measured on.
        accuracy: The share of them that is told right.
        interval: Its 95 % bootstrap interval.
        per_class: The same for each class that has examples held out.
        confused: The pairs of classes with the most errors.
        control: The accuracy learnt from shuffled labels; of a fine-tuned network, on shuffled
            labels. It must be near chance.
        few_shot: Accuracy over several draws of a few examples, where asked for.
        curve: Losses and times of fine-tuning.
        skipped: What could not be read, and why.
        notes: What the figures do not say.
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


def report_of(found: AccuracyReport, **more: Any) -> ClassifierReport:
    """Return a report with these figures, and with more."""
    figures = {item.name: getattr(found, item.name) for item in fields(found)}
    return ClassifierReport(**figures, **more)


def skipped_note(what: str, skipped: Sequence[Skipped]) -> tuple[str, ...]:
    """Return a note on what could not be read, naming the first of it."""
    if not skipped:
        return ()
    named = "; ".join(f"{one.source}: {one.reason}" for one in skipped[:_NAMED])
    more = f"; and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return (f"{what}{len(skipped)} could not be read: {named}{more}",)


def few_note(n_train: dict[str, int], noun: str) -> tuple[str, ...]:
    """Return a note on classes with too few examples to trust; noun: what one is called."""
    few = [f"{label} ({n})" for label, n in n_train.items() if n < _FEW]
    return (f"fewer than {_FEW} {noun}s to learn from: {', '.join(few)}",) if few else ()


def without_copies(data: Labelled) -> tuple[Labelled, tuple[str, ...]]:
    """Leave out exact copies: a second one teaches nothing and would be told from the first.

    Copies that lie in several classes are kept, one in each, and a note says so.
    """
    first: dict[tuple[bytes, str], int] = {}
    classes: dict[bytes, set[str]] = {}
    for place, (digest, label) in enumerate(zip(data.digests(), data.labels, strict=True)):
        first.setdefault((digest, label), place)
        classes.setdefault(digest, set()).add(label)
    notes = []
    if copies := len(data) - len(first):
        notes.append(f"{copies} exact copies of other {data.noun}s of their class left out")
    if torn := sum(len(labels) > 1 for labels in classes.values()):
        notes.append(
            f"{torn} {data.noun}s lie in several classes: at most one of them can be right"
        )
    return data.select(sorted(first.values())), tuple(notes)


def shared_note(train: Labelled, held: Labelled) -> tuple[str, ...]:
    """Return a note on examples held out that are learnt from too."""
    known = set(train.digests())
    if twice := sum(digest in known for digest in held.digests()):
        return (f"held out: {twice} of {len(held)} are learnt from too, which flatters",)
    return ()
