"""Options of a recipe: each field carries its rule, its help group and its command-line names.

    @dataclass
    class MyTraining(Recipe):
        base: str = option("all-minilm-l6-v2", group="model", names=("-m", "--model"))
        _: KW_ONLY
        epochs: float = 4  # the rule is that of `Recipe`
        margin: float = option(0.3, above=0, below=2, group="model")

`check` validates by the rules; `sememe.app.train.recipe_command` makes the command from them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypedDict, Unpack, get_args

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.train.base.device import Precision

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

Group = Literal["data", "model", "optimisation", "evaluation"]
Condition = tuple[str, bool, str]  # an option's name, whether its value is valid, what is allowed
_METADATA = "rule"
_BOUNDS: tuple[tuple[Literal["at_least", "above", "at_most", "below"], str], ...] = (
    ("at_least", "of at least"),
    ("above", "above"),
    ("at_most", "at most"),
    ("below", "below"),
)


class Limits(TypedDict, total=False):
    """Keywords of `rule` and `option`.

    Attributes:
        at_least, above, at_most, below: Bounds of a number, or of each number of a sequence. A
            number is finite; a field annotated `int` takes whole numbers only, and None is valid
            where the annotation has it.
        choices: The names allowed.
        group: The panel of `--help` that lists the option.
        names: Names on the command line; by default "--" and the field's name. Of a bool, the flag
            that inverts the default.
        none: What is typed on the command line for None.
    """

    at_least: float
    above: float
    at_most: float
    below: float
    choices: Sequence[str]
    group: Group
    names: tuple[str, ...]
    none: int


def rule(**limits: Unpack[Limits]) -> dict[str, Any]:
    """Return the metadata of a field without a default: `field(metadata=rule(...))`."""
    return {_METADATA: limits}


def option(default: Any, **limits: Unpack[Limits]) -> Any:
    """Declare a dataclass field with a default and a rule."""
    return field(default=default, metadata=rule(**limits))


class Option(NamedTuple):
    """A field of a recipe with the rule that applies to it."""

    field: Field[Any]
    limits: Limits

    @property
    def required(self) -> bool:
        """Whether the option has no default."""
        return self.field.default is MISSING

    def check(self, value: Any) -> None:
        """Raise InvalidInputError or UnknownNameError if a value is outside the rule."""
        choices = self.limits.get("choices")
        if (value is None and self._is_optional()) or (choices and value in choices):
            return
        if choices:
            raise UnknownNameError.of(self.field.name, value, choices)
        numbers = value if isinstance(value, tuple | list) else (value,)
        if not all(map(self._allows, numbers)):
            raise InvalidInputError(f"{self.field.name}={value!r}; give {self._describe()}.")

    def _allows(self, number: Any) -> bool:
        if not any(key in self.limits for key, _ in _BOUNDS):
            return True
        if isinstance(number, bool) or not isinstance(number, Real):
            return False
        if not isinstance(number, Integral) and (self._is_whole() or not math.isfinite(number)):
            return False
        low, high = self.limits.get("at_least", -math.inf), self.limits.get("at_most", math.inf)
        above, below = self.limits.get("above", -math.inf), self.limits.get("below", math.inf)
        value: Any = number
        return bool(low <= value <= high and above < value < below)

    def _is_whole(self) -> bool:
        return "int" in re.findall(r"\w+", str(self.field.type))

    def _is_optional(self) -> bool:
        return "None" in str(self.field.type)

    def _describe(self) -> str:
        """Return what is allowed in words, as "a number above 0, such as 5e-05"."""
        what = "a whole number" if self._is_whole() else "a number"
        bounds = [f"{word} {self.limits[key]:,}" for key, word in _BOUNDS if key in self.limits]
        what = f"{what} {' and '.join(bounds)}"
        if not (self._is_whole() or self.field.default in (None, MISSING)):
            what += f", such as {self.field.default}"
        return f"{what}, or None" if self._is_optional() else what


def options_of(recipe: type) -> dict[str, Option]:
    """Return the options of a dataclass by name: those of its own first, then inherited ones.

    A field declared again without a rule keeps the rule of the class that it inherits from.
    """
    known = {item.name: item for item in fields(recipe) if item.init}
    names = (name for cls in recipe.__mro__ for name in vars(cls).get("__annotations__", ()))
    limits: dict[str, Limits] = {}
    for cls in reversed(recipe.__mro__):
        declared = vars(cls).get("__dataclass_fields__", {}).items()
        limits |= {n: f.metadata[_METADATA] for n, f in declared if _METADATA in f.metadata}
    unique = dict.fromkeys(names)
    return {name: Option(known[name], limits.get(name, {})) for name in unique if name in known}


def check(recipe: Any, *conditions: Condition) -> None:
    """Refuse a recipe with an option outside its rule, or with a condition that does not hold.

    Args:
        recipe: A dataclass whose fields are made by `option`.
        conditions: Further ones, such as between options: (name, whether it holds, what is
            allowed).

    Raises:
        InvalidInputError, UnknownNameError: Got, allowed, what to type.
    """
    for name, one in options_of(type(recipe)).items():
        one.check(getattr(recipe, name))
    for name, holds, allowed in conditions:
        if not holds:
            raise InvalidInputError(f"{name}={getattr(recipe, name)!r}; give {allowed}.")


@dataclass(kw_only=True)
class Recipe:
    """Options that every recipe has. Recipes set the defaults.

    Attributes:
        epochs: Passes over the training data.
        learning_rate: Peak learning rate of AdamW.
        evaluations: Number of evaluations during a run; the state is saved at each.
        seed: Seed of all random numbers. On CPU the same seed gives the same weights.
        device: Device to train on: auto, cpu, cuda, cuda:1 or mps; auto is a GPU if there is one.
    """

    folder_kind: ClassVar[str]  # the "kind" in sememe.json of what `save` writes

    epochs: float = field(metadata=rule(above=0, group="optimisation"))
    learning_rate: float | None = field(metadata=rule(above=0, group="optimisation"))
    evaluations: int | None = field(metadata=rule(at_least=1, group="evaluation"))
    seed: int = option(0, at_least=0, group="optimisation")
    device: str = option("auto", group="optimisation")
    model_: Any = field(default=None, init=False, repr=False)

    def __init_subclass__(cls) -> None:
        cls.__repr__ = Recipe.__repr__  # type: ignore[method-assign]  # dataclass keeps it

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={getattr(self, name)!r}" for name in options_of(type(self)))
        return f"{type(self).__name__}({given})"

    def _check(self) -> None:
        check(self)

    def save(self, folder: str | Path) -> Path:
        """Write the trained model whole or not at all, with sememe.json, a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        from sememe.train.base.output_folder import write_trained

        report = get_report(self)
        facts = {"parameters": parameters(self), "training": describe_report(report)}
        return write_trained(
            Path(folder),
            self.folder_kind,
            write=self._write,
            facts=lambda: facts | self._facts(),
            card=self._card(),
            curve=report.curve,
        )

    def _facts(self) -> dict[str, Any]:
        """Return further facts for sememe.json; "training" is the report by default."""
        return {}

    def _write(self, folder: Path) -> None:
        """Write the trained model's own files; called after `_facts`."""
        raise NotImplementedError

    def _card(self) -> str:
        """Return the model card."""
        raise NotImplementedError


@dataclass(kw_only=True)
class TrainerRecipe(Recipe):
    """Options of recipes that the trainer of transformers runs.

    Attributes:
        batch_size: Examples per step.
        warmup: Warm-up, fraction of steps; after it the learning rate falls linearly to 0.
        accumulate: Batches whose gradients are accumulated into one step.
        patience: Evaluations without improvement after which training stops; by default it does
            not. The best result often comes only at the end, when the learning rate is lowest.
    """

    batch_size: int = option(32, at_least=2, group="optimisation")
    warmup: float = option(0.1, at_least=0, below=1, group="optimisation")
    accumulate: int = option(1, at_least=1, group="optimisation")
    patience: int | None = option(None, at_least=1, group="evaluation", none=0)

    def _write(self, folder: Path) -> None:
        from sememe.train.base.hf_trainer import write_quietly

        write_quietly(self.model_, folder)


@dataclass(kw_only=True)
class LoopRecipe(Recipe):
    """Options of recipes that are plain loops of torch.

    Attributes:
        weight_decay: Weight decay of AdamW.
        warmup: Warm-up, fraction of steps; after it the learning rate falls along a cosine.
        precision: Precision of the steps: float32, bfloat16, or auto, which is bfloat16 on a GPU
            with instructions for it. On CPUs bfloat16 is faster with avx512_bf16 or amx_bf16 and
            slower without. Saved weights are float32.
    """

    weight_decay: float = option(0.01, at_least=0, group="optimisation")
    warmup: float = option(0.1, at_least=0, below=1, group="optimisation")
    precision: Precision = option("auto", choices=get_args(Precision), group="optimisation")


def parameters(recipe: Any) -> dict[str, Any]:
    """Return the options of a recipe as JSON takes them."""
    values = {name: getattr(recipe, name) for name in options_of(type(recipe))}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def describe_report(report: Any) -> dict[str, Any]:
    """Return a report for sememe.json, which has the curve as a field of its own."""
    return {name: value for name, value in asdict(report).items() if name != "curve"}


def note_decline(curve: Curve) -> tuple[str, ...]:
    """Return a note if the held-out metric was better before training."""
    before, after = curve.before, curve.after
    if before is None or after is None or after >= before:
        return ()
    return (
        f"training did not help: {curve.metric} on the examples held out was {before:.4f} before "
        f"it and is {after:.4f}",
    )


def get_report(recipe: Any) -> Any:
    """Return the report of a fitted recipe; raise InvalidInputError if `fit` was not called."""
    if recipe.model_ is None:
        raise InvalidInputError("nothing is trained yet. Call fit first.")
    if not hasattr(recipe, "report_"):
        raise InvalidInputError(
            "this model was loaded, not trained here, and has no report. Copy its folder instead."
        )
    return recipe.report_
