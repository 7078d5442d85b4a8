"""The result of an evaluation: metrics, intervals, and the control that must fail."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from sememe.evaluate.metrics.confusion import Confusion


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of one task for one model.

    Attributes:
        task: Name of the task, as in `sememe evaluate TASK`.
        model: Name of the encoder, or of the index with its search mode.
        n: Number of units: judged queries or pairs.
        metrics: Name -> value; NaN if undefined.
        covered: Fraction of the n units that could be evaluated, in [0, 1].
        intervals: Name -> (low, high), the 95 % bootstrap interval over the units.
        control: The same metrics with answers assigned to the wrong questions, or from random
            vectors. They must be near chance; otherwise the metrics do not measure meaning.
        coverage: Name -> fraction of a metric's units that could be evaluated, for metrics over
            part of the units.
        confused: The most frequently confused classes, if the task has classes.
    """

    task: str
    model: str
    n: int
    metrics: dict[str, float]
    covered: float
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    control: dict[str, float] = field(default_factory=dict)
    coverage: dict[str, float] = field(default_factory=dict)
    confused: tuple[Confusion, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values in a fixed order; NaN becomes None, for JSON."""
        plain: dict[str, Any] = _replace_nan(asdict(self))
        return plain

    def to_json(self) -> str:
        """Return `to_dict` as one JSON document.

        >>> print(Evaluation("sts", "demo", 2, {"spearman": 1.0}, covered=1.0).to_json()[:46])
        {"task": "sts", "model": "demo", "n": 2, "metr
        """
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


def _replace_nan(value: Any) -> Any:
    """Return a value with None for NaN, and lists for tuples."""
    if isinstance(value, dict):
        return {name: _replace_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_replace_nan, value))
    return None if isinstance(value, float) and math.isnan(value) else value
