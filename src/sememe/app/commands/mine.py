"""The command `sememe mine`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.options import ENCODER, Json
from sememe.models.weights.catalog import SOUND_MODEL, STRUCTURE_MODEL, default_model

if TYPE_CHECKING:
    from sememe._types import Modality
    from sememe.app.files.texts import TextFile
    from sememe.index.near_duplicates import SimilarPair

_PAIRS = 100
_DUPLICATES = 0.9  # default threshold of --duplicates
_DEFAULTS = {"image": STRUCTURE_MODEL, "audio": SOUND_MODEL}
_FILE = typer.Argument(
    metavar="FILE",
    help="File with one text per line, or .jsonl, plain, .gz or .xz. Or an index of images or "
    "audio, or a folder of them.",
)
_TOP_K = typer.Option("-k", "--top-k", help=f"Maximum number of pairs; by default {_PAIRS}.")
_THRESHOLD = typer.Option(
    "--threshold",
    help=f"Minimum score; by default {_DUPLICATES} with --duplicates, 0.75 for images, 0.95 for "
    "audio.",
)
_KEEP = typer.Option(
    "--duplicates", help="Write the lines to keep: of near-duplicates only the first."
)
_OUTPUT = typer.Option(
    "-o",
    "--output",
    help="File to write: FILE.jsonl for pairs; for --duplicates, a file like FILE.",
)


def mine(
    file: Annotated[Path, _FILE],
    model: Annotated[str | None, ENCODER] = None,
    top_k: Annotated[int | None, _TOP_K] = None,
    threshold: Annotated[float | None, _THRESHOLD] = None,
    duplicates: Annotated[bool, _KEEP] = False,
    output: Annotated[Path | None, _OUTPUT] = None,
    as_json: Json = False,
) -> None:
    """Find the most similar pairs of texts in a file, or remove its near-duplicates.

    Of an index or a folder: versions of one image, and the most similar audio files. Every item is
    compared with every other, so twice as many take four times as long.
    """
    from sememe.tasks.near_duplicates import find_main_modality

    _check_options(top_k, threshold, duplicates)
    limit = top_k or _PAIRS
    only_texts = {"--duplicates": duplicates, "-o": output}
    if (file / "sememe.json").is_file():
        _refuse({"-m": model, **only_texts}, "an index")
        _mine_index(file, limit, threshold, as_json)
    elif file.is_dir() and (kind := find_main_modality(file)) is not None:
        _refuse(only_texts, "a folder")
        _mine_folder(file, kind, model, limit, threshold, as_json)
    else:
        model = model or default_model()
        _check_output(output, file, duplicates)
        source = _read_texts(file, as_json)
        if duplicates:
            document = _deduplicate(source, model, threshold, file, output, as_json)
        else:
            document = _find_pairs(source, model, limit, threshold, output, as_json)
        if as_json:
            facts = {"model": model, "texts": len(source.texts), "empty": source.empty}
            skipped = [one.reason for one in source.skipped]
            terminal.print_json({**facts, "skipped": skipped, **document})


def _check_options(top_k: int | None, threshold: float | None, duplicates: bool) -> None:
    """Refuse impossible options before anything is read."""
    from sememe.space.pairs import check_threshold
    from sememe.vectors.nearest import check_k

    if top_k is not None:
        check_k(top_k, "--top-k")
        if duplicates:
            raise InvalidInputError(f"--top-k {top_k} is for pairs; leave it out of --duplicates.")
    if threshold is not None:
        check_threshold(threshold)


def _refuse(options: dict[str, Any], what: str) -> None:
    for option, given in options.items():
        if given:
            raise InvalidInputError(f"{option} is for a file of texts; leave it out for {what}.")


def _mine_index(folder: Path, limit: int, threshold: float | None, as_json: bool) -> None:
    """List the most similar images and audio of an index."""
    from sememe._ties import rank
    from sememe.index.index import Index

    index = Index.open(folder)
    pairs: list[SimilarPair] = []
    errors = []
    for find_similar in (index.similar_images, index.similar_sounds):
        try:
            pairs += find_similar(max_pairs=limit, threshold=threshold)
        except InvalidInputError as error:  # the index holds none of that kind
            errors.append(error)
    if len(errors) == 2:
        raise errors[0]
    ranked = rank([pair.score for pair in pairs], range(len(pairs)))[:limit]
    pairs = [pairs[i]._replace(score=score) for i, score in ranked]
    if as_json:
        rows = [pair._asdict() for pair in pairs]
        terminal.print_json({"threshold": threshold, "pairs": rows})
        return
    _print_pairs(pairs, "pairs of images or audio", threshold, limit)


def _mine_folder(
    folder: Path,
    kind: Modality,
    model: str | None,
    limit: int,
    threshold: float | None,
    as_json: bool,
) -> None:
    """List the most similar images or audio files of a folder."""
    from sememe._nouns import noun
    from sememe.encoders.load.by_name import load
    from sememe.index.near_duplicates import choose_threshold
    from sememe.tasks.near_duplicates import find_near_duplicates

    encoder, show = load(model or _DEFAULTS[kind]), terminal.is_interactive()
    result = find_near_duplicates(
        folder, encoder, max_pairs=limit, threshold=threshold, show_progress=show
    )
    skipped = [f"{one.source}: {one.reason}" for one in result.skipped]
    lowest = choose_threshold(encoder.name) if threshold is None else threshold
    if as_json:
        facts = {"model": encoder.name, "files": result.n, "threshold": lowest}
        rows = [pair._asdict() for pair in result.pairs]
        terminal.print_json({**facts, "skipped": skipped, "pairs": rows})
        return
    terminal.print_notes(f"skipped {one}" for one in skipped)
    what = f"pairs of {result.n} {noun(encoder.modality)}s"
    _print_pairs(result.pairs, what, lowest, limit)


def _print_pairs(
    pairs: Sequence[SimilarPair], what: str, threshold: float | None, limit: int
) -> None:
    for pair in pairs:
        typer.echo(terminal.escape_controls(f"{pair.score:6.3f}  {pair.first}  {pair.second}"))
    least = "" if threshold is None else f" with {threshold} or more"
    typer.echo(f"{len(pairs)} {what}{least}", err=True)
    _warn_of_limit(len(pairs), limit)


def _warn_of_limit(n: int, limit: int) -> None:
    if n == limit:
        typer.echo(f"more pairs than these {limit} may reach it: -k NUMBER", err=True)


def _check_output(output: Path | None, file: Path, duplicates: bool) -> None:
    """Refuse a file that could not be written."""
    from sememe.app.files.arguments import check_output_file

    if output is None:
        return
    if output.suffix == ".xz":
        raise InvalidInputError(f"{output}: .xz is not written; name it without, or .gz.")
    if output.is_dir():
        raise InvalidInputError(f"{output} is a folder; give the name of a file.")
    check_output_file(output, ("",) if duplicates else (".jsonl", ".jsonl.gz"))
    if output.exists() and file.exists() and output.samefile(file):
        raise InvalidInputError(f"{output} is the file that is read; give another name to -o.")


def _read_texts(file: Path, quiet: bool) -> TextFile:
    """Read the texts, and report what is left out."""
    from sememe.app.files.texts import read_text_file

    source = read_text_file(file)
    if not quiet:
        if source.empty:
            typer.echo(f"{source.empty} empty lines left out", err=True)
        terminal.print_notes(f"skipped {one.reason}" for one in source.skipped)
    if len(source.texts) < 2:
        raise InvalidInputError(
            f"{file}: got {len(source.texts)} texts, {source.empty} empty lines and "
            f"{len(source.skipped)} skipped; give two texts or more, one per line."
        )
    return source


def _find_pairs(
    source: TextFile,
    model: str,
    limit: int,
    threshold: float | None,
    output: Path | None,
    quiet: bool,
) -> dict[str, Any]:
    """Find the pairs; write them, or print them unless `quiet`."""
    from sememe.encoders.load.by_name import load_text
    from sememe.tasks.mining import mine_pairs

    limits: dict[str, Any] = {"max_pairs": limit, "threshold": threshold}
    show = terminal.is_interactive()
    pairs = mine_pairs(source.texts, load_text(model), **limits, show_progress=show)
    rows, lines = [], []
    for pair in pairs:
        numbers = [source.lines[pair.first], source.lines[pair.second]]
        rows.append({"score": pair.score, "lines": numbers, "texts": list(pair.texts)})
        one, other = map(terminal.shorten, pair.texts)
        lines += [f"{pair.score:6.3f} {numbers[0]:>8}  {one}\n", f"{numbers[1]:>15}  {other}\n"]
    if output is not None:
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    target = "" if output is None else f" to {output}"
    _write(lines, output, f"{len(pairs)} pairs{target}", quiet)
    if threshold is not None:
        _warn_of_limit(len(pairs), limit)
    return {"pairs": rows}


def _deduplicate(
    source: TextFile,
    model: str,
    threshold: float | None,
    file: Path,
    output: Path | None,
    quiet: bool,
) -> dict[str, Any]:
    """Find near-duplicates; write the lines to keep, or print them unless `quiet`."""
    from sememe.app.files.texts import read_lines_at
    from sememe.encoders.load.by_name import load_text
    from sememe.tasks.mining import deduplicate

    threshold = _DUPLICATES if threshold is None else threshold
    encoder, show = load_text(model), terminal.is_interactive()
    done = deduplicate(source.texts, encoder, threshold=threshold, show_progress=show)
    lines = source.lines
    keep = [lines[i] for i in done.kept.tolist()]
    columns = done.dropped.tolist(), done.duplicate_of.tolist(), done.scores.tolist()
    dropped = [
        {"line": lines[i], "duplicate_of": lines[j], "score": score, "text": source.texts[i]}
        for i, j, score in zip(*columns, strict=True)
    ]
    notes = (
        f"line {row['line']} repeats {row['duplicate_of']} ({row['score']:.3f}): "
        f"{terminal.shorten(row['text'])}"
        for row in dropped
    )
    target = "" if output is None else f" to {output}"
    summary = f"{len(keep)} lines kept{target}, {len(dropped)} dropped"
    _write(read_lines_at(file, set(keep)), output, summary, quiet, notes)
    return {"threshold": threshold, "kept": keep, "dropped": dropped}


def _write(
    lines: Iterable[str], output: Path | None, summary: str, quiet: bool, notes: Iterable[str] = ()
) -> None:
    """Write lines to a file, or print them; then notes and a summary, all unless `quiet`."""
    from sememe._atomic import write_atomically

    if output is not None:
        with write_atomically(output) as file:
            file.writelines(line.encode("utf-8") for line in lines)
    elif not quiet:
        for line in lines:
            typer.echo(line, nl=False)
    if not quiet:
        terminal.print_notes(notes)
        typer.echo(summary, err=True)
