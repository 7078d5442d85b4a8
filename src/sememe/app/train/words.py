"""`sememe train word2vec` and `sememe train fasttext`."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.field_options import (
    Command,
    Values,
    convert_values,
    make_options,
    make_parameter,
    name_option,
)
from sememe.app.options import make_option
from sememe.app.train.recipe_command import set_training_signature
from sememe.app.train.run import (
    CTRL_C,
    check_free,
    is_typed,
    locate_state,
    make_path_argument,
    print_run,
)

if TYPE_CHECKING:
    from sememe.train.words.corpus.phrases import Phrases
    from sememe.train.words.word2vec import Word2Vec

_FILES = (".vec", ".bin")
_PHRASES = "phrases.json"
_FIXED = ("mode", "objective", "dim", "min_n", "max_n", "buckets", "hangul")  # of --from's model

_CORPUS = make_path_argument(
    "CORPUS", "Text file with a sentence or paragraph per line, plain, .gz or .xz."
)
_OUTPUT = make_option(
    Path,
    "Output",
    "Folder for the model, or a .vec or .bin file for its vectors.",
    "-o",
    "--output",
)
_START = make_option(
    Path | None,
    "Model",
    "Continue from the model in this folder, with its parameters unless they are typed.",
    "--from",
)
_JOIN = make_option(
    bool,
    "Data",
    "Join pairs of words that occur together more than by chance (new_york) before counting. Text "
    "is not held in memory but read four times, the last two by one thread. The pairs are saved as "
    "phrases.json; --from a model that has some joins those.",
    "--phrases",
)


def word2vec() -> Command:
    """Learn word vectors. The same command resumes an interrupted run."""
    from sememe.train.words.word2vec import Word2Vec

    return _make_command(Word2Vec, make_parameter("phrases", _JOIN, False))


def fasttext() -> Command:
    """Learn vectors of words and of character n-grams, which represent unseen words too."""
    from sememe.train.words.fasttext import FastText

    return _make_command(FastText)


def _make_command(recipe: type[Word2Vec], *more: Any) -> Command:
    def command(
        context: typer.Context,
        data: Path,
        output: Path,
        start: Path | None,
        overwrite: bool,
        as_json: bool,
        phrases: bool = False,
        **values: Any,
    ) -> None:
        from sememe.train.words.checkpoint import remove_checkpoint

        model = _make_model(context, recipe, start, values)
        _check_output(output, data, model, overwrite=overwrite)
        learn: Callable[..., Any] = model.fit if start is None else model.partial_fit
        state, show = locate_state(output), terminal.is_interactive()
        try:
            joined = _find_phrases(data, model, start, join=phrases)
            corpus = joined.transform(data) if joined else data
            learn(corpus, checkpoint=state, keep_checkpoint=True, show_progress=show)
            written = _save(model, joined, output)
        except KeyboardInterrupt:
            typer.echo(_explain_resuming(context, state), err=True)
            raise SystemExit(CTRL_C) from None
        remove_checkpoint(state)  # only once the model is saved
        _report(model, joined, written, as_json=as_json)

    options = [make_parameter("start", _START, None), *make_options(recipe), *more]
    return set_training_signature(command, _CORPUS, _OUTPUT, options)


def _make_model(
    context: typer.Context, recipe: type[Word2Vec], start: Path | None, values: Values
) -> Word2Vec:
    """Return a new model, or the one of --from with the options typed."""
    values = convert_values(recipe, values)
    if start is None:
        return recipe(**values)
    model = recipe.load(start)
    for name, value in values.items():
        if not is_typed(context, name):
            continue
        if name in _FIXED and value != getattr(model, name):
            raise InvalidInputError(
                f"{name_option(name)} {value}: the model of --from was trained with "
                f"{getattr(model, name)}, which cannot change. Leave the option out."
            )
        setattr(model, name, value)
    return model


def _find_phrases(
    corpus: Path, model: Word2Vec, start: Path | None, *, join: bool
) -> Phrases | None:
    """Return the phrases to join: those of --from's model, else of the corpus if wanted."""
    from sememe.train.words.corpus.phrases import Phrases

    if start is not None and (start / _PHRASES).is_file():
        return Phrases.load(start / _PHRASES)
    if not join:
        return None
    phrases = Phrases(min_count=model.min_count, tokens=model.tokens, workers=model.n_threads())
    return phrases.fit(corpus, show_progress=terminal.is_interactive())


def _explain_resuming(context: typer.Context, state: Path) -> str:
    """Return the message after Ctrl-C: what is kept, and the command that resumes."""
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
    saved = f"progress is saved in {state}. To resume"
    saved = saved if holds_state(state) else "training had not started. To start again"
    return f"sememe: stopped; {saved}, type:\n  {shlex.join(words)}"


def _check_output(output: Path, corpus: Path, model: Word2Vec, *, overwrite: bool) -> None:
    """Refuse, before training, an output that could not be saved."""
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
        cure = "Give a folder to -o, or add: --hangul syllables"
        raise InvalidInputError(f"a .bin file cannot hold n-grams over jamo. {cure}")


def _save(model: Word2Vec, phrases: Phrases | None, output: Path) -> Path:
    """Write vectors to a file, if the output ends in .vec or .bin, else the model to a folder."""
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
        terminal.print_json(facts | ({"n_phrases": len(phrases.phrases_)} if phrases else {}))
        return
    notes = [*report.notes]
    if phrases:
        first = [phrases.delimiter.join(pair) for pair in islice(phrases.phrases_, 3)]
        named = f", such as {', '.join(first)}" if first else ""
        notes.append(f"{len(phrases.phrases_):,} phrases were joined{named}")
    summary = (
        f"{report.n_keys:,} words ({report.covered:.1%} of {report.n_words:,}) to {written}; "
        f"{report.words_per_second / 1000:,.0f}k words/s, "
        f"{report.seconds_reading + report.seconds_training:.0f} s, loss {report.losses[-1]:.3f}"
    )
    words = (str(written), model.vectors_.keys[len(model.vectors_) // 9])
    print_run(summary, notes, f"sememe neighbors {shlex.join(words)}")
