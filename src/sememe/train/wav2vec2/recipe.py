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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import Skipped
from sememe.train.base.curve import plan
from sememe.train.base.device import Compute, Precision
from sememe.train.base.options import fitted, parameters, refuse
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
class Wav2Vec2Training:
    """Trains wav2vec 2.0 on sounds without labels.

    The defaults are for a small network, few hours of sound and a CPU.

    Attributes:
        size: tiny, small or base.
        sample_rate: Sounds are brought to it: 8000, 16000 or 32000. A frame is 20 ms at each.
        crop: Seconds of a stretch; short clips share one, long ones are in several.
        batch_seconds: Seconds of sound a step.
        epochs: Passes over the sounds.
        learning_rate: Step size at its highest, of AdamW; by the size unless told.
        weight_decay: Of the weights.
        warmup: Share of the steps in which the step size rises; then it falls as a cosine.
        max_grad_norm: Longest gradient; a longer one is scaled down to it.
        mask_prob: Share of the frames that would be hidden if no spans overlapped.
        mask_length: Frames of a hidden span.
        negatives: Other hidden frames of the stretch that each is told from.
        codebooks: How many entries make a code, each of a codebook of its own.
        entries: Of each codebook; by the size unless told.
        diversity: Weight of the loss that wants all entries used.
        gumbel: Temperature of the choice of codes at first, and from 0.7 of the steps on.
        evaluations: How often a run is measured and its state saved.
        precision: Of the steps: float32, bfloat16, or auto, which is bfloat16 on a GPU that has
            instructions for it. On a CPU bfloat16 is quicker with avx512_bf16 or amx_bf16, and
            slower without. What is saved is float32 either way.
        seed: Of all random numbers. On CPU the same seed gives the same weights.
        device: auto, cpu, cuda, cuda:1 or mps; auto is a GPU where there is one.
    """

    size: Size = "tiny"
    sample_rate: int = 16_000
    crop: float = 2.5
    batch_seconds: float = 15.0
    epochs: float = 40
    learning_rate: float | None = None
    weight_decay: float = 0.01
    warmup: float = 0.1
    max_grad_norm: float = 1.0
    mask_prob: float = 0.5
    mask_length: int = 5
    negatives: int = 50
    codebooks: int = 2
    entries: int | None = None
    diversity: float = 0.3
    gumbel: tuple[float, float] = (2.0, 0.5)
    evaluations: int = 10
    precision: Precision = "auto"
    seed: int = 0
    device: str = "auto"
    model_: Any = field(default=None, init=False, repr=False)
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
        report = fitted(self)

        def write(fresh: Path) -> None:
            from sememe.train.base.hf_callbacks import a_quiet_guest

            with a_quiet_guest():
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
            found, sample_rate=self.sample_rate, longest=_LONGEST, beside=beside, show=show
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
        Compute.of(self.device, self.precision)
        shape = shape_of(self.size)
        layers_of(self.size, self.sample_rate)
        rate, entries = self.learning_rate, self.entries
        span = (self.mask_length + 2) * FRAME
        warm = isinstance(self.gumbel, tuple | list) and len(self.gumbel) == 2
        rules = (
            ("crop", span <= self.crop <= 60, f"{span:.2f} to 60 seconds"),
            ("batch_seconds", self.crop <= self.batch_seconds < math.inf, "a crop or more"),
            ("epochs", 0 < self.epochs < math.inf, "a number above 0"),
            ("learning_rate", rate is None or 0 < rate < math.inf, "a number such as 1e-3"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "0 or more, such as 0.01"),
            ("warmup", 0 <= self.warmup < 1, "a share of the steps, 0 to 1"),
            ("max_grad_norm", 0 < self.max_grad_norm, "a number above 0, such as 1"),
            ("mask_prob", 0 < self.mask_prob <= 1, "a share of the frames, such as 0.5"),
            ("mask_length", self.mask_length >= 1, "1 or more"),
            ("negatives", self.negatives >= 1, "1 or more"),
            ("codebooks", self._parts(shape.code_dim), f"a number that divides {shape.code_dim}"),
            ("entries", entries is None or entries >= 2, "2 or more"),
            ("diversity", 0 <= self.diversity < math.inf, "0 or more, such as 0.3"),
            ("gumbel", warm and 0 < min(self.gumbel), "two numbers above 0: first, last"),
            ("evaluations", self.evaluations >= 1, "1 or more"),
        )
        refuse(self, rules)

    def _parts(self, width: int) -> bool:
        return self.codebooks >= 1 and width % self.codebooks == 0

    def _check_enough(self, read: Waveforms) -> None:
        needed = 2 * max(1, round(self.batch_seconds / self.crop)) * self.crop
        if read.seconds < needed:
            raise InvalidInputError(
                f"{read.seconds:.1f} readable seconds of sound; two batches, {needed:.1f}, are "
                "needed. Give more sounds, or a smaller batch_seconds."
            )
