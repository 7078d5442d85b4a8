"""Callbacks of transformers' Trainer: evaluation, progress bar, no output of its own.

Imports transformers and sentence-transformers, so it is imported when training begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from sentence_transformers import SentenceTransformerTrainer
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.cross_encoder import CrossEncoderTrainer
from transformers import PrinterCallback, ProgressCallback, TrainerCallback

if TYPE_CHECKING:
    from sememe._progress import Advance


class Measured(BaseEvaluator):  # type: ignore[misc]
    """Evaluates a model by a function; the first of its figures counts, higher is better."""

    def __init__(self, measure: Callable[[Any], Mapping[str, float]]) -> None:
        super().__init__()
        self.measure = measure
        self.greater_is_better = True
        self.primary_metric = ""

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Return the figures by their names."""
        figures = dict(self.measure(model))
        self.primary_metric = next(iter(figures))
        return figures


class Bar(TrainerCallback):  # type: ignore[misc]
    """Advances a progress bar with the steps."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance
        self.note = ""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Advance the bar."""
        self.advance(state.global_step, self.note)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        """Show the last loss."""
        if logs and "loss" in logs:
            self.note = f"loss {float(logs['loss']):.4f}"


class _WithoutCard:
    def add_model_card_callback(self, *_: Any) -> None:
        """Add none: sememe writes a card."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Store a state without a card, which takes half a second to render."""
        trainer: Any = self
        folder = output_dir or trainer.args.output_dir
        trainer.model.save_pretrained(folder, create_model_card=False)
        trainer.processing_class.save_pretrained(folder)


class SentenceTrainer(_WithoutCard, SentenceTransformerTrainer):  # type: ignore[misc]
    """sentence-transformers' trainer without its model card."""


class CrossTrainer(_WithoutCard, CrossEncoderTrainer):  # type: ignore[misc]
    """The same for cross-encoders."""


def remove_console_callbacks(trainer: Any) -> None:
    """Remove the callbacks that print or draw bars."""
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)


@contextmanager
def isolate_rng_and_logging() -> Iterator[None]:
    """Silence the libraries; at the end restore all random states and the libraries' logging."""
    import random

    from transformers.utils import logging

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity(transformers.logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
