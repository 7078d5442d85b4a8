"""Commands made from recipes: every field is an option, and what is typed becomes the recipe."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import typer
from typer.main import get_command

import sememe
from sememe.app import cli
from sememe.app.cli import main
from sememe.app.field_options import describe_fields, make_options
from sememe.app.options import TextColumns
from sememe.app.train.recipe_command import make_recipe, recipe_command
from sememe.app.train.run import make_evaluate_option, make_path_argument
from sememe.train.base.options import Recipe, option, options_of

COMMANDS = {
    "word2vec": ["Word2Vec"],
    "fasttext": ["FastText"],
    "mlm": ["MaskedTraining"],
    "sentence": ["SentenceTraining"],
    "cross": ["CrossTraining"],
    "multilingual": ["MultilingualTraining"],
    "domain": ["DomainAdaptation"],
    "simclr": ["SimCLRTraining"],
    "wav2vec2": ["Wav2Vec2Training"],
    "clip": ["ClipTraining", "ClipFromScratch"],
    "speech": ["SpeechTraining"],
    "classifier": ["ImageClassifier"],
    "audio-classifier": ["AudioClassifier"],
    "text-classifier": ["TextClassifier"],
}
NOT_ON_THE_COMMAND_LINE = {}  # {(command, field): reason}
PANELS = ["Data", "Model", "Optimisation", "Evaluation", "Output"]


def train_command(name):
    return get_command(cli.app).commands["train"].commands[name]


def parse(name, *arguments):
    """The values of a command's options as typed."""
    return train_command(name).make_context(name, ["data", "-o", "out", *arguments]).params


def recipe_of(name, *arguments):
    (recipe,) = (getattr(sememe, kind) for kind in COMMANDS[name])
    values = parse(name, *arguments)
    return make_recipe(recipe, {key: values[key] for key in options_of(recipe)})


def test_every_recipe_has_a_command():
    commands = set(get_command(cli.app).commands["train"].commands)
    assert commands - COMMANDS.keys() == {"tokenizer", "mel-statistics"}
    kinds = {
        name
        for name in sememe.__all__
        if isinstance(kind := getattr(sememe, name), type) and issubclass(kind, Recipe)
    }
    assert kinds == {kind for kinds in COMMANDS.values() for kind in kinds} - {
        "Word2Vec",
        "FastText",
        "TextClassifier",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_field_is_an_option_with_help_in_a_panel(name):
    options = {one.name: one for one in train_command(name).params}
    for kind in COMMANDS[name]:
        fields = options_of(getattr(sememe, kind))
        missing = {key for key in fields if key not in options}
        assert missing == {key for command, key in NOT_ON_THE_COMMAND_LINE if command == name}
    for one in options.values():
        if one.param_type_name == "option":
            assert one.rich_help_panel in PANELS, one.name
            assert one.help and one.help[0].isupper() and one.help.rstrip()[-1] in ".)", one.name
            assert "`_" not in one.help and "told" not in one.help


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"clip"}))
def test_defaults_are_those_of_the_recipe(name):
    required = ["--teacher", "a", "-m", "b"] if name == "multilingual" else []
    (recipe,) = (getattr(sememe, kind) for kind in COMMANDS[name])
    expected = recipe("a", "b") if required else recipe()
    found = recipe_of(name, *required)
    assert {key: getattr(found, key) for key in options_of(recipe)} == {
        key: getattr(expected, key) for key in options_of(recipe)
    }


@pytest.mark.parametrize(
    ("name", "typed", "expected"),
    [
        ("sentence", "-m x --patience 3 --dims 8 --dims 16", ("base", "x")),
        ("sentence", "--patience 3", ("patience", 3)),
        ("sentence", "--patience 0", ("patience", None)),
        ("sentence", "--dims 8 --dims 16", ("dims", (8, 16))),
        ("mlm", "--whole-word", ("whole_word", True)),
        ("mlm", "--new-words 7", ("new_words", 7)),
        ("mlm", "--dropout 0.1", ("dropout", 0.1)),
        ("speech", "--base x", ("base", "x")),
        ("speech", "--keep-case", ("lower", False)),
        ("speech", "--train-feature-encoder", ("freeze_feature_encoder", False)),
        ("speech", "--freeze-feature-encoder", ("freeze_feature_encoder", True)),
        ("speech", "--mask-time 0.2", ("mask_time", 0.2)),
        ("speech", "--weight-decay 0", ("weight_decay", 0)),
        ("wav2vec2", "--gumbel 3 1", ("gumbel", (3.0, 1.0))),
        ("fasttext", "--no-spelling", ("spelling", False)),
        ("fasttext", "--common-directions -1", ("common_directions", None)),
        ("fasttext", "--common-directions 3", ("common_directions", 3)),
        ("classifier", "--weight-decay 0.5", ("weight_decay", 0.5)),
    ],
)
def test_what_is_typed_becomes_the_recipe(name, typed, expected):
    field, value = expected
    assert getattr(recipe_of(name, *typed.split()), field) == value


def test_a_file_of_new_words(tmp_path):
    (tmp_path / "words.txt").write_text("jib\n\n mizzen mast \n")
    made = recipe_of("domain", "--new-words", str(tmp_path / "words.txt"))
    assert made.new_words == ["jib", "mizzen mast"]


def test_help_shows_the_panels_in_order(capsys):
    assert main(["train", "speech", "--help"]) == 0
    lines = [line.split()[1] for line in capsys.readouterr().out.splitlines() if "╭─ " in line]
    assert [panel for panel in lines if panel in PANELS] == PANELS


@dataclass
class Made(Recipe):
    """A recipe.

    Attributes:
        kind: What it makes,
            which may be `width` wide.
        width: Inherits nothing.
    """

    kind: Literal["a", "b"] = option("a", choices=("a", "b"), group="model", names=("-k", "--kind"))
    _: KW_ONLY
    epochs: float = 2
    learning_rate: float = 0.1
    evaluations: int = 1
    width: int | None = option(None, at_least=1, group="data", none=0)
    sizes: Sequence[int] = option((), at_least=1, group="data")
    report_: MadeReport = field(init=False, repr=False)

    def fit(self, data, *, evaluate=None, columns=(), checkpoint=None, show_progress=False):
        self._check()
        if data.read_text() == "wait":
            (checkpoint / "checkpoint-1").mkdir(parents=True)
            raise KeyboardInterrupt
        warnings.warn("it collapses", RuntimeWarning, stacklevel=2)
        self.report_ = MadeReport(
            str(evaluate), tuple(columns), checkpoint.name, self.width, ("one note",)
        )
        return self

    def save(self, folder):
        folder.mkdir(exist_ok=True)
        return folder


@dataclass
class MadeReport:
    evaluate: str
    columns: tuple[str, ...]
    checkpoint: str
    width: int | None
    notes: tuple[str, ...]


@pytest.fixture
def run(tmp_path):
    app = typer.Typer()
    command = recipe_command(
        Made,
        make_path_argument("FILE", "What is trained on."),
        fit={"evaluate": make_evaluate_option("Evaluated on."), "columns": TextColumns},
        summarise=lambda report, written: f"width {report.width} to {written.name}",
        following="sememe use {}",
    )
    app.command()(command)
    (tmp_path / "data").write_text("some data")

    def call(*arguments):
        given = [str(tmp_path / "data"), "-o", str(tmp_path / "my out"), *map(str, arguments)]
        return app(args=given, standalone_mode=False)

    return call


def test_a_run_prints_its_notes_its_summary_and_the_next_command(run, tmp_path, capsys):
    run("--width", 3, "-k", "b", "--evaluate", tmp_path / "held")
    printed = capsys.readouterr()
    assert printed.out == f"width 3 to my out\nNext: sememe use '{tmp_path / 'my out'}'\n"
    assert printed.err == "warning: it collapses\nnote: one note\n"


def test_json_is_the_report(run, tmp_path, capsys):
    run("--json")
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "path": str(tmp_path / "my out"),
        "evaluate": "None",
        "columns": [],
        "checkpoint": "my out.checkpoint",
        "width": None,
        "notes": ["one note"],
    }


def test_what_cannot_be_trained_or_saved_is_refused(run, tmp_path):
    with pytest.raises(sememe.UnknownNameError, match="kind='c' is not one of a, b"):
        run("-k", "c")
    with pytest.raises(sememe.InvalidInputError, match=r"sizes=\(0,\); give a whole number"):
        run("--sizes", 0)
    (tmp_path / "my out").mkdir(exist_ok=True)
    (tmp_path / "my out" / "mine.txt").write_text("mine")
    with pytest.raises(sememe.InvalidInputError, match="add --overwrite"):
        run()


def test_an_interrupted_run_says_how_to_resume(run, tmp_path, capsys):
    (tmp_path / "data").write_text("wait")
    with pytest.raises(SystemExit) as stopped:
        run()
    assert stopped.value.code == 130
    state = tmp_path / "my out.checkpoint"
    assert f"progress is saved in {state}. To resume" in capsys.readouterr().err
    assert state.exists()


def test_help_is_the_docstring_of_the_field_and_of_its_base():
    texts = describe_fields(Made)
    assert texts["kind"] == "What it makes, which may be `width` wide."
    assert texts["seed"].startswith("Seed of all random numbers.")
    options = {one.name: one.annotation.__metadata__[0] for one in make_options(Made)}
    assert options["kind"].help == "What it makes, which may be --width wide."
    assert options["width"].help == "Inherits nothing. 0 disables it."
    assert options["sizes"].rich_help_panel == "Data" and "Repeatable" in options["sizes"].help


def test_options_of_the_other_way_are_refused(tmp_path, capsys):
    data, out = tmp_path / "data.csv", str(tmp_path / "out")
    for name, more, message in [
        ("speech", ["-m", "x", "--size", "tiny"], "--size is for training from scratch"),
        ("speech", ["-m", "x", "--sample-rate", "8000"], "--sample-rate is for training from"),
        ("speech", ["--evaluate", str(data), "--held-out", "0.2"], "Leave one out"),
        ("clip", ["--evaluate", str(data), "--held-out", "0.2"], "Leave one out"),
        ("clip", ["--warmup", "0.2"], "Add --from-scratch"),
        ("clip", ["--from-scratch", "--dropout", "0.2"], "Leave --dropout or"),
        ("classifier", ["--weight-decay", "0.2"], "--weight-decay is for --method finetune"),
        ("classifier", ["--draws", "3"], "--draws goes with --shots"),
    ]:
        assert main(["train", name, str(data), "-o", out, *more]) == 2
        assert message in capsys.readouterr().err
    assert not Path(out).exists()
