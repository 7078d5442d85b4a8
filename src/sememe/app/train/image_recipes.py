"""`sememe train simclr` and `sememe train clip`."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from sememe._errors import InvalidInputError
from sememe.app.field_options import Command, Values, make_options, make_parameter, name_option
from sememe.app.options import ImageColumn, TextColumns, make_option
from sememe.app.train.recipe_command import make_recipe, recipe_command
from sememe.app.train.run import describe_curve, is_typed, make_evaluate_option, make_path_argument

if TYPE_CHECKING:
    from sememe.train.clip.report import ClipReport
    from sememe.train.simclr.recipe import SimCLRReport

_FROM_SCRATCH = make_option(
    bool,
    "Model",
    "Train both encoders from scratch, which takes thousands of images.",
    "--from-scratch",
)


def simclr() -> Command:
    """Train an image encoder without labels by SimCLR. Resumes an interrupted run."""
    from sememe.train.simclr.recipe import SimCLRTraining

    return recipe_command(
        SimCLRTraining,
        make_path_argument("FOLDER", "Folder of images, searched recursively; no labels."),
        fit={"labelled": make_evaluate_option("Folder with a folder of images per class.")},
        summarise=_summarise_simclr,
        following="sememe embed -m {} IMAGE",
    )


def _summarise_simclr(report: SimCLRReport, written: Path) -> str:
    first, last = report.figures[0], report.figures[-1]
    lines = [
        f"{report.n_pictures:,} images: {describe_curve(report.curve)} to {written}",
        f"  effective rank of {report.dim}: {first.rank:.1f} to {last.rank:.1f}",
    ]
    if last.probe is not None and first.probe is not None and report.raw is not None:
        lines += [
            f"  linear probe: {first.probe:.4f} to {last.probe:.4f}",
            f"  kNN accuracy of raw pixels: {report.raw:.4f}",
        ]
    return "\n".join(lines)


def clip() -> Command:
    """Train a joint space of images and texts, from images with captions."""
    from sememe.train.clip.locked import ClipTraining
    from sememe.train.clip.scratch import ClipFromScratch

    locked, scratch = make_options(ClipTraining), make_options(ClipFromScratch)

    def make(context: typer.Context, values: Values) -> Any:
        """Make the recipe chosen, with the options that were typed."""
        from_scratch = values.pop("from_scratch")
        own, others = (scratch, locked) if from_scratch else (locked, scratch)
        typed = {name: value for name, value in values.items() if is_typed(context, name)}
        if wrong := typed.keys() - {one.name for one in own}:
            option = name_option(next(one.name for one in others if one.name in wrong))
            raise InvalidInputError(_explain_other_recipe(option, from_scratch=from_scratch))
        return make_recipe(ClipFromScratch if from_scratch else ClipTraining, typed)

    return recipe_command(
        ClipTraining,
        make_path_argument(
            "TABLE",
            "Table (.csv, .tsv, .jsonl, .parquet) of images, as paths relative to its folder, and "
            "texts.",
        ),
        fit={
            "image_column": ImageColumn,
            "text_columns": TextColumns,
            "evaluate": make_evaluate_option("Such a table for evaluation; replaces --held-out."),
        },
        options=[make_parameter("from_scratch", _FROM_SCRATCH, False), *_merge(locked, scratch)],
        make=make,
        summarise=_summarise_clip,
        following="sememe index FOLDER --into DIR -m {}",
    )


def _merge(locked: list[Parameter], scratch: list[Parameter]) -> list[Parameter]:
    """Return the options of both recipes; of two defaults the help shows both."""
    merged = {one.name: one for one in locked}
    for one in scratch:
        other = merged.setdefault(one.name, one)
        kind, option = get_args(one.annotation)
        if other is one:
            option.help = f"From scratch: {option.help[0].lower()}{option.help[1:]}"
        elif other.default != one.default:
            option.show_default = f"{other.default}; from scratch {one.default}"
            merged[one.name] = make_parameter(one.name, Annotated[kind | None, option], None)
    return list(merged.values())


def _explain_other_recipe(option: str, *, from_scratch: bool) -> str:
    if from_scratch:
        return (
            f"{option} is of encoders that stay as they are, and --from-scratch trains new ones. "
            f"Leave {option} or --from-scratch out."
        )
    new = "is of encoders that are trained anew"
    return f"{option} {new}. Add --from-scratch, or leave {option} out."


def _summarise_clip(report: ClipReport, written: Path) -> str:
    head = f"{report.n_pairs:,} pairs of {report.n_images:,} images and {report.n_texts:,} texts"
    recalls = (
        f"  {name}: {value:.4f} (dealt to others {report.control[name]:.4f})"
        for name, value in report.recalls.items()
    )
    return "\n".join((f"{head}: {describe_curve(report.curve)} to {written}", *recalls))
