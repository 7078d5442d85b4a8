"""What is measured of wav2vec 2.0 while it learns, and when to be alarmed.

Its loss falls also when it goes wrong: where all frames take one code nothing is left to be told
apart. So the codes in use are counted, and how often a frame's own code is found among others'.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from sememe.train.base.curve import check_finite

_FEW = 0.25  # of the perplexity that the codes once had: fewer are a collapse
_LEAST = 1.5  # perplexity of a codebook; 1 is one entry for all
_LATE = 0.5  # share of the run after which more than chance is expected
_ABOVE = 1.5  # times chance


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured after a step; 0 is before training.

    Attributes:
        step: Steps taken.
        loss: Contrastive loss in nats, without the chance in the codes that training has.
        accuracy: Share of hidden frames whose own code is found among the others.
        chance: That share if each frame is given the prediction of another frame.
        usage: Share of the codebooks' entries that some frame takes.
        perplexity: exp(entropy) of the entries taken, the mean over codebooks: 1 where one entry
            is taken by all frames, the number of entries where each is taken as often.
        probes: Accuracy of a linear layer on the mean of the frames, for each layer; () without
            labels.
        best: The layer chosen among the sounds that the linear layer learns from.
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
        """The accuracy at the layer that was chosen."""
        return self.probes[self.best] if self.probes else None


def warn_of_failure(figures: Sequence[Figures], steps: int) -> None:
    """Warn if the last of the figures is the first to alarm.

    Raises:
        FloatingPointError: The last loss is not finite.
    """
    last = figures[-1]
    check_finite(last.loss, last.step)
    if (told := alarm(figures, steps)) and not alarm(figures[:-1], steps):
        warnings.warn(told, RuntimeWarning, stacklevel=3)


def alarm(figures: Sequence[Figures], steps: int) -> str:
    """Return a note where the codes collapsed or nothing is learnt, else "".

    steps: Of the run in all.

    >>> alarm([Figures(0, 3, 0.1, 0.1, 0.9, 20.0), Figures(50, 1, 0.9, 0.3, 0.1, 2.0)], 100)[:57]
    'the perplexity of the codes fell from 20.0 to 2.0 by step'
    >>> alarm([Figures(0, 3, 0.1, 0.1, 0.9, 9.0), Figures(50, 3, 0.11, 0.1, 0.9, 9.0)], 100)[:41]
    'at step 50 of 100 a hidden frame is told '
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
            f"at step {last.step} of {steps} a hidden frame is told from others in "
            f"{last.accuracy:.1%} of cases, by chance it would be {last.chance:.1%}: nothing is "
            "learnt. Give more epochs, a higher learning rate, shorter spans (--mask-length), or "
            "sounds that hold more than noise"
        )
    return ""
