"""Run transformers' Trainer so that a kill loses little and the same run comes out the same.

<checkpoint>/run.json          what the run is: other parameters or data are refused
<checkpoint>/checkpoint-<n>/   the state after step n, valid once its trainer_state.json is there
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._progress import progress
from sememe.train.base.run_lock import held
from sememe.vectors.atomic import written

ABOUT = "sememe.json"
_LEFT = ("run.json", "checkpoint-*", "*-run", "tokenizer", "blocks", "eval", "pictures", "sounds")
_POINTS = 100  # of the curve of losses


@dataclass(frozen=True, slots=True)
class Curve:
    """How a run went.

    Attributes:
        losses: (step, mean loss since the point before).
        metrics: (step, value) on examples held out; step 0 is before training.
        metric: The name of that value; "" where nothing was held out.
        steps: Steps taken in all.
        best_step: The step whose weights were kept.
        resumed_at: The step that a checkpoint had reached before this process; 0: none.
        seconds: Time to train, in this process.
    """

    losses: tuple[tuple[int, float], ...]
    metrics: tuple[tuple[int, float], ...]
    metric: str
    steps: int
    best_step: int
    resumed_at: int
    seconds: float

    @property
    def before(self) -> float | None:
        """The metric before training."""
        return self.metrics[0][1] if self.metrics else None

    @property
    def after(self) -> float | None:
        """The metric of the weights that were kept."""
        return next((value for step, value in self.metrics if step == self.best_step), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a run is and where it stops to look; see `plan`.

    Attributes:
        steps: Steps of the optimiser in all.
        every: Steps between two evaluations and checkpoints.
        log: Steps between two points of the curve; divides `every`.
    """

    steps: int
    every: int
    log: int


def plan(
    n_batches: int, *, epochs: float, accumulate: int, evaluations: int, steps: int | None = None
) -> Plan:
    """Divide a run of `epochs` passes over `n_batches` batches, or of so many steps.

    >>> plan(90, epochs=4, accumulate=1, evaluations=12)
    Plan(steps=360, every=30, log=3)
    """
    steps = steps or max(1, math.ceil(n_batches * epochs / accumulate))
    log = max(1, steps // _POINTS)
    every = max(1, steps // max(1, evaluations) // log) * log
    return Plan(steps, every, log)


def check_train_extra(needed_by: str) -> None:
    """Refuse, before any work, to train without the packages that the extra `train` brings.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    for name in ("torch", "transformers", "sentence_transformers", "datasets", "accelerate"):
        require(name, needed_by)


def arguments(
    cls: Any,
    folder: Path,
    found: Plan,
    *,
    batch_size: int,
    learning_rate: float,
    warmup: float,
    accumulate: int,
    seed: int,
    evaluated: bool,
    **more: Any,
) -> Any:
    """Return the Trainer's arguments, of the class `cls`."""
    when = "steps" if evaluated else "no"
    return cls(
        str(folder),
        max_steps=found.steps,
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=accumulate,
        learning_rate=learning_rate,
        warmup_steps=warmup,
        weight_decay=0.01,
        seed=seed,
        data_seed=seed,
        logging_steps=found.log,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=found.every,
        save_total_limit=2,
        eval_strategy=when,
        eval_steps=found.every,
        eval_on_start=evaluated,
        load_best_model_at_end=evaluated,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=False,
        **more,
    )


@contextmanager
def checkpoint_folder(given: str | Path | None, facts: Mapping[str, Any]) -> Iterator[Path]:
    """Hold a folder for the run's states: the one given, or one that is deleted in the end.

    Raises:
        InvalidInputError: Another run holds it, or its states are of other parameters or data.
    """
    import tempfile

    if given is None:
        with tempfile.TemporaryDirectory(prefix="sememe-train-") as fresh:
            yield Path(fresh)
        return
    folder = Path(given)
    with held(folder):
        document = folder / "run.json"
        if not has_learnt(folder):
            _begin(folder, facts)
        elif document.is_file():
            _check_same(json.loads(document.read_text(encoding="utf-8")), dict(facts), folder)
        else:
            raise InvalidInputError(
                f"checkpoint {str(folder)!r} holds states without their run.json. Delete the "
                "folder, or name another."
            )
        try:
            yield folder
        except FloatingPointError:
            _empty(folder)  # what diverged is of no use, and other options are to come
            raise


def has_learnt(folder: Path) -> bool:
    """Return whether a run has left a state there, or a stage that it finished."""
    found = (path for path in folder.rglob("*") if path.is_dir())
    return any(path.name.startswith("checkpoint-") or (path / ABOUT).is_file() for path in found)


def _begin(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write what the run is; what another run prepared, and learnt nothing from, goes."""
    document = folder / "run.json"
    told = json.dumps(facts, ensure_ascii=False, indent=1)
    if document.is_file() and document.read_text(encoding="utf-8") != told:
        _empty(folder)
    with written(document) as file:
        file.write(told.encode())


def _empty(folder: Path) -> None:
    """Take away what runs leave in a checkpoint folder, and nothing else."""
    for name in _LEFT:
        for path in folder.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _check_same(stored: dict[str, Any], facts: dict[str, Any], folder: Path) -> None:
    facts = json.loads(json.dumps(facts))
    other = [name for name in sorted(facts | stored) if stored.get(name) != facts.get(name)]
    if other:
        name = other[0]
        raise InvalidInputError(
            f"checkpoint {str(folder)!r} is of another run: {', '.join(other)} differ "
            f"({_difference(stored.get(name), facts.get(name))}). Give the same parameters "
            "and data to go on, or delete the folder to begin anew."
        )


def _difference(was: Any, now: Any) -> str:
    """Return in words what differs: of options the ones that do.

    >>> _difference({"seed": 1, "epochs": 2}, {"seed": 3, "epochs": 2})
    'seed was 1, is 3'
    """
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return f"was {was!r}, is {now!r}"
    names = [name for name in sorted(was | now) if was.get(name) != now.get(name)]
    return ", ".join(f"{name} was {was.get(name)!r}, is {now.get(name)!r}" for name in names)


def whole_states(folder: Path) -> list[Path]:
    """Return the states in a folder that are whole, oldest first; delete those that are not."""
    whole = []
    for state in folder.glob("checkpoint-*"):
        try:
            json.loads((state / "trainer_state.json").read_text(encoding="utf-8"))
            whole.append((int(state.name.rsplit("-", 1)[1]), state))
        except (OSError, ValueError):
            shutil.rmtree(state, ignore_errors=True)
    return [state for _, state in sorted(whole)]


def run(trainer: Any, folder: Path, *, show_progress: bool = False) -> Curve:
    """Train, from the last whole state in the folder if there is one; see `Curve`.

    Raises:
        FloatingPointError: The loss is no number any more; the message says what to change.
    """
    from sememe.train.base.hf_callbacks import Bar, hush

    hush(trainer)
    states = whole_states(folder)
    trainer.args.eval_on_start = trainer.args.eval_on_start and not states
    begun = time.perf_counter()
    with progress("steps", total=trainer.args.max_steps, show=show_progress) as advance:
        trainer.add_callback(Bar(advance))
        trainer.train(resume_from_checkpoint=str(states[-1]) if states else None)
    seconds = time.perf_counter() - begun
    resumed = int(states[-1].name.rsplit("-", 1)[1]) if states else 0
    return _curve(trainer.state, resumed=resumed, seconds=seconds)


def _curve(state: Any, *, resumed: int, seconds: float) -> Curve:
    losses = tuple((e["step"], float(e["loss"])) for e in state.log_history if "loss" in e)
    bad = next((step for step, loss in losses if not math.isfinite(loss)), None)
    if bad is not None:
        raise FloatingPointError(
            f"the loss is no number at step {bad}: training diverged. Give a lower learning rate, "
            "or a longer warm-up."
        )
    metrics, metric = {}, ""
    for entry in state.log_history:
        for name in ("spearman", "accuracy"):
            if f"eval_{name}" in entry:
                metric = name
                metrics[entry["step"]] = float(entry[f"eval_{name}"])
    best = state.best_global_step if metrics and state.best_global_step else state.global_step
    return Curve(
        losses=losses,
        metrics=tuple(sorted(metrics.items())),
        metric=metric,
        steps=state.global_step,
        best_step=best,
        resumed_at=resumed,
        seconds=seconds,
    )


def write_curve(folder: Path, curve: Curve) -> None:
    """Write a run's figures as training.csv and as the picture training.png.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    metrics = dict(curve.metrics)
    losses = dict(curve.losses)
    rows = [f"step,loss,{curve.metric or 'metric'}"]
    for step in sorted(losses | metrics):
        rows.append(f"{step},{losses.get(step, '')},{metrics.get(step, '')}")
    (folder / "training.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    figure = require("matplotlib.figure", "the picture of a training run").Figure((7, 4))
    axes = figure.subplots()
    axes.plot(*zip(*curve.losses, strict=True) if curve.losses else ([], []), label="loss")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    if curve.metrics:
        other = axes.twinx()
        other.plot(*zip(*curve.metrics, strict=True), "C1o-", label=curve.metric)
        other.set_ylabel(f"{curve.metric}, held out")
    figure.savefig(folder / "training.png", dpi=100, metadata={"Software": None})
