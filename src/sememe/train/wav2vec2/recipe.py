"""Train wav2vec 2.0 on sound without labels: Baevski et al. 2020 (arXiv:2006.11477).

    training = Wav2Vec2Training(sample_rate=8000).fit("recordings/")
    training.save("mine")
    sememe.load("mine").encode(["a.wav"])

Stretches of what a network hears are hidden, and it learns to tell what was there from what was
elsewhere, by the sound around. What it is to tell are codes, which it learns besides. Transcripts
are not needed; `sememe train speech` goes on from the folder with few.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import Skipped
from sememe.train.base.curve import plan
from sememe.train.base.device import Compute
from sememe.train.base.options import LoopRecipe, check, get_report, option, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.base.torch_loop import Loop
from sememe.train.data.waveforms import find_sounds, read_waveforms, sounds_digest
from sememe.train.wav2vec2.batches import Crops
from sememe.train.wav2vec2.layer_probe import labelled_sounds
from sememe.train.wav2vec2.network import (
    FRAME,
    Size,
    fresh_network,
    layers_of,
    preprocessor,
    shape_of,
)
from sememe.train.wav2vec2.objective import Wav2Vec2Objective
from sememe.train.wav2vec2.report import Wav2Vec2Report, wav2vec2_card, wav2vec2_notes

if TYPE_CHECKING:
    from sememe.train.data.files import Named
    from sememe.train.data.waveforms import Waveforms

KIND = "wav2vec2"
_NEEDED = ("torch", "transformers", "safetensors", "matplotlib", "sklearn", "soundfile", "soxr")
_BETAS, _EPSILON = (0.9, 0.98), 1e-6  # of Adam, as in the paper's code
_LONGEST = 15.0  # seconds; longer sounds are cut into pieces


@dataclass
class Wav2Vec2Training(LoopRecipe):
    """Trains wav2vec 2.0 on audio without labels.

    The defaults are for a small network, a few hours of audio and a CPU.

    Attributes:
        size: Size of the network: tiny, small or base.
        sample_rate: Sample rate that audio is resampled to: 8000, 16000 or 32000. A frame is 20 ms
            at each.
        crop: Length of a crop in seconds; short clips share one, long ones are split.
        batch_seconds: Seconds of audio per step.
        learning_rate: Peak learning rate of AdamW; by default that of the size.
        max_grad_norm: Maximum norm of the gradient; longer ones are scaled down to it.
        mask_prob: Fraction of the frames to mask, not counting overlaps.
        mask_length: Length of a masked span, in frames of 20 ms.
        negatives: Negatives per masked frame, other masked frames of the same crop.
        codebooks: Number of codebooks; a code has an entry of each.
        entries: Entries per codebook; by default that of the size.
        diversity: Weight of the codebook diversity loss.
        gumbel: Temperature of the Gumbel softmax: first, and from 0.7 of the steps on.

    Further options are those of `LoopRecipe`.
    """

    size: Size = option("tiny", choices=get_args(Size), group="model")
    sample_rate: int = option(16_000, group="data")
    _: KW_ONLY
    crop: float = option(2.5, group="data")
    batch_seconds: float = option(15.0, group="optimisation")
    epochs: float = 40
    learning_rate: float | None = None
    max_grad_norm: float = option(
        1.0, above=0, group="optimisation", names=("--max-grad-norm", "--clip")
    )
    mask_prob: float = option(0.5, above=0, at_most=1, group="model")
    mask_length: int = option(5, at_least=1, group="model")
    negatives: int = option(50, at_least=1, group="model")
    codebooks: int = option(2, at_least=1, group="model")
    entries: int | None = option(None, at_least=2, group="model")
    diversity: float = option(0.3, at_least=0, group="optimisation")
    gumbel: tuple[float, float] = option((2.0, 0.5), above=0, group="optimisation")
    evaluations: int = 10
    report_: Wav2Vec2Report = field(init=False, repr=False)

    def fit(
        self,
        sounds: str | Path | Sequence[Any],
        *,
        labelled: str | Path | None = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> Wav2Vec2Training:
        """Train on the sounds under a folder, or on a list of what `read_sound` reads.

        Args:
            sounds: What is trained on. What cannot be read is reported, and the run goes on.
            labelled: A folder with a folder for each class: sounds to measure with, never to train
                on. Where `sounds` has other ones in folders of the same names, a linear layer
                learns from those and is asked about the labelled ones; else it learns from every
                second labelled one.
            checkpoint: A folder for the run's state: killed, the same call goes on from there. It
                is left for the caller to delete.
            show_progress: Draw a bar.

        Warns:
            RuntimeWarning: The codes collapse, or nothing is learnt; a note says so too.

        Raises:
            InvalidInputError: An option or the sounds will not do; fewer than two batches can be
                read. Before any long work.
            MissingExtraError: The extra `train` or `audio` is not installed.
            CorruptFileError: The state in the checkpoint is damaged.
            FloatingPointError: Training diverged.
        """
        for name in _NEEDED:
            require(name, "Wav2Vec2Training.fit")
        self._check()
        Compute.of(self.device, self.precision)
        found, left_out = find_sounds(sounds)
        if not found:
            raise InvalidInputError(f"no sounds in {sounds}; give a folder of .wav, .flac, .mp3...")
        facts = {"parameters": parameters(self), "sounds": sounds_digest(found)}
        known: list[Named] | None = None
        if labelled is not None:
            known, _ = find_sounds(Path(labelled))
            facts["labelled"] = sounds_digest(known)
        with checkpoint_folder(checkpoint, facts) as folder:
            beside = folder / "sounds"
            read = self._read(found, beside, show=show_progress)
            self._check_enough(read)
            aside = None if known is None else self._read(known, None, show=show_progress)
            self._train(read, aside, folder, left_out, show=show_progress)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write the network as transformers writes it, with a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        report = get_report(self)

        def write(fresh: Path) -> None:
            from sememe.train.base.hf_callbacks import isolate_rng_and_logging

            with isolate_rng_and_logging():
                self.model_.save_pretrained(str(fresh))
            about = json.dumps(preprocessor(self.sample_rate), indent=1)
            (fresh / "preprocessor_config.json").write_text(about + "\n", encoding="utf-8")

        training = {name: value for name, value in asdict(report).items() if name != "curve"}
        return write_trained(
            Path(folder),
            KIND,
            write=write,
            facts={"parameters": parameters(self), "training": training},
            card=wav2vec2_card(report, parameters(self)),
            curve=report.curve,
        )

    def _read(self, found: Sequence[Named], beside: Path | None, *, show: bool) -> Waveforms:
        return read_waveforms(
            found, sample_rate=self.sample_rate, longest=_LONGEST, folder=beside, show=show
        )

    def _train(
        self,
        read: Waveforms,
        aside: Waveforms | None,
        folder: Path,
        left_out: tuple[Skipped, ...],
        *,
        show: bool,
    ) -> None:
        shape = shape_of(self.size)
        labelled = None if aside is None else labelled_sounds(aside, read)
        model = fresh_network(
            self.size,
            self.sample_rate,
            codebooks=self.codebooks,
            entries=self.entries or shape.entries,
            seed=self.seed,
        )
        model.config.num_negatives = self.negatives
        model.config.diversity_loss_weight = self.diversity
        crops = self._crops(read)
        loop = self._loop(crops.n_batches)
        objective = Wav2Vec2Objective(
            model=model,
            crops=crops,
            sample_rate=self.sample_rate,
            steps=loop.plan.steps,
            mask_prob=self.mask_prob,
            mask_length=self.mask_length,
            negatives=self.negatives,
            diversity=self.diversity,
            gumbel=self.gumbel,
            seed=self.seed,
            metric="share of frames told apart" if labelled is None else "probe accuracy",
            probe=None if labelled is None else labelled.probe,
            compute=Compute.of(self.device, self.precision),
        )
        curve, figures = loop.run(objective, folder, show_progress=show)
        self.model_ = model
        skipped = (*left_out, *read.skipped)
        unheard = () if aside is None else aside.skipped
        self.report_ = Wav2Vec2Report(
            n_sounds=len(set(read.places.tolist())),
            seconds=read.seconds,
            n_parameters=sum(p.numel() for p in model.parameters()),
            dim=shape.dim,
            skipped=skipped,
            curve=curve,
            figures=figures,
            notes=wav2vec2_notes(skipped, unheard, figures, curve.steps),
        )

    def _loop(self, n_batches: int) -> Loop:
        return Loop(
            plan=plan(n_batches, epochs=self.epochs, accumulate=1, evaluations=self.evaluations),
            learning_rate=self.learning_rate or shape_of(self.size).learning_rate,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            betas=_BETAS,
            epsilon=_EPSILON,
            max_grad_norm=self.max_grad_norm,
            seed=self.seed,
        )

    def _crops(self, read: Waveforms) -> Crops:
        size = round(self.crop * self.sample_rate)
        batch = max(1, round(self.batch_seconds / self.crop))
        return Crops(read, size, batch, self.seed)

    def _check(self) -> None:
        pair = isinstance(self.gumbel, tuple | list) and len(self.gumbel) == 2
        check(self, ("gumbel", pair, "two numbers above 0: first, last"))
        layers_of(self.size, self.sample_rate)
        width, span = shape_of(self.size).code_dim, (self.mask_length + 2) * FRAME
        check(
            self,
            ("crop", span <= self.crop <= 60, f"{span:.2f} to 60 seconds"),
            ("batch_seconds", self.crop <= self.batch_seconds < math.inf, "a crop or more"),
            ("codebooks", width % self.codebooks == 0, f"a number that divides {width}"),
        )

    def _check_enough(self, read: Waveforms) -> None:
        needed = 2 * max(1, round(self.batch_seconds / self.crop)) * self.crop
        if read.seconds < needed:
            raise InvalidInputError(
                f"{read.seconds:.1f} readable seconds of sound; two batches, {needed:.1f}, are "
                "needed. Give more sounds, or a smaller batch_seconds."
            )
