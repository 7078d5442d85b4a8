"""Few-shot classification: accuracy of a probe on few examples per class, over several draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import FloatArray

if TYPE_CHECKING:
    from sememe.space.probe import Labels, Probe

ProbeKind = Literal["probe", "kernel", "knn"]
PROBES: tuple[ProbeKind, ...] = ("probe", "kernel", "knn")


@dataclass(frozen=True, slots=True)
class FewShot:
    """The result of `few_shot`.

    Attributes:
        shots: Examples per class.
        accuracies: Accuracy of each draw.
        mean, deviation: Mean and sample standard deviation of the accuracies; NaN for one draw.
        control: Mean accuracy of the same draws with shuffled labels.
    """

    shots: int
    accuracies: tuple[float, ...]
    mean: float
    deviation: float
    control: float


def new_probe(kind: ProbeKind, *, seed: int = 0) -> Probe:
    """Return an unfitted probe; UnknownNameError for another kind."""
    if kind == "probe":
        from sememe.space.linear_probe import LinearProbe

        return LinearProbe(seed=seed)
    if kind == "kernel":
        from sememe.space.kernel_probe import KernelProbe

        return KernelProbe(seed=seed)
    if kind == "knn":
        from sememe.space.neighbour_probe import NeighbourProbe

        return NeighbourProbe(seed=seed)
    raise UnknownNameError.of("method", kind, PROBES)


def few_shot(
    rows: FloatArray,
    labels: Labels,
    *,
    aside: tuple[FloatArray, Labels],
    shots: int,
    draws: int = 5,
    kind: ProbeKind = "probe",
    seed: int = 0,
) -> FewShot:
    """Fit a probe to `shots` random examples of each class, `draws` times, and measure it.

    rows: (n, dim). labels: (n,) class indices. aside: Held-out rows and labels.

    Raises:
        InvalidInputError: A class has fewer examples, or shots or draws are below 1.
    """
    if shots < 1 or draws < 1:
        raise InvalidInputError(f"shots={shots}, draws={draws}; give 1 or more of each.")
    least = int(np.bincount(labels).min())
    if shots > least:
        raise InvalidInputError(
            f"shots={shots}; a class has {least} readable examples. Give {least} or fewer."
        )
    accuracies: list[float] = []
    control: list[float] = []
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        examples = draw_shots(labels, shots, rng)
        known = labels[examples]
        for given, into in ((known, accuracies), (rng.permutation(known), control)):
            fitted = new_probe(kind, seed=seed).fit(rows[examples], given)
            predicted = fitted.probabilities(aside[0]).argmax(axis=1)
            into.append(float((predicted == aside[1]).mean()))
    deviation = float(np.std(accuracies, ddof=1)) if draws > 1 else float("nan")
    mean = float(np.mean(accuracies))
    return FewShot(shots, tuple(accuracies), mean, deviation, float(np.mean(control)))


def draw_shots(labels: Labels, shots: int, rng: np.random.Generator) -> Labels:
    """Return the indices of `shots` random examples of each class."""
    classes = [np.flatnonzero(labels == one) for one in np.unique(labels)]
    return np.concatenate([rng.choice(own, shots, replace=False) for own in classes])
