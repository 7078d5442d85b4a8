"""The frame of recipes that train on examples with sentence-transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sememe.train.base.base_model import weights_digest
from sememe.train.base.hf_trainer import check_train_extra, fit_model
from sememe.train.base.options import TrainerRecipe, note_decline, parameters
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.sentence.evaluator import name_metric, score_model

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve
    from sememe.train.sentence.examples import Data, Examples


@dataclass(frozen=True, slots=True)
class Run:
    """What a recipe trains on.

    Attributes:
        base: Folder of the model to train.
        examples, held: Training examples, and the held-out ones, if there are any.
        notes: On the data.
        facts: Further facts of the run; see `describe_run`.
        extra: Anything else that the recipe needs.
    """

    base: Path
    examples: Examples
    held: Examples | None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    extra: Any = None


@dataclass(kw_only=True)
class ExampleRecipe(TrainerRecipe):
    """A recipe that trains on examples."""

    def fit(
        self,
        data: Data,
        *,
        evaluate: Data | None = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> Self:
        """Train on examples; see `read_examples`.

        evaluate: Held-out examples; the weights that score best on them are kept. checkpoint: A
        folder for the state of the run, to resume after a kill; the caller deletes it.

        Raises:
            InvalidInputError, UnknownNameError: An option, the base or the examples are invalid;
                before any long work.
            MissingExtraError: The extra `train` is not installed.
            FloatingPointError: Training diverged.
        """
        check_train_extra(f"{type(self).__name__}.fit", self.device)
        self._check()
        run = self._prepare(data, evaluate)
        facts = {**describe_run(self, run.base, run.examples, run.held), **run.facts}
        with checkpoint_folder(checkpoint, facts) as folder:
            self._train(run, folder, show=show_progress)
        return self

    def _prepare(self, data: Data, evaluate: Data | None) -> Run:
        """Read and check the base and the examples."""
        raise NotImplementedError

    def _train(self, run: Run, folder: Path, *, show: bool) -> None:
        """Train, and set `model_` and `report_`. folder: For the state of the run."""
        raise NotImplementedError

    def _fit_model(
        self,
        model: Any,
        run: Run,
        folder: Path,
        *,
        measure: Callable[[Any, Examples], Mapping[str, float]] = score_model,
        show: bool,
        **more: Any,
    ) -> Curve:
        """Train a model in place. measure: On held-out examples. more: See `fit_model`."""
        from sentence_transformers import SentenceTransformerTrainingArguments

        from sememe.train.base.hf_callbacks import Measured, SentenceTrainer

        held = run.held
        options = SentenceTransformerTrainingArguments
        defaults: dict[str, Any] = {"trainer": SentenceTrainer, "options": options}
        if getattr(model, "default_prompt_name", None):  # which the trainer does not heed
            defaults["prompts"] = model.prompts[model.default_prompt_name]
        return fit_model(
            self,
            model,
            folder,
            held_out=None if held is None else Measured(lambda m: measure(m, held)),
            metric=name_metric(held),
            show_progress=show,
            **(defaults | more),
        )

    def _notes(self, run: Run, curve: Curve) -> tuple[str, ...]:
        return (*collect_notes(run.examples, run.held), *run.notes, *note_decline(curve))


def describe_run(
    training: Any, base: Path, data: Examples, held: Examples | None
) -> dict[str, Any]:
    """Return the facts of a run; a checkpoint of other facts is another run's. base: Its folder."""
    return {
        "parameters": parameters(training),
        "data": data.digest(),
        "evaluate": None if held is None else held.digest(),
        "weights of the base": weights_digest(base),
    }


def collect_notes(data: Examples, held: Examples | None) -> tuple[str, ...]:
    """Return the notes on the training examples and on the held-out ones."""
    if held is None:
        return data.notes
    notes = [*data.notes, *(f"held out: {note}" for note in held.notes)]
    seen = set(_texts(data))
    if twice := sum(texts in seen for texts in _texts(held)):
        notes.append(f"held out: {twice} of {len(held)} are trained on too, which flatters")
    return tuple(notes)


def _texts(examples: Examples) -> Iterable[tuple[str, ...]]:
    names = [name for name in examples.columns if name not in ("score", "label")]
    return zip(*(examples.columns[name] for name in names), strict=True)
