"""The commands `sememe train word2vec` and `sememe train fasttext`."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal as show
from sememe.app.train.run import (
    CTRL_C,
    Json,
    Overwrite,
    Seed,
    check_free,
    is_typed,
    state_folder,
)

if TYPE_CHECKING:
    from sememe.train.words.corpus.phrases import Phrases
    from sememe.train.words.word2vec import Word2Vec

_FILES = (".vec", ".bin")
_PHRASES = "phrases.json"
_FIXED = ("mode", "objective", "dim", "min_n", "max_n", "buckets", "hangul")  # of --from's model

Corpus = Annotated[
    Path,
    typer.Argument(
        metavar="CORPUS", help="A text file, a sentence or paragraph a line; also .gz and .xz."
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "-o", "--output", help="A folder for the model, or a .vec or .bin file for its vectors."
    ),
]
Start = Annotated[
    Path | None,
    typer.Option(
        "--from", help="Go on from the model in this folder; its parameters hold unless typed."
    ),
]
Mode = Annotated[str, typer.Option("--mode", help="skipgram or cbow")]
Objective = Annotated[
    str, typer.Option("--objective", help="negative-sampling or hierarchical-softmax")
]
Dim = Annotated[int, typer.Option("--dim", help="Width of a vector.")]
Window = Annotated[int, typer.Option("--window", help="Neighbours on each side, at most.")]
Negatives = Annotated[int, typer.Option("--negatives", help="Noise words for each window.")]
MinCount = Annotated[int, typer.Option("--min-count", help="Rarer words get no vector.")]
MaxVocab = Annotated[int | None, typer.Option("--max-vocab", help="At most so many words.")]
Epochs = Annotated[int, typer.Option("--epochs", help="Passes over the corpus.")]
Subsample = Annotated[float, typer.Option("--subsample", help="Thins out words above it.")]
Rate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate", help="Step size at first: 0.025 skipgram, 0.05 cbow and fasttext."
    ),
]
Tokens = Annotated[
    str, typer.Option("--tokens", help="words (any text) or whitespace (tokenised text)")
]
Join = Annotated[
    bool,
    typer.Option(
        "--phrases",
        help="Join pairs of words that occur together more than by chance (new_york) before "
        "counting. Text is not held in memory but read four times, the last two by one thread. The "
        "pairs are stored as phrases.json; --from a model that has some joins those.",
    ),
]
Workers = Annotated[int | None, typer.Option("--workers", help="Threads; one each core.")]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="The same bytes each time; one thread trains.")
]


def word2vec(
    context: typer.Context,
    corpus: Corpus,
    output: Output,
    start: Start = None,
    mode: Mode = "skipgram",
    objective: Objective = "negative-sampling",
    dim: Dim = 100,
    window: Window = 5,
    negatives: Negatives = 5,
    min_count: MinCount = 5,
    max_vocab: MaxVocab = None,
    epochs: Epochs = 5,
    subsample: Subsample = 1e-3,
    learning_rate: Rate = None,
    tokens: Tokens = "words",
    phrases: Join = False,
    workers: Workers = None,
    deterministic: Deterministic = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Learn a vector for each word. Stopped or killed, the same command goes on from there."""
    given = dict(locals())
    from sememe.train.words.word2vec import Word2Vec

    _train(Word2Vec, given)


def fasttext(
    context: typer.Context,
    corpus: Corpus,
    output: Output,
    start: Start = None,
    mode: Mode = "skipgram",
    objective: Objective = "negative-sampling",
    dim: Dim = 100,
    window: Window = 5,
    negatives: Negatives = 5,
    min_count: MinCount = 5,
    max_vocab: MaxVocab = None,
    epochs: Epochs = 5,
    subsample: Subsample = 1e-4,
    learning_rate: Rate = None,
    min_n: Annotated[int, typer.Option("--min-n", help="Shortest n-gram, in letters.")] = 3,
    max_n: Annotated[int, typer.Option("--max-n", help="Longest n-gram, in letters.")] = 6,
    buckets: Annotated[int, typer.Option("--buckets", help="Rows the n-grams share.")] = 2_000_000,
    hangul: Annotated[
        str, typer.Option("--hangul", help="jamo (letters) or syllables (for a .bin file)")
    ] = "jamo",
    tokens: Tokens = "words",
    workers: Workers = None,
    deterministic: Deterministic = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Learn vectors of words and of their parts: no word is unknown. Resumes like word2vec."""
    given = dict(locals())
    from sememe.train.words.fasttext import FastText

    _train(FastText, given)


def _train(kind: type[Word2Vec], given: dict[str, Any]) -> None:
    """Train, store, and report."""
    from sememe.train.words.checkpoint import remove_checkpoint

    corpus, output, start = given.pop("corpus"), given.pop("output"), given.pop("start")
    context: typer.Context = given.pop("context")
    overwrite, as_json = given.pop("overwrite"), given.pop("as_json")
    join = given.pop("phrases", False)
    if start is None:
        model = kind(**given)
    else:
        model = kind.load(start)
        _take(model, {name: given[name] for name in given if is_typed(context, name)})
    _check_output(output, corpus, model, overwrite=overwrite)
    state = state_folder(output)
    learn = model.fit if start is None else model.partial_fit
    keeping: dict[str, Any] = {
        "checkpoint": state,
        "keep_checkpoint": True,
        "show_progress": _shown(),
    }
    try:
        phrases = _phrases(corpus, model, start, join=join)
        learn(phrases.transform(corpus) if phrases else corpus, **keeping)
        written = _save(model, phrases, output)
    except KeyboardInterrupt:
        typer.echo(_how_to_go_on(context, state), err=True)
        raise SystemExit(CTRL_C) from None
    remove_checkpoint(state)  # only now is nothing lost without it
    _report(model, phrases, written, as_json=as_json)


def _shown() -> bool:
    return sys.stderr.isatty()


def _phrases(corpus: Path, model: Word2Vec, start: Path | None, *, join: bool) -> Phrases | None:
    """Return the phrases to join: those of --from's model, else of the corpus if wanted."""
    from sememe.train.words.corpus.phrases import Phrases

    if start is not None and (kept := start / _PHRASES).is_file():
        return Phrases.load(kept)
    if not join:
        return None
    found = Phrases(min_count=model.min_count, tokens=model.tokens, workers=model.n_threads())
    return found.fit(corpus, show_progress=_shown())


def _how_to_go_on(context: typer.Context, state: Path) -> str:
    """Return what to say after Ctrl-C: what is kept, and the command that goes on from there."""
    from sememe.train.words.checkpoint import holds_state

    words = context.command_path.split()
    for option in context.command.params:
        name = str(option.name)
        if not is_typed(context, name):
            continue
        if option.param_type_name == "option":
            words.append(max(option.opts, key=len))
        if not getattr(option, "is_flag", False):
            words.append(str(context.params[name]))
    kept = f"what was learnt is kept in {state}. To go on from there"
    kept = kept if holds_state(state) else "training had not begun, nothing is kept. To begin again"
    return f"sememe: stopped; {kept} type:\n  {shlex.join(words)}"


def _take(model: Word2Vec, typed: dict[str, Any]) -> None:
    """Give a loaded model the options typed beside --from, but for those its rows depend on."""
    for name, value in typed.items():
        if name in _FIXED and value != getattr(model, name):
            raise InvalidInputError(
                f"--{name.replace('_', '-')} {value}: the model of --from was trained with "
                f"{getattr(model, name)}, which cannot change. Leave the option out."
            )
        setattr(model, name, value)


def _check_output(output: Path, corpus: Path, model: Word2Vec, *, overwrite: bool) -> None:
    """Refuse before training what could not be stored after it."""
    from sememe.train.base.output_folder import check_place, check_room
    from sememe.train.words.model_folder import MODEL_FILES

    check_free(output, overwrite=overwrite)
    if output.suffix not in _FILES:
        check_place(output, model.kind, files=MODEL_FILES)
    elif output.is_dir():
        raise InvalidInputError(f"{output} is a folder, which cannot be replaced. Name another.")
    check_room(output.parent, "the folder of -o")
    if corpus.resolve().is_relative_to(output.resolve()):
        raise InvalidInputError(f"{output} is the corpus or holds it. Name another output.")
    if output.suffix == ".bin" and getattr(model, "hangul", None) == "jamo":
        raise InvalidInputError(
            "a .bin file cannot hold n-grams over jamo. Give a folder to -o, or add: --hangul "
            "syllables"
        )


def _save(model: Word2Vec, phrases: Phrases | None, output: Path) -> Path:
    """Write vectors into a file of that ending, else the model into a folder."""
    output.parent.mkdir(parents=True, exist_ok=True)
    alone = output.suffix in _FILES
    written = model.vectors_.save(output) if alone else model.save(output)
    if phrases:
        phrases.save(output.with_name(f"{output.name}.{_PHRASES}") if alone else output / _PHRASES)
    return written


def _report(model: Word2Vec, phrases: Phrases | None, written: Path, *, as_json: bool) -> None:
    report = model.report_
    if as_json:
        facts = {"path": str(written), "kind": model.kind, **asdict(report)}
        show.as_json(facts | ({"n_phrases": len(phrases.phrases_)} if phrases else {}))
        return
    for note in report.notes:
        typer.echo(f"note: {note}", err=True)
    if phrases:
        first = [phrases.delimiter.join(pair) for pair in islice(phrases.phrases_, 3)]
        named = f", such as {', '.join(first)}" if first else ""
        typer.echo(f"note: {len(phrases.phrases_):,} phrases were joined{named}", err=True)
    typer.echo(
        f"{report.n_keys:,} words ({report.covered:.1%} of {report.n_words:,}) to {written}; "
        f"{report.words_per_second / 1000:,.0f}k words/s, "
        f"{report.seconds_reading + report.seconds_training:.0f} s, loss {report.losses[-1]:.3f}"
    )
    key = model.vectors_.keys[len(model.vectors_) // 9]
    typer.echo(f"Next: sememe neighbors {shlex.quote(str(written))} {shlex.quote(key)}")
