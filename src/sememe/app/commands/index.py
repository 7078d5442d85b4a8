"""Commands that make and use an index: index, search, verify, evaluate, demo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.app import terminal as show

if TYPE_CHECKING:
    from sememe.encoders.text.cross_encoder import CrossEncoder
    from sememe.index.hits import Hits
    from sememe.index.index import Index
    from sememe.index.report import Report

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
IndexDir = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of an index.")]
SearchMode = Annotated[str, typer.Option("--mode", help="hybrid, semantic or keyword")]
Models = Annotated[
    list[str] | None, typer.Option("-m", "--model", help="Encoder of a new index; repeatable.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(demo)
    app.command()(index)
    app.command()(search)
    app.command()(verify)
    app.command()(evaluate)


def demo() -> None:
    """Index the bundled samples and search them in two languages: the tour, offline."""
    from sememe.app.commands.demo import run

    run()


def index(
    into: Annotated[Path, typer.Option("--into", help="The folder of the index.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Folders or files; - is standard input."),
    ] = None,
    model: Models = None,
    terms: Annotated[
        str | None,
        typer.Option("--terms", help="Keyword analyser of a new index: default or kiwi."),
    ] = None,
    thumbnails: Annotated[
        int,
        typer.Option("--thumbnails", help="Of a new index: keep images this small; 0: none."),
    ] = 0,
    transcriber: Annotated[
        str,
        typer.Option("--transcriber", help="Of a new index: a recogniser; text then finds speech."),
    ] = "",
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", help="Pattern to leave out, as in .gitignore.")
    ] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option("--forget", help="A folder or file to follow no longer; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Build an index, or bring it up to date: only what changed is encoded again."""
    given, gone = paths or [], forget or []
    if not given and not gone:
        raise InvalidInputError("no PATH given; type: sememe index FOLDER --into DIR")
    missing = [path for path in given if path != "-" and not Path(path).exists()]
    if missing:
        raise InvalidInputError(
            f"{', '.join(missing)}: no such folder or file. If the index should follow it no "
            f"longer, type: sememe index --forget {missing[0]} --into {into}"
        )
    target = _open_or_create(into, model, terms, thumbnails, transcriber, create=bool(given))
    total = _sum([target.forget(path) for path in gone] + _take(target, given, ignore or []))
    held = len(target)
    if as_json:
        show.as_json({**total.to_dict(), "items": held})
    else:
        show.report(total, rows=held)
    if given and not held:
        raise InvalidInputError(f"nothing in {', '.join(given)} could be indexed")


def search(
    folder: IndexDir,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="What to look for.")] = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="Find what looks like this picture, or is told.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option("--audio", help="Find what sounds like this recording.")
    ] = None,
    top_k: Annotated[int, typer.Option("-k", "--top-k", help="How many hits.")] = 10,
    mode: SearchMode = "hybrid",
    where: Annotated[
        str | None, typer.Option("--where", help='SQL over the metadata: "year >= 2020"')
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option("--rerank", help="A cross-encoder (a folder or hf:org/name) to rank hits."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the items of an index that answer a query, or that are like a picture or a sound."""
    from sememe.index.index import Index

    if image is not None or audio is not None:
        others = (query, rerank, image and audio)
        if any(one is not None for one in others) or mode not in ("hybrid", "semantic"):
            raise InvalidInputError(
                "--image and --audio are queries by themselves; give one of them, and leave out "
                "QUERY, --mode, --rerank"
            )
        found = _search_like(Index.open(folder), image, audio, top_k, where)
    else:
        if query is None or not query.strip():
            raise InvalidInputError(
                "the query is empty; give words or a sentence to look for, or --image FILE, "
                "or --audio FILE"
            )
        scorer = _cross_encoder(rerank) if rerank else None
        opened = Index.open(folder, preload=True)
        found = opened.search(query, k=top_k, mode=mode, where=where, rerank=scorer)  # type: ignore[arg-type]
    if as_json:
        show.as_json([hit.to_dict() for hit in found])
    else:
        show.hits(found)
    show.note(found)


def _search_like(
    index: Index, image: Path | None, audio: Path | None, top_k: int, where: str | None
) -> Hits:
    given, option, noun = (
        (image, "--image", "picture") if image is not None else (audio, "--audio", "sound file")
    )
    if given is None or not given.is_file():
        raise InvalidInputError(f"{option} {given}: no such file. Give a {noun}.")
    search = index.search_image if image is not None else index.search_sound
    return search(given, k=top_k, where=where)


def verify(folder: IndexDir, as_json: Json = False) -> None:
    """Check an index end to end: rows, checksums, offsets, vector widths and lengths."""
    from sememe.index.index import Index

    found = Index.open(folder).verify()
    if as_json:
        show.as_json(found.to_dict())
    else:
        state = "sound" if found.sound else f"{found.faults} faults"
        typer.echo(f"{folder}: {found.rows} rows of {found.items} items checked, {state}")
        for problem in found.problems:
            typer.echo(problem, err=True)
    if not found.sound:
        raise typer.Exit(1)


def evaluate(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="retrieval, bitext, sts, word-similarity, analogies, masked, probe, "
            "zero-shot, image-retrieval, audio-classification, audio-retrieval or speech",
        ),
    ],
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="An encoder; retrieval: or an index; masked: a masked language model; speech: "
            "a recogniser.",
        ),
    ],
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Folder or files.")],
    split: Annotated[str, typer.Option("--split", help="Which part of the data.")] = "test",
    mode: SearchMode = "hybrid",
    terms: Annotated[
        str, typer.Option("--terms", help="Keyword analyser: default or kiwi.")
    ] = "default",
    among: Annotated[
        int | None,
        typer.Option("--among", help="Analogies: only this many keys, the first, can be answers."),
    ] = None,
    pseudo_texts: Annotated[
        int,
        typer.Option("--pseudo-texts", help="Masked: pseudo-perplexity of this many texts, slow."),
    ] = 0,
    beam_size: Annotated[
        int, typer.Option("--beam-size", help="Speech: 1, or 16 for the most probable text.")
    ] = 1,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help='Zero-shot: names for the classes, as "고양이,개,배".'),
    ] = None,
    image_column: Annotated[
        str | None,
        typer.Option("--image-column", help='Image-retrieval: the column, if not "image".'),
    ] = None,
    text_column: Annotated[
        list[str] | None,
        typer.Option("--text-column", help='Image-retrieval: if not "text"; repeatable.'),
    ] = None,
    views: Annotated[
        int, typer.Option("--views", help="Probe: views of a picture, 1, 2 or 4.")
    ] = 1,
    folds: Annotated[
        int | None, typer.Option("--folds", help="Audio-classification: how many, 5 unless told.")
    ] = None,
    fold_pattern: Annotated[
        str | None,
        typer.Option("--fold-pattern", help='Finds the fold in the name of each file, as "^.".'),
    ] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option("--group-pattern", help='Finds who speaks, as "_(.+)_", to keep them apart.'),
    ] = None,
    label_pattern: Annotated[
        str | None,
        typer.Option("--label-pattern", help='Sounds: finds the label in the name, as "^[^_]+".'),
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option("--probe", help="Audio-classification: linear (unless told), kernel or knn."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure an encoder or an index on a data set, with intervals and a control."""
    from sememe.app.evaluate.audio import SoundOptions
    from sememe.app.evaluate.run import evaluation

    found = evaluation(
        task,
        model,
        data,
        split=split,
        mode=mode,
        terms=terms,
        among=among,
        pseudo_texts=pseudo_texts,
        beam_size=beam_size,
        labels=labels,
        views=views,
        image_column=image_column,
        text_columns=text_column or (),
        sounds=SoundOptions(folds, fold_pattern, group_pattern, label_pattern, probe),
        progress=_terminal(),
    )
    if as_json:
        typer.echo(found.to_json())
        return
    typer.echo(f"{found.task}: {found.model}, n={found.n}, covered {found.covered:.0%}")
    rows = []
    for name, value in found.metrics.items():
        low, high = found.intervals.get(name, (float("nan"), float("nan")))
        control = found.control.get(name, float("nan"))
        share = f"{found.coverage.get(name, found.covered):.0%}"
        rows.append((name, f"{value:.4f}", f"{low:.4f} to {high:.4f}", f"{control:.4f}", share))
    show.table(("metric", "value", "95 % interval", "control", "covered"), rows)
    show.confused(found.confused)


def _open_or_create(
    into: Path,
    models: list[str] | None,
    terms: str | None,
    thumbnails: int,
    transcriber: str,
    *,
    create: bool,
) -> Index:
    from sememe.index.config import FILE
    from sememe.index.index import Index

    if create and not (into / FILE).exists():
        return Index.create(
            into,
            models or None,
            terms=terms or "default",
            thumbnails=thumbnails,
            transcriber=transcriber,
        )
    opened = Index.open(into)
    if thumbnails not in (0, opened.thumbnails):
        raise InvalidInputError(
            f"{into} keeps thumbnails of {opened.thumbnails} pixels; got {thumbnails}. Leave "
            "--thumbnails out, or build another index: --into OTHER"
        )
    encoders = ", ".join(entry.name for entry in opened.encoders)
    asked_for = (
        ("-m", _names(models or []), encoders),
        ("--terms", terms, opened.terms),
    )
    for option, asked, built in asked_for:
        if asked and asked != built:
            raise InvalidInputError(
                f"{into} was built with {built or 'none'}; got {option} {asked}. Leave {option} "
                "out, or build another index: --into OTHER"
            )
    if transcriber:
        opened.use_transcriber(transcriber)
    return opened


def _names(models: list[str]) -> str:
    """Return the names of the encoders that an index of these models has."""
    from sememe.index.encoders import loaded_encoders

    try:
        return ", ".join(encoder.name for encoder in loaded_encoders(models)) if models else ""
    except UnknownNameError:  # no model, so not the one that the index was built with
        return ", ".join(models)


def _take(target: Index, paths: list[str], ignore: list[str]) -> list[Report]:
    """Sync the folders and files, then read standard input if it is among them."""
    followed = [path for path in paths if path != "-"]
    done = []
    if followed:
        done.append(target.sync(*followed, ignore=ignore, show_progress=_terminal()))
    if "-" in paths:
        from sememe.index.facts import fitted
        from sememe.sources import read_lines

        lines = fitted(read_lines(sys.stdin.buffer), target.statistics()["columns"], "stdin")
        done.append(target.upsert(lines, show_progress=_terminal()))
    return done


def _cross_encoder(name: str) -> CrossEncoder:
    from sememe.encoders.text.cross_encoder import CrossEncoder

    found = CrossEncoder.load(name)
    if len(found.labels) > 1:
        raise InvalidInputError(
            f"--rerank {name} gives {len(found.labels)} labels ({', '.join(found.labels)}); give a "
            "cross-encoder with one score, such as hf:cross-encoder/ms-marco-MiniLM-L6-v2"
        )
    return found


def _sum(reports: list[Report]) -> Report:
    from sememe.index.report import Report

    total = Report()
    for report in reports:
        for name in ("added", "updated", "unchanged", "removed", "chunks", "tokens", "unknown"):
            setattr(total, name, getattr(total, name) + getattr(report, name))
        total.skipped.extend(report.skipped)
        total.seconds += report.seconds
    return total


def _terminal() -> bool:
    return sys.stderr.isatty()
