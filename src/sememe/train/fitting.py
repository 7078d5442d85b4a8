"""What the recipes share that run a trainer of sentence-transformers: options and the run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe.train.sentence import network_folder
from sememe.train.trainer import arguments, plan, run

if TYPE_CHECKING:
    from sememe.train.trainer import Curve

Rule = tuple[str, bool, str]  # an option's name, whether its value will do, what is allowed


def check_options(training: Any, more: Iterable[Rule] = ()) -> None:
    """Refuse values of a recipe's options that cannot be trained with.

    more: Rules of the recipe's own, besides those for the options that all recipes have.

    Raises:
        InvalidInputError: A value will not do; the message says which are allowed.
    """
    most, patience = training.max_tokens, training.patience
    rules: list[Rule] = [
        ("epochs", training.epochs > 0, "a number above 0"),
        ("batch_size", training.batch_size >= 2, "2 or more"),
        ("learning_rate", training.learning_rate > 0, "a number above 0, such as 5e-5"),
        ("warmup", 0 <= training.warmup < 1, "a share of the steps, 0 to 1"),
        ("accumulate", training.accumulate >= 1, "1 or more"),
        ("max_tokens", most is None or most >= 3, "3 or more, or None"),
        ("evaluations", training.evaluations >= 1, "1 or more"),
        ("patience", patience is None or patience >= 1, "1 or more, or None"),
        *more,
    ]
    for name, right, allowed in rules:
        if not right:
            raise InvalidInputError(f"{name}={getattr(training, name)!r}; give {allowed}.")


def trainable(base: str) -> Path:
    """Return the folder of a network that reads tokens in their order, by its name.

    Raises:
        InvalidInputError, UnknownNameError: None of that name, or a static encoder.
    """
    from sememe.models.static_folder import is_static_folder

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
