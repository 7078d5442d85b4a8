"""Train wav2vec 2.0 on audio without labels: Baevski et al. 2020 (arXiv:2006.11477).

    training = Wav2Vec2Training(sample_rate=8000).fit("recordings/")
    training.save("mine")
    sememe.load("mine").encode(["a.wav"])

Spans of frames are masked, and the network learns to pick the code of each masked frame among those
of others, from its context; the codes are learnt too. Transcripts are not needed; `sememe train
speech` fine-tunes the network with few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_args

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.train.base.curve import plan
from sememe.train.base.device import Compute
from sememe.train.base.options import LoopRecipe, check, option, parameters
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.base.torch_loop import Loop
from sememe.train.data.waveforms import find_sounds, read_waveforms, sounds_digest
from sememe.train.wav2vec2 import network
from sememe.train.wav2vec2.batches import Crops
from sememe.train.wav2vec2.layer_probe import split_labelled
from sememe.train.wav2vec2.network import FRAME, Size
from sememe.train.wav2vec2.objective import Wav2Vec2Objective
from sememe.train.wav2vec2.report import Wav2Vec2Report, make_card, make_notes

if TYPE_CHECKING:
    from sememe.train.data.files import Named
    from sememe.train.data.waveforms import Waveforms

_NEEDED = ("torch", "transformers", "safetensors", "matplotlib", "sklearn", "soundfile", "soxr")
_BETAS, _EPSILON = (0.9, 0.98), 1e-6  # of Adam, as in the paper's code
_LONGEST = 15.0  # seconds; longer clips are split


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

    folder_kind: ClassVar[str] = "wav2vec2"

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
    ) -> Self:
        """Train on the audio under a folder, or on a list of what `read_sound` reads.

        Unreadable files are reported and skipped. labelled: A folder with a folder for each class,
        for linear probes; see `split_labelled`. checkpoint: A folder for the state of the run, to
        resume after a kill; the caller deletes it.

        Warns:
            RuntimeWarning: The codes collapse, or nothing is learnt; also a note of the report.

        Raises:
            InvalidInputError: An option or the audio is invalid; fewer than two batches can be
                read. Before any long work.
            MissingExtraError: The extra `train` or `audio` is not installed.
            CorruptFileError: The state in the checkpoint is damaged.
            FloatingPointError: Training diverged.
        """
        for name in _NEEDED:
            require(name, "Wav2Vec2Training.fit")
        self._check()
        Compute.of(self.device, self.precision)
        files, left_out = find_sounds(sounds)
        if not files:
            raise InvalidInputError(f"no audio in {sounds}; give a folder of .wav, .flac, .mp3...")
        facts = {"parameters": parameters(self), "sounds": sounds_digest(files)}
        known: list[Named] | None = None
        if labelled is not None:
            known, _ = find_sounds(Path(labelled))
            facts["labelled"] = sounds_digest(known)
        with checkpoint_folder(checkpoint, facts) as folder:
            audio = self._read(files, folder / "sounds", show=show_progress)
            audio = replace(audio, skipped=(*left_out, *audio.skipped))
            self._check_enough(audio)
            aside = None if known is None else self._read(known, None, show=show_progress)
            self._train(audio, aside, folder, show=show_progress)
        return self

    def _write(self, folder: Path) -> None:
        network.write_network(self.model_, folder, self.sample_rate)

    def _card(self) -> str:
        return make_card(self.report_, parameters(self))

    def _read(self, files: Sequence[Named], folder: Path | None, *, show: bool) -> Waveforms:
        return read_waveforms(
            files, sample_rate=self.sample_rate, longest=_LONGEST, folder=folder, show=show
        )

    def _train(
        self, audio: Waveforms, aside: Waveforms | None, folder: Path, *, show: bool
    ) -> None:
        shape = network.get_shape(self.size)
        labelled = None if aside is None else split_labelled(aside, audio)
        model = network.make_network(
            self.size,
            self.sample_rate,
            codebooks=self.codebooks,
            entries=self.entries or shape.entries,
            seed=self.seed,
        )
        model.config.num_negatives = self.negatives
        model.config.diversity_loss_weight = self.diversity
        size = round(self.crop * self.sample_rate)
        crops = Crops(audio, size, self._batch_size(), self.seed)
        loop = self._loop(crops.n_batches)
        options = ("mask_prob", "mask_length", "negatives", "diversity", "gumbel", "seed")
        objective = Wav2Vec2Objective(
            model=model,
            crops=crops,
            sample_rate=self.sample_rate,
            steps=loop.plan.steps,
            **{name: getattr(self, name) for name in options},
            metric="masked frame accuracy" if labelled is None else "probe accuracy",
            probe=None if labelled is None else labelled.probe,
            compute=Compute.of(self.device, self.precision),
        )
        curve, figures = loop.run(objective, folder, show_progress=show)
        self.model_ = model
        missing = () if aside is None else aside.skipped
        self.report_ = Wav2Vec2Report(
            n_sounds=len(set(audio.places.tolist())),
            seconds=audio.seconds,
            n_parameters=sum(p.numel() for p in model.parameters()),
            dim=shape.dim,
            skipped=audio.skipped,
            curve=curve,
            figures=figures,
            notes=make_notes(audio.skipped, missing, figures, curve.steps),
        )

    def _loop(self, n_batches: int) -> Loop:
        return Loop.of(
            self,
            plan(n_batches, epochs=self.epochs, evaluations=self.evaluations),
            learning_rate=self.learning_rate or network.get_shape(self.size).learning_rate,
            betas=_BETAS,
            epsilon=_EPSILON,
            max_grad_norm=self.max_grad_norm,
        )

    def _batch_size(self) -> int:
        return max(1, round(self.batch_seconds / self.crop))

    def _check(self) -> None:
        pair = isinstance(self.gumbel, tuple | list) and len(self.gumbel) == 2
        check(self, ("gumbel", pair, "two numbers above 0: first, last"))
        network.get_layers(self.size, self.sample_rate)
        width, span = network.get_shape(self.size).code_dim, (self.mask_length + 2) * FRAME
        check(
            self,
            ("crop", span <= self.crop <= 60, f"{span:.2f} to 60 seconds"),
            ("batch_seconds", self.crop <= self.batch_seconds < math.inf, "a crop or more"),
            ("codebooks", width % self.codebooks == 0, f"a number that divides {width}"),
        )

    def _check_enough(self, audio: Waveforms) -> None:
        needed = 2 * self._batch_size() * self.crop
        if audio.seconds < needed:
            raise InvalidInputError(
                f"{audio.seconds:.1f} readable seconds of audio; two batches, {needed:.1f}, are "
                "needed. Give more audio, or a smaller batch_seconds."
            )
