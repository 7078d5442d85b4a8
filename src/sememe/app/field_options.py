"""Options of a command from a dataclass: fields become options, the docstring their help.

`sememe.train.base.options` defines what a field may carry.
"""

from __future__ import annotations

import inspect
import operator
import re
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

if TYPE_CHECKING:
    from sememe.train.base.options import Option

Command = Callable[..., None]
Values = dict[str, Any]
_PANELS = ("Data", "Model", "Optimisation", "Evaluation", "Output")
_ENTRY = re.compile(r"    (\w+): (.*)")


def make_parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> Any:
    """Return a keyword parameter of a signature."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def set_signature(command: Command, parameters: Iterable[inspect.Parameter]) -> Command:
    """Give a function the signature that Typer reads, with options panel by panel."""
    signature = inspect.Signature(sorted(parameters, key=_rank_panel))
    command.__signature__ = signature  # type: ignore[attr-defined]
    return command


def _rank_panel(one: inspect.Parameter) -> int:
    options = typing.get_args(one.annotation)[1:]
    panels = [getattr(option, "rich_help_panel", None) for option in options]
    return _PANELS.index(panels[0]) if panels and panels[0] in _PANELS else -1


def make_options(kind: type) -> list[inspect.Parameter]:
    """Return the parameters of a command for the fields of a dataclass."""
    from sememe.train.base.options import options_of

    known, texts = options_of(kind), describe_fields(kind)
    parameters = []
    for name, one in known.items():
        typed = _adapt(kind, one)
        text = typed.describe(texts.get(name, ""))
        for other in known:
            text = text.replace(f"`{other}`", name_option(other))
        names = one.limits.get("names", (name_option(name),))
        option = typer.Option(*names, help=text, rich_help_panel=one.limits["group"].capitalize())
        default = inspect.Parameter.empty if typed.default is MISSING else typed.default
        parameters.append(make_parameter(name, Annotated[typed.kind, option], default))
    return parameters


def name_option(field: str) -> str:
    """Return what is typed for a field.

    >>> name_option("batch_size")
    '--batch-size'
    """
    return f"--{field.replace('_', '-')}"


def convert_values(kind: type, values: Values) -> Values:
    """Convert options from what is typed on the command line to what the fields take."""
    from sememe.train.base.options import options_of

    known = options_of(kind)
    return {name: _adapt(kind, known[name]).convert(value) for name, value in values.items()}


def describe_fields(owner: type) -> dict[str, str]:
    """Return the description of each field, from the Attributes of the class and its bases."""
    texts: dict[str, str] = {}
    for cls in reversed(owner.__mro__):
        texts |= _read_attributes(inspect.cleandoc(vars(cls).get("__doc__") or ""))
    return texts


def _read_attributes(docstring: str) -> dict[str, str]:
    r"""Read the section Attributes of a docstring in Google style.

    >>> _read_attributes("Make.\n\nAttributes:\n    dim: Width\n        of it.\n    n: How many.")
    {'dim': 'Width of it.', 'n': 'How many.'}
    """
    texts: dict[str, str] = {}
    _, _, section = docstring.partition("Attributes:\n")
    name = ""
    for line in section.splitlines():
        if not line.startswith("    "):
            break
        if match := _ENTRY.match(line):
            name, texts[match[1]] = match[1], match[2]
        elif name:
            texts[name] += f" {line.strip()}"
    return texts


def _keep(value: Any) -> Any:
    return value


class _Typed(NamedTuple):
    """How a field is typed on the command line.

    Attributes:
        kind: Type of the option.
        default: Its default.
        convert: Function from what is typed to what the field takes.
        describe: Function from the field's description to the help.
    """

    kind: Any
    default: Any
    convert: Callable[[Any], Any] = _keep
    describe: Callable[[str], str] = _keep


def _adapt(owner: type, one: Option) -> _Typed:
    hint, default = _resolve_hint(owner, one.field.name), one.field.default
    if (none := one.limits.get("none")) is not None:
        number = none if default is None else default
        note = f"{none} disables it."
        return _Typed(int, number, lambda x: None if x == none else x, lambda x: f"{x} {note}")
    if default is True:
        return _Typed(bool, False, operator.not_, lambda x: f"Do not {x[:1].lower()}{x[1:]}")
    if typing.get_origin(hint) is Literal:
        return _Typed(str, default)
    if typing.get_origin(hint) is Sequence:
        kind: Any = GenericAlias(list, typing.get_args(hint)) | None
        return _Typed(kind, None, lambda x: tuple(x or ()), lambda x: f"{x} Repeatable.")
    if any(typing.get_origin(part) is Sequence for part in typing.get_args(hint)):
        note = "Give a number, or a file with a word per line."
        return _Typed(str, str(default), _parse_words, lambda x: f"{x} {note}")
    return _Typed(hint, default)


def _parse_words(typed: str) -> int | list[str]:
    """Return a number of words, or the words of a file."""
    from sememe.app.files.texts import read_words

    return int(typed) if typed.removeprefix("-").isdecimal() else read_words(Path(typed))


def _resolve_hint(owner: type, name: str) -> Any:
    """Return the type of a field; annotations of other fields may be for type checkers alone."""
    for cls in owner.__mro__:
        if name in vars(cls).get("__annotations__", {}):
            alone = {"__annotations__": {name: cls.__annotations__[name]}}
            holder = type(name, (), {**alone, "__module__": cls.__module__})
            return typing.get_type_hints(holder)[name]
    raise AttributeError(name)
