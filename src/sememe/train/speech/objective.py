"""The loop of speech recognition: CTC loss, a step a batch, a look after each part of the run.

Graves et al. 2006, Connectionist temporal classification. A recording's letters may lie at any of
its frames in their order, a blank between: the loss is -ln of the probability of all ways to lay
them together, of which none has to be marked by hand.

What a step does is a function of the seed, of its number and of the state before it, so that a run
that goes on after a kill comes out the same.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._progress import progress
from sememe.models.ctc.greedy import GreedyDecoder, log_probabilities
from sememe.train.base.curve import Curve
from sememe.train.base.torch_state import keep_state, take_state
from sememe.train.simclr.objective import schedule
from sememe.train.speech.examples import Row, deal
from sememe.train.speech.network import spans
from sememe.train.speech.report import SpeechFigures, figures
from sememe.train.speech.vocabulary import BLANK, UNKNOWN

if TYPE_CHECKING:
    from sememe.train.speech.examples import Batch, Spoken, Variation
    from sememe.train.speech.network import SpeechNetwork
    from sememe.train.speech.vocabulary import SpeechVocabulary

METRIC = "word error rate"
_CLIP = 1.0  # largest norm of a gradient: CTC's first ones are wild
_POINTS = 100  # of the curve of losses


@dataclass(frozen=True)
class SpeechLearner:
    """What learns to write, from what, and how.

    Attributes:
        network: See `SpeechNetwork`.
        vocabulary: What it writes.
        data: What it learns from.
        held: What it is measured with; the best weights on it are kept.
        variation: How recordings are varied.
        most: Samples of a batch, padding counted.
        epochs: Passes over the data.
        evaluations: How often it is measured and its state saved.
        patience: Evaluations without a better word error rate after which it stops; None: never.
        learning_rate: At its highest.
        weight_decay: Of the weights.
        warmup: Share of the steps in which the step size rises.
        head_share: Share of the steps in which the layer of letters alone learns.
        spans: Share of frames that are hidden, frames of a span, and the same of features.
        seed: Of all random numbers.
    """

    network: SpeechNetwork
    vocabulary: SpeechVocabulary
    data: Spoken
    held: Spoken
    variation: Variation
    most: int
    epochs: float
    evaluations: int
    patience: int | None
    learning_rate: float
    weight_decay: float
    warmup: float
    head_share: float
    spans: tuple[float, int, float, int]
    seed: int

    def run(
        self, folder: Path, *, show_progress: bool = False
    ) -> tuple[Curve, tuple[SpeechFigures, ...]]:
        """Train, from the last whole state in the folder if there is one, and keep the best.

        Raises:
            FloatingPointError: The loss is no number any more; the message says what to change.
            CorruptFileError: The state in the folder is damaged.
        """
        import torch

        module = self.network.module.train()
        best, optimiser = copy.deepcopy(module), self._optimiser()
        modules = {"network": module, "best": best}
        with torch.random.fork_rng(devices=[]):
            kept = take_state(folder, modules, optimiser)
            first = done = int(kept.get("step", 0))
            losses = [(int(step), float(loss)) for step, loss in kept.get("losses", ())]
            seen = [SpeechFigures.of(one) for one in kept.get("figures", ())] or [self._look(0)]
            begun, recent = time.perf_counter(), list(kept.get("recent", ()))
            with progress("steps", total=self.steps, show=show_progress) as advance:
                for step, batch in self._batches(first):
                    if self._is_over(seen):
                        break
                    recent.append(self._step(batch, step, optimiser))
                    done = step + 1
                    if done % self._log == 0 or done == self.steps:
                        losses.append((done, float(np.mean(recent))))
                        recent = []
                    if done in self._looks:
                        seen.append(self._look(done))
                        if _best(seen) == len(seen) - 1:
                            best.load_state_dict(module.state_dict())
                        document = {"losses": losses, "recent": recent}
                        document["figures"] = [asdict(one) for one in seen]
                        keep_state(folder, done, modules, optimiser, document)
                    told = f"WER {seen[-1].word_error_rate:.3f}"
                    advance(done, f"loss {losses[-1][1]:.3f}, {told}" if losses else told)
        module.load_state_dict(best.state_dict())
        module.eval()
        curve = Curve(
            losses=tuple(losses),
            metrics=tuple((one.step, one.word_error_rate) for one in seen),
            metric=METRIC,
            steps=done,
            best_step=seen[_best(seen)].step,
            resumed_at=first,
            seconds=time.perf_counter() - begun,
        )
        return curve, tuple(seen)

    def written(self, data: Spoken) -> list[str]:
        """Return what the network writes of recordings: the best letter of each frame."""
        import torch

        module = self.network.module
        training = module.training
        module.eval()
        found = [""] * len(data)
        with torch.no_grad():
            for places in _alike(data.sounds.lengths.tolist(), self.most):
                clips = [data.sounds[place] for place in places]
                logits, frames = self.network.logits(clips)
                for place, row, n in zip(places, logits.numpy(), frames.tolist(), strict=True):
                    best = GreedyDecoder(BLANK)
                    best.feed(log_probabilities(row[:n], silent=[UNKNOWN]))
                    found[place] = self.vocabulary.decode(best.finish().ids)
        module.train(training)
        return found

    @cached_property
    def steps(self) -> int:
        """Steps in all."""
        whole, rest = divmod(self.epochs, 1)
        total = sum(len(self._deal(epoch)) for epoch in range(int(whole)))
        return max(1, total + (math.ceil(rest * len(self._deal(int(whole)))) if rest else 0))

    @cached_property
    def _looks(self) -> frozenset[int]:
        """The steps after which it is measured."""
        n = min(self.evaluations, self.steps)
        return frozenset(round(self.steps * i / n) for i in range(1, n + 1))

    @property
    def _log(self) -> int:
        return max(1, self.steps // _POINTS)

    def _batches(self, first: int) -> Iterator[tuple[int, Batch]]:
        """Yield the batches from a step on, with the numbers of their steps."""
        step = 0
        for epoch in range(math.ceil(self.epochs)):
            for batch in self._deal(epoch):
                if step >= self.steps:
                    return
                if step >= first:
                    yield step, batch
                step += 1

    def _deal(self, epoch: int) -> list[Batch]:
        return deal(
            self.data,
            self.network.config,
            self.variation,
            most=self.most,
            seed=self.seed,
            epoch=epoch,
        )

    def _is_over(self, seen: list[SpeechFigures]) -> bool:
        return self.patience is not None and len(seen) - 1 - _best(seen) >= self.patience

    def _look(self, step: int) -> SpeechFigures:
        return figures(step, self.held.texts, self.written(self.held), seed=self.seed)

    def _step(self, batch: Batch, step: int, optimiser: Any) -> float:
        """Take one step and return the loss."""
        import torch

        torch.manual_seed(self.seed + 1_000_003 * step)  # of dropout
        rate = self.learning_rate * schedule(step, self.steps, warmup=self.warmup)
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = self._loss(batch, step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        learning = [p for group in optimiser.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(learning, _CLIP)
        optimiser.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is no number at step {step + 1}: training diverged. Give a lower "
                "learning rate, or a longer warm-up."
            )
        return value

    def _loss(self, batch: Sequence[Row], step: int) -> Any:
        """Return the loss of a batch, in nats a letter."""
        import torch
        from torch.nn.functional import ctc_loss

        rng = np.random.default_rng([self.seed, 2, step])
        clips = [self.data.made(row, rng, self.variation) for row in batch]
        targets = [self.data.target(row) for row in batch]
        config = self.network.config
        frames = [config.frames(len(clip)) for clip in clips]
        prob, length, feature_prob, feature_length = self.spans
        time_mask = spans(frames, max(frames), prob=prob, length=length, rng=rng)
        widths = [config.dim] * len(clips)
        features = spans(widths, config.dim, prob=feature_prob, length=feature_length, rng=rng)
        logits, lengths = self.network.logits(
            clips, masks=(time_mask, features), head_only=step < self.head_share * self.steps
        )
        return ctc_loss(
            logits.log_softmax(-1).transpose(0, 1),
            torch.tensor([i for ids in targets for i in ids]),
            lengths,
            torch.tensor([len(ids) for ids in targets]),
        )

    def _optimiser(self) -> Any:
        """Return AdamW; weights decay, and biases and what norms learn do not."""
        import torch

        found = [p for p in self.network.module.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in found if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in found if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.learning_rate, betas=(0.9, 0.98))


def _best(seen: Sequence[SpeechFigures]) -> int:
    """Return the place of the best: fewest wrong words, then letters; the first of equal ones."""
    return min(
        range(len(seen)), key=lambda i: (seen[i].word_error_rate, seen[i].character_error_rate)
    )


def _alike(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield the places of recordings of like lengths, together at most `most` samples."""
    held: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if held and (len(held) + 1) * lengths[place] > most:
            yield held
            held = []
        held.append(place)
    if held:
        yield held
