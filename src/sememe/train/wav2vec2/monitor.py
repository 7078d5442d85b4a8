"""Metrics of wav2vec 2.0 during training, and alarms.

The loss also falls when all frames take one code, so the codes in use are counted, and how often a
frame's own code scores highest.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from sememe.train.base.curve import check_finite

_FEW = 0.25  # of the highest perplexity so far: less is a collapse
_LEAST = 1.5  # perplexity of a codebook; 1 is one entry for all
_LATE = 0.5  # share of the run after which more than chance is expected
_ABOVE = 1.5  # times chance


@dataclass(frozen=True, slots=True)
class Figures:
    """Metrics after a step; 0 is before training.

    Attributes:
        step: Steps taken.
        loss: Contrastive loss in nats, with the likeliest codes.
        accuracy: Share of masked frames whose own code scores highest; see `Loss`.
        chance: The same with each prediction replaced by another frame's.
        usage: Share of the codebooks' entries in use.
        perplexity: exp(entropy) of the entries in use, the mean over codebooks: from 1, one entry
            for all frames, to the number of entries.
        probes: Accuracy of a linear probe on the mean of the frames, for each layer; () without
            labels.
        best: The best layer; see `LabelledAudio.probe`.
    """

    step: int
    loss: float
    accuracy: float
    chance: float
    usage: float
    perplexity: float
    probes: tuple[float, ...] = ()
    best: int = 0

    @property
    def probe(self) -> float | None:
        """The accuracy at the best layer."""
        return self.probes[self.best] if self.probes else None


def warn_of_failure(figures: Sequence[Figures], steps: int) -> None:
    """Warn if the last of the figures is the first to show a failure; see `check_finite` too."""
    check_finite(figures[-1].loss, figures[-1].step)
    if (note := note_failure(figures, steps)) and not note_failure(figures[:-1], steps):
        warnings.warn(note, RuntimeWarning, stacklevel=3)


def note_failure(figures: Sequence[Figures], steps: int) -> str:
    """Return a note if the codes collapsed or nothing is learnt, else "".

    >>> first = Figures(0, 3, 0.1, 0.1, 0.9, 20.0)
    >>> note_failure([first, Figures(50, 1, 0.9, 0.3, 0.1, 2.0)], 100)[:57]
    'the perplexity of the codes fell from 20.0 to 2.0 by step'
    >>> note_failure([first, Figures(50, 3, 0.11, 0.1, 0.9, 9.0)], 100)[:40]
    'at step 50 of 100 the code of a masked f'
    """
    highest = 0.0
    for one in figures:
        highest = max(highest, one.perplexity)
        if one.step and one.perplexity < max(_LEAST, _FEW * highest):
            return (
                f"the perplexity of the codes fell from {highest:.1f} to {one.perplexity:.1f} by "
                f"step {one.step}, {one.usage:.0%} of the codebooks are used: the codes collapse. "
                "Give a higher diversity weight (--diversity), a lower learning rate, or smaller "
                "codebooks"
            )
    last = figures[-1] if figures else None
    if last and last.step >= _LATE * steps and last.accuracy < _ABOVE * last.chance:
        return (
            f"at step {last.step} of {steps} the code of a masked frame is predicted in "
            f"{last.accuracy:.1%} of cases, by chance it would be {last.chance:.1%}: nothing is "
            "learnt. Give more epochs, a higher learning rate, shorter spans (--mask-length), or "
            "audio that holds more than noise"
        )
    return ""
