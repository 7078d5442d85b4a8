"""Options of recipes: rules and their messages, inheritance, and what a recipe shows and stores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace

import pytest

import sememe
from sememe import InvalidInputError, UnknownNameError
from sememe.train.base.options import (
    TrainerRecipe,
    check,
    get_report,
    option,
    options_of,
    parameters,
    rule,
)

RECIPES = (
    *("AudioClassifier", "ClipFromScratch", "ClipTraining", "CrossTraining", "DomainAdaptation"),
    *("FastText", "ImageClassifier", "MaskedTraining", "MultilingualTraining"),
    *("SentenceTraining", "SimCLRTraining", "SpeechTraining", "Wav2Vec2Training", "Word2Vec"),
)


@dataclass
class Made(TrainerRecipe):
    base: str = field(metadata=rule(group="model"))
    kind: str | None = option(None, choices=("wide", "narrow"))
    _: KW_ONLY
    epochs: float = 4
    learning_rate: float | None = None
    share: float = option(0.5, above=0, at_most=1)
    dims: Sequence[int] = option((), at_least=1)
    evaluations: int = 3
    report_: str = field(init=False, repr=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs=0; give a number above 0, such as 4."),
        ({"epochs": math.inf}, "epochs=inf; give a number above 0"),
        ({"epochs": math.nan}, "epochs=nan; give a number above 0"),
        ({"epochs": "4"}, "epochs='4'; give a number above 0"),
        ({"learning_rate": -1}, "learning_rate=-1; give a number above 0, or None."),
        ({"batch_size": 1}, "batch_size=1; give a whole number of at least 2."),
        ({"batch_size": 2.5}, "batch_size=2.5; give a whole number of at least 2."),
        ({"batch_size": True}, "batch_size=True; give a whole number"),
        ({"batch_size": None}, "batch_size=None; give a whole number"),
        ({"warmup": 1}, "warmup=1; give a number of at least 0 and below 1, such as 0.1."),
        ({"patience": 0}, "patience=0; give a whole number of at least 1, or None."),
        ({"share": 1.5}, "share=1.5; give a number above 0 and at most 1, such as 0.5."),
        ({"dims": (4, 0)}, r"dims=\(4, 0\); give a whole number of at least 1."),
        ({"seed": -1}, "seed=-1; give a whole number of at least 0."),
    ],
)
def test_a_value_outside_its_rule_is_refused(values, message):
    with pytest.raises(InvalidInputError, match=f"^{message}"):
        check(Made("x", **values))


def test_a_wrong_name_lists_the_choices():
    with pytest.raises(UnknownNameError, match=r"kind='wider' is not one of wide, narrow\. Did"):
        check(Made("x", "wider"))


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "wide", "share": 1, "warmup": 0, "patience": 1, "dims": (1, 10**400)},
        {"epochs": 0.1, "learning_rate": 3, "dims": [8]},
    ],
)
def test_values_at_the_limits_are_taken(values):
    check(Made("x", **values))


def test_a_condition_between_options():
    check(Made("x"), ("share", True, "anything"))
    with pytest.raises(InvalidInputError, match=r"^share=0\.5; give a share of all\.$"):
        check(Made("x"), ("share", False, "a share of all"))


def test_own_options_come_first_and_shared_ones_by_keyword():
    made = Made("x", "wide", epochs=2)
    own = ["base", "kind", "epochs", "learning_rate", "share", "dims", "evaluations"]
    shared = ["batch_size", "warmup", "accumulate", "patience", "seed", "device"]
    assert list(options_of(Made)) == own + shared == list(parameters(made))
    assert repr(made).startswith("Made(base='x', kind='wide', epochs=2, learning_rate=None, share")
    assert repr(made).endswith("patience=None, seed=0, device='auto')")
    assert replace(made, seed=3).seed == 3 and replace(made, seed=3).epochs == 2
    with pytest.raises(TypeError):
        Made("x", "wide", 2)
    assert parameters(Made("x", dims=(1, 2)))["dims"] == [1, 2]


def test_nothing_is_fitted_before_fit():
    made = Made("x")
    with pytest.raises(InvalidInputError, match="Call fit first"):
        get_report(made)
    made.model_, made.report_ = object(), "done"
    assert get_report(made) == "done"


@pytest.mark.parametrize("name", RECIPES)
def test_defaults_are_valid_and_every_number_has_a_rule(name):
    recipe = getattr(sememe, name)
    made = recipe("a", "b") if name == "MultilingualTraining" else recipe()
    check(made)
    bounds = {"at_least", "above", "at_most", "below", "choices"}
    free = {
        key
        for key, one in options_of(recipe).items()
        if isinstance(getattr(made, key), int | float) and not isinstance(getattr(made, key), bool)
        if not bounds & one.limits.keys()
    }
    assert free <= {"new_words", "sample_rate", "crop", "batch_seconds", "vocab_size", "views"}
    assert all(one.limits.get("group") for one in options_of(recipe).values())
    assert {"epochs", "learning_rate", "seed"} <= options_of(recipe).keys()
