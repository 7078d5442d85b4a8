"""What the recipes share: their options, what they begin with, and a run of a trainer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.train.base.hf_trainer import arguments, plan, run

if TYPE_CHECKING:
    from sememe.train.base.hf_trainer import Curve
    from sememe.train.sentence.examples import Examples

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


def run_facts(training: Any, base: Path, data: Examples, aside: Examples | None) -> dict[str, Any]:
    """Return what a run is: a checkpoint of other facts is another run's. base: Its folder."""
    held_out = None if aside is None else aside.digest()
    facts = {"parameters": parameters(training), "data": data.digest(), "evaluate": held_out}
    return facts | {"weights of the base": weights_digest(base)}


def weights_digest(folder: Path) -> str:
    """Return a hash of a base's files; its name may come to stand for other ones."""
    found = hashlib.sha256()
    for path in sorted(
        p for p in folder.rglob("*") if p.suffix in (".safetensors", ".json", ".bin")
    ):
        found.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def notes_of(data: Examples, aside: Examples | None) -> tuple[str, ...]:
    """Return what is to be said of the examples, and of those held out."""
    if aside is None:
        return data.notes
    notes = [*data.notes, *(f"held out: {note}" for note in aside.notes)]
    seen = set(_texts(data))
    if twice := sum(texts in seen for texts in _texts(aside)):
        notes.append(f"held out: {twice} of {len(aside)} are trained on too, which flatters")
    return tuple(notes)


def fell(curve: Curve) -> tuple[str, ...]:
    """Return a note where the examples held out were answered better before training."""
    before, after = curve.before, curve.after
    if before is None or after is None or after >= before:
        return ()
    return (
        f"training did not help: {curve.metric} on the examples held out was {before:.4f} before "
        f"it and is {after:.4f}",
    )


def _texts(examples: Examples) -> Iterable[tuple[str, ...]]:
    names = [name for name in examples.columns if name not in ("score", "label")]
    return zip(*(examples.columns[name] for name in names), strict=True)


def fitted(training: Any) -> Any:
    """Return the report of a recipe.

    Raises:
        InvalidInputError: Nothing was fitted.
    """
    if training.model_ is None:
        raise InvalidInputError("nothing is trained yet. Call fit first.")
    return training.report_


def network_folder(base: str) -> Path:
    """Return the folder of a network by its name; see `sememe.load`.

    Raises:
        InvalidInputError, UnknownNameError: It is no network of BERT's family.
    """
    from sememe.encoders.load.by_name import network
    from sememe.models.weights.catalog import CATALOG

    folder = network(base)
    if folder is None and base not in CATALOG and not Path(base).exists():
        raise UnknownNameError.of("model", base, CATALOG)
    if folder is None:
        raise InvalidInputError(
            f"{base!r} is no network that can be trained. Give a folder of BERT's family, "
            "hf:org/name, or all-minilm-l6-v2."
        )
    return folder


def trainable(base: str) -> Path:
    """Return the folder of a network that reads tokens in their order, by its name.

    Raises:
        InvalidInputError, UnknownNameError: None of that name, or a static encoder.
    """
    from sememe.models.static.folder import is_static_folder

    folder = network_folder(base)
    if is_static_folder(folder):
        raise InvalidInputError(
            f"{base} is a static encoder, which has no network. Give one of BERT's family, such as "
            "all-minilm-l6-v2."
        )
    return folder


def fit_model(
    training: Any,
    model: Any,
    folder: Path,
    *,
    trainer: Any,
    options: Any,
    data: Any,
    loss: Any,
    held_out: Any,
    metric: str,
    show_progress: bool,
    **more: Any,
) -> Curve:
    """Train a model in place, from the last state in the folder; see `trainer.run`.

    training: A recipe: epochs, batch_size, learning_rate, warmup, accumulate, evaluations, patience
    and seed are read. trainer: The class of the trainer. options: The class of its arguments; more:
    such arguments. held_out: An evaluator, or None. metric: Its figure, where higher is better.

    Raises:
        FloatingPointError: Training diverged.
    """
    from transformers import EarlyStoppingCallback

    found = plan(
        -(-len(data) // training.batch_size),
        epochs=training.epochs,
        accumulate=training.accumulate,
        evaluations=training.evaluations,
    )
    if held_out is not None:
        more |= {"metric_for_best_model": f"eval_{metric}", "greater_is_better": True}
    args = arguments(
        options,
        folder,
        found,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        warmup=training.warmup,
        accumulate=training.accumulate,
        seed=training.seed,
        evaluated=held_out is not None,
        **more,
    )
    stops = held_out is not None and training.patience is not None
    made = trainer(
        model,
        args,
        train_dataset=data,
        loss=loss,
        evaluator=held_out,
        callbacks=[EarlyStoppingCallback(training.patience)] if stops else [],
    )
    return run(made, folder, show_progress=show_progress)


def write_quietly(model: Any, folder: Path) -> None:
    """Write a model of sentence-transformers, without a card and without a bar."""
    from sememe.train.base.hf_callbacks import a_quiet_guest

    with a_quiet_guest():
        model.save_pretrained(str(folder), create_model_card=False)
