"""What the recipes share: their options, what they begin with, and a run of a trainer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

Rule = tuple[str, bool, str]  # an option's name, whether its value will do, what is allowed


def check_options(training: Any, more: Iterable[Rule] = ()) -> None:
    """Refuse values of a recipe's options that cannot be trained with.

    more: Rules of the recipe's own, besides those for the options that all recipes have.

    Raises:
        InvalidInputError: A value will not do; the message says which are allowed.
    """
    most, patience = training.max_tokens, training.patience
    rules: list[Rule] = [
        ("epochs", 0 < training.epochs < math.inf, "a number above 0"),
        ("batch_size", training.batch_size >= 2, "2 or more"),
        ("learning_rate", 0 < training.learning_rate < math.inf, "a number such as 5e-5"),
        ("warmup", 0 <= training.warmup < 1, "a share of the steps, 0 to 1"),
        ("accumulate", training.accumulate >= 1, "1 or more"),
        ("max_tokens", most is None or most >= 3, "3 or more, or None"),
        ("evaluations", training.evaluations >= 1, "1 or more"),
        ("patience", patience is None or patience >= 1, "1 or more, or None"),
        *more,
    ]
    refuse(training, rules)


def refuse(training: Any, rules: Iterable[Rule]) -> None:
    """Refuse a recipe of which a rule does not hold.

    Raises:
        InvalidInputError: So it is; the message says what is allowed.
    """
    for name, right, allowed in rules:
        if not right:
            raise InvalidInputError(f"{name}={getattr(training, name)!r}; give {allowed}.")


def parameters(training: Any) -> dict[str, Any]:
    """Return a training's options as JSON has them."""
    names = [item.name for item in fields(training) if item.init]
    found = {name: getattr(training, name) for name in names}
    return {n: list(v) if isinstance(v, tuple) else v for n, v in found.items()}


def fell(curve: Curve) -> tuple[str, ...]:
    """Return a note where the examples held out were answered better before training."""
    before, after = curve.before, curve.after
    if before is None or after is None or after >= before:
        return ()
    return (
        f"training did not help: {curve.metric} on the examples held out was {before:.4f} before "
        f"it and is {after:.4f}",
    )


def fitted(training: Any) -> Any:
    """Return the report of a recipe.

    Raises:
        InvalidInputError: Nothing was fitted.
    """
    if training.model_ is None:
        raise InvalidInputError("nothing is trained yet. Call fit first.")
    return training.report_
