"""Run transformers' Trainer so that a killed run resumes, with the same result.

<checkpoint>/run.json          what the run is: other parameters or data are refused
<checkpoint>/checkpoint-<n>/   the state after step n, valid once its trainer_state.json is there
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._progress import progress
from sememe.train.base.curve import Curve, Plan, check_finite, plan
from sememe.train.base.device import Compute, n_processes, pick_device
from sememe.train.base.run_folder import whole_states


def check_train_extra(needed_by: str, device: str) -> None:
    """Raise MissingExtraError without the extra `train`, InvalidInputError for other devices."""
    for name in ("torch", "transformers", "sentence_transformers", "datasets", "accelerate"):
        require(name, needed_by)
    if pick_device(device).index:
        raise InvalidInputError(
            f"device={device!r}: transformers' Trainer takes the first GPU that it sees. Give "
            f"cuda, and set CUDA_VISIBLE_DEVICES={pick_device(device).index} to choose this one."
        )


def make_arguments(
    cls: Any,
    folder: Path,
    planned: Plan,
    training: Any,
    *,
    metric: str | None,
    **more: Any,
) -> Any:
    """Return the Trainer's arguments, of the class `cls`.

    training: A `TrainerRecipe`. metric: What the evaluation measures, higher is better; None
    without evaluations. more: Further arguments, the learning rate among them.
    """
    evaluated, kind = metric is not None, pick_device(training.device).type
    if evaluated:
        more |= {"metric_for_best_model": f"eval_{metric}", "greater_is_better": True}
    args = cls(
        str(Compute.of(training.device).agree(folder)),
        max_steps=planned.steps,
        per_device_train_batch_size=max(1, training.batch_size // n_processes()),
        gradient_accumulation_steps=training.accumulate,
        warmup_steps=training.warmup,
        weight_decay=0.01,
        seed=training.seed,
        data_seed=training.seed,
        logging_steps=planned.log,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=planned.every,
        save_total_limit=2,
        eval_strategy="steps" if evaluated else "no",
        eval_steps=planned.every,
        eval_on_start=evaluated,
        load_best_model_at_end=evaluated,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=kind == "cuda",
        use_cpu=kind == "cpu",
        **more,
    )
    args._n_gpu = min(args.n_gpu, 1)  # else a batch is one for each GPU: DataParallel
    return args


def plan_steps(training: Any, n: int, *, steps: int | None = None) -> Plan:
    """Plan a `TrainerRecipe`'s run over n rows, or of so many steps."""
    options = {name: getattr(training, name) for name in ("epochs", "accumulate", "evaluations")}
    return plan(-(-n // training.batch_size), **options, steps=steps)


def run(trainer: Any, *, show_progress: bool = False) -> Curve:
    """Train, from the last state in the folder if there is one; see `check_finite`."""
    from sememe.train.base.hf_callbacks import Bar, remove_console_callbacks

    remove_console_callbacks(trainer)
    states = whole_states(Path(trainer.args.output_dir))
    trainer.args.eval_on_start = trainer.args.eval_on_start and not states
    begun = time.perf_counter()
    shown = show_progress and trainer.is_world_process_zero()
    with progress("steps", total=trainer.args.max_steps, show=shown) as advance:
        trainer.add_callback(Bar(advance))
        trainer.train(resume_from_checkpoint=str(states[-1]) if states else None)
    seconds = time.perf_counter() - begun
    resumed = int(states[-1].name.rsplit("-", 1)[1]) if states else 0
    return _curve(trainer.state, resumed=resumed, seconds=seconds)


def _curve(state: Any, *, resumed: int, seconds: float) -> Curve:
    losses = tuple((e["step"], float(e["loss"])) for e in state.log_history if "loss" in e)
    for step, loss in losses:
        check_finite(loss, step)
    metrics, metric = {}, ""
    for entry in state.log_history:
        for name in ("spearman", "accuracy"):
            if f"eval_{name}" in entry:
                metric = name
                metrics[entry["step"]] = float(entry[f"eval_{name}"])
    best = state.best_global_step if metrics and state.best_global_step else state.global_step
    steps, ordered = state.global_step, tuple(sorted(metrics.items()))
    return Curve(losses, ordered, metric, steps, best, resumed_at=resumed, seconds=seconds)


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
    """Train a model in place, from the last state in the folder; see `run`.

    training: A `TrainerRecipe`. trainer, options: The classes of the trainer and of its arguments;
    more: such arguments. held_out: An evaluator, or None. metric: Its figure, higher is better.
    """
    planned = plan_steps(training, len(data))
    evaluated = None if held_out is None else metric
    more["learning_rate"] = training.learning_rate
    args = make_arguments(options, folder, planned, training, metric=evaluated, **more)
    callbacks = stop_early(training) if evaluated else []
    made = trainer(
        model, args, train_dataset=data, loss=loss, evaluator=held_out, callbacks=callbacks
    )
    return run(made, show_progress=show_progress)


def stop_early(training: Any) -> list[Any]:
    """Return the callback that stops after `patience` evaluations without improvement, if any."""
    from transformers import EarlyStoppingCallback

    return [] if training.patience is None else [EarlyStoppingCallback(training.patience)]


def write_quietly(model: Any, folder: Path) -> None:
    """Write a model of sentence-transformers, without a card and without a bar."""
    from sememe.train.base.hf_callbacks import isolate_rng_and_logging

    with isolate_rng_and_logging():
        model.save_pretrained(str(folder), create_model_card=False)
