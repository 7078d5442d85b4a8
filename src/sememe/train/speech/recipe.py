"""Train a speech recogniser: CTC on wav2vec 2.0, section 3.3 of arXiv:2006.11477.

    SpeechTraining(base="mine").fit("transcripts.csv").save("recogniser")
    SpeechTraining(size="tiny").fit("recordings/").save("recogniser")        # from scratch
    sememe transcribe memo.wav -m recogniser

A base pre-trained on audio alone needs fewer transcripts. transformers opens the folder, and sememe
runs it without torch.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_args

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import Skipped
from sememe.sources.datasets.transcripts import read_transcripts
from sememe.train.base.base_model import weights_digest
from sememe.train.base.curve import even_plan
from sememe.train.base.device import Compute
from sememe.train.base.options import LoopRecipe, option, parameters
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.base.torch_loop import Loop
from sememe.train.data.files import Named
from sememe.train.data.waveforms import read_waveforms, sounds_digest
from sememe.train.speech.examples import Spoken, Variation, check_spoken, match_transcripts
from sememe.train.speech.network import find_base, make_network, open_network, read_vocabulary
from sememe.train.speech.objective import SpeechBatches, SpeechObjective
from sememe.train.speech.report import SpeechReport, make_card, make_notes, measure_control
from sememe.train.speech.vocabulary import SpeechVocabulary, Units
from sememe.train.wav2vec2.network import Size, write_network

if TYPE_CHECKING:
    from sememe.train.speech.network import SpeechNetwork

    Pairs = list[tuple[Any, str]]
    Transcripts = str | Path | Sequence[tuple[Any, str]]

# Learning rates fall with the width: 1.5e-3 from scratch and 1e-3 from a base at 128.
_FROM_SCRATCH, _FROM_BASE = 0.192, 0.128
_NARROW = 128  # networks so narrow learn from small batches
_BETAS = (0.9, 0.98)  # of Adam
_MAX_GRAD_NORM = 1.0  # CTC's first gradients are large
_MODULES = ("torch", "transformers", "safetensors", "soundfile", "soxr", "matplotlib")


@dataclass
class SpeechTraining(LoopRecipe):
    """Trains a speech recogniser, from a base or from scratch.

    Attributes:
        base: Model to fine-tune: a folder or hf:org/name with the layout of wav2vec 2.0 or HuBERT,
            pre-trained or fine-tuned; by default training starts from scratch.
        size: Size of the network: tiny, small or base; from scratch only.
        sample_rate: Sample rate that audio is resampled to: 8000, 16000 or 32000; from scratch
            only, a base has its own.
        units: Output units: characters, or jamo, the letters of Hangul.
        lower: Lower-case the transcripts.
        punctuation: Keep punctuation; without it, only signs within words are kept.
        epochs: Passes over the recordings.
        batch_seconds: Seconds of audio per step, padding included; by default 8 for a tiny network,
            else 20.
        learning_rate: Peak learning rate of AdamW; by default set by the network's width: 1.5e-3
            for tiny from scratch, 1e-3 with a base.
        freeze_feature_encoder: Freeze the convolutions that read the waveform; by default those of
            a base are frozen.
        head_share: Fraction of the steps in which only the output layer is trained, so that a new
            one does not disturb the base; by default 0.1 for a new layer on a base, else 0.
        dropout: Dropout everywhere in the network.
        mask_time: Fraction of the frames to mask, in spans of `mask_length` (SpecAugment).
        mask_length: Length of a masked span, in frames.
        mask_feature: Fraction of the features to mask, in spans of a tenth.
        speed: Speed perturbation, largest change either way, pitch included; 0 disables it.
        noise: Additive noise, largest level relative to the recording's; 0 disables it.
        colour: Random equalisation, largest gain of a frequency band in decibels, as different
            microphones and rooms cause; 0 disables it.
        join: Probability that one more recording is appended to an example, up to four.
        longest: Maximum length of a recording in seconds; longer ones are left out.
        held_out: Fraction of the recordings held out for evaluation, unless others are given.
        evaluations: Number of evaluations during a run; the state is saved at each. By default one
            per epoch.
        patience: Evaluations without a better word error rate after which training stops; by
            default it does not.

    Further options are those of `LoopRecipe`.
    """

    folder_kind: ClassVar[str] = "speech"

    base: str | None = option(None, group="model", names=("-m", "--base"))
    size: str = option("tiny", choices=get_args(Size), group="model")
    _: KW_ONLY
    sample_rate: int = option(16_000, group="data")
    units: Units = option("characters", choices=get_args(Units), group="data")
    lower: bool = option(True, group="data", names=("--keep-case",))
    punctuation: bool = option(False, group="data")
    epochs: float = 30
    batch_seconds: float | None = option(None, above=0, group="optimisation")
    learning_rate: float | None = None
    freeze_feature_encoder: bool | None = option(
        None, group="optimisation", names=("--freeze-feature-encoder/--train-feature-encoder",)
    )
    head_share: float | None = option(None, at_least=0, below=1, group="optimisation")
    dropout: float = option(0.1, at_least=0, below=1, group="model")
    mask_time: float = option(0.05, at_least=0, below=1, group="data")
    mask_length: int = option(4, at_least=1, group="data")
    mask_feature: float = option(0.0, at_least=0, below=1, group="data")
    speed: float = option(0.2, at_least=0, at_most=0.5, group="data")
    noise: float = option(0.3, at_least=0, at_most=10, group="data")
    colour: float = option(0.0, at_least=0, at_most=40, group="data")
    join: float = option(0.3, at_least=0, below=1, group="data")
    longest: float = option(15.0, above=0.1, group="data")
    held_out: float = option(0.1, above=0, below=1, group="evaluation")
    evaluations: int | None = None
    patience: int | None = option(None, at_least=1, group="evaluation", none=0)
    vocabulary_: SpeechVocabulary = field(init=False, repr=False)
    sample_rate_: int = field(init=False, repr=False)
    report_: SpeechReport = field(init=False, repr=False)

    def fit(
        self,
        transcripts: Transcripts,
        *,
        evaluate: Transcripts | None = None,
        checkpoint: str | Path | None = None,
        show_progress: bool = False,
    ) -> Self:
        """Train on recordings and their transcripts.

        transcripts: A table with columns path and text, a folder of NAME.wav with NAME.txt, or
        pairs of what `read_sound` reads and a text. Unusable ones are reported and skipped: damaged
        or silent recordings, transcripts without a letter or with more letters than frames.
        evaluate: Held-out ones, which choose the best weights; by default a share of the others.
        checkpoint: A folder for the state of the run, to resume after a kill; the caller deletes
        it.

        Raises:
            InvalidInputError, UnknownNameError: An option, the base or the recordings are invalid.
            MissingExtraError: The extra `train` or `audio` is not installed.
            FloatingPointError: Training diverged.
        """
        for name in _MODULES:
            require(name, "SpeechTraining.fit")
        self._check()
        Compute.of(self.device, self.precision)
        base = None if self.base is None else find_base(self.base)
        data, aside = _pairs(transcripts), None if evaluate is None else _pairs(evaluate)
        facts = {
            "parameters": parameters(self),
            "data": _digest(data),
            "evaluate": None if aside is None else _digest(aside),
            "weights of the base": None if base is None else weights_digest(base),
        }
        with checkpoint_folder(checkpoint, facts) as folder:
            self._train(data, aside, base, folder, show=show_progress)
        return self

    def _facts(self) -> dict[str, Any]:
        options = {"vocabulary": self.vocabulary_.facts(), "units": self.units}
        return {"recipe": "speech", "base": self.base, **options}

    def _write(self, folder: Path) -> None:
        rate, processor = self.sample_rate_, "Wav2Vec2Processor"
        write_network(self.model_, folder, rate, processor_class=processor)
        self.vocabulary_.write(folder)

    def _card(self) -> str:
        return make_card(self, self.report_)

    def _train(
        self, pairs: Pairs, aside: Pairs | None, base: Path | None, folder: Path, *, show: bool
    ) -> None:
        from sememe.train.base.hf_callbacks import isolate_rng_and_logging

        vocabulary = self._vocabulary([text for _, text in pairs], base)
        with isolate_rng_and_logging():
            network = self._network(vocabulary, base)
            data, skipped = self._read(pairs, vocabulary, network, folder / "sounds-run", show)
            missed: tuple[Skipped, ...] = ()
            if aside is None:
                data, held = self._split(data)
            else:
                held, missed = self._read(aside, vocabulary, network, folder / "held-run", show)
                if not len(held):
                    reason = f"{missed[0].source}: {missed[0].reason}"
                    raise InvalidInputError(f"no recording to evaluate on can be used: {reason}.")
            check_spoken(data)
            objective = self._objective(network, vocabulary, data, held)
            curve, figures = self._loop(objective).run(objective, folder, show_progress=show)
        self.model_, self.vocabulary_ = network.module, vocabulary
        self.sample_rate_ = network.sample_rate
        self.report_ = SpeechReport(
            n_recordings=len(data),
            n_held=len(held),
            seconds_of_speech=float(data.sounds.lengths.sum()) / network.sample_rate,
            vocab_size=len(vocabulary),
            skipped=(*skipped, *missed),
            curve=curve,
            figures=figures,
            control=measure_control(data.texts, held.texts),
            notes=make_notes(skipped, missed, figures, shared=_count_shared(pairs, aside)),
        )

    def _read(
        self,
        pairs: Pairs,
        vocabulary: SpeechVocabulary,
        network: SpeechNetwork,
        folder: Path,
        show: bool,
    ) -> tuple[Spoken, tuple[Skipped, ...]]:
        """Return the usable recordings, and the others, with reasons."""
        audio = read_waveforms(
            _name_files(pairs),
            sample_rate=network.sample_rate,
            longest=self.longest,
            longer="skip",
            folder=folder,
            show=show,
        )
        texts = [text for _, text in pairs]
        data, skipped = match_transcripts(audio, texts, vocabulary, network.config)
        return data, (*audio.skipped, *skipped)

    def _split(self, data: Spoken) -> tuple[Spoken, Spoken]:
        """Return the recordings to train on, and the held-out ones."""
        order = np.random.default_rng([self.seed, 0]).permutation(len(data))
        n_held = min(len(data) - 2, max(1, round(len(data) * self.held_out)))
        if n_held < 1:
            raise InvalidInputError(
                f"{len(data)} recordings with a transcript can be used; give three or more, or "
                "others to evaluate on."
            )
        held, train = np.sort(order[:n_held]).tolist(), np.sort(order[n_held:]).tolist()
        return data.select(train), data.select(held)

    def _vocabulary(self, texts: list[str], base: Path | None) -> SpeechVocabulary:
        """Return the base's vocabulary if it has the options and every letter, else a new one."""
        new = SpeechVocabulary.of(
            texts, units=self.units, lower=self.lower, punctuation=self.punctuation
        )
        known = None if base is None else read_vocabulary(base)
        if known is None or replace(known, letters=new.letters) != new:
            return new
        return known if set(new.letters) <= set(known.letters) else new

    def _network(self, vocabulary: SpeechVocabulary, base: Path | None) -> SpeechNetwork:
        spans = (self.mask_time, self.mask_length, self.mask_feature, 0)
        options: Any = {"dropout": self.dropout, "spans": spans, "seed": self.seed}
        if base is None:
            network = make_network(self.size, self.sample_rate, vocabulary, **options)
        else:
            network = open_network(base, vocabulary, **options)
        frozen = self.freeze_feature_encoder
        if frozen or (frozen is None and base is not None):
            network.module.freeze_feature_encoder()
        return network

    def _objective(
        self, network: SpeechNetwork, vocabulary: SpeechVocabulary, data: Spoken, held: Spoken
    ) -> SpeechObjective:
        new = self.base is not None and not network.kept_head
        dim = network.config.dim
        seconds = self.batch_seconds or (8.0 if dim <= _NARROW else 20.0)
        batches = SpeechBatches(
            data=data,
            config=network.config,
            variation=Variation(self.speed, self.noise, self.colour, self.join),
            max_batch_samples=round(seconds * network.sample_rate),
            epochs=self.epochs,
            seed=self.seed,
        )
        return SpeechObjective(
            network=network,
            vocabulary=vocabulary,
            batches=batches,
            held=held,
            head_share=(0.1 if new else 0.0) if self.head_share is None else self.head_share,
            spans=(self.mask_time, self.mask_length, self.mask_feature, dim // 10),
            seed=self.seed,
            compute=Compute.of(self.device, self.precision),
        )

    def _loop(self, objective: SpeechObjective) -> Loop:
        scale = _FROM_SCRATCH if self.base is None else _FROM_BASE
        evaluations = self.evaluations or max(1, math.ceil(self.epochs))
        return Loop.of(
            self,
            even_plan(objective.batches.steps, evaluations=evaluations),
            learning_rate=self.learning_rate or scale / objective.network.config.dim,
            betas=_BETAS,
            max_grad_norm=_MAX_GRAD_NORM,
            keep="best",
            patience=self.patience,
        )


def _pairs(transcripts: Transcripts) -> Pairs:
    """Return recordings, not yet opened, with their transcripts."""
    if isinstance(transcripts, str | Path):
        return list(read_transcripts(transcripts))
    pairs = list(transcripts)
    for i, pair in enumerate(pairs):
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[1], str)):
            raise InvalidInputError(
                f"transcript {i} is {type(pair).__name__}; give pairs of audio and a text."
            )
    if not pairs:
        raise InvalidInputError("no transcripts were given. Give pairs of audio and a text.")
    return [(audio, text) for audio, text in pairs]


def _name_files(pairs: Pairs) -> list[Named]:
    return [
        Named(str(audio) if isinstance(audio, str | Path) else f"sound {i}", audio)
        for i, (audio, _) in enumerate(pairs)
    ]


def _count_shared(pairs: Pairs, aside: Pairs | None) -> int | None:
    """Return how many files of `aside` are trained on too; None without `aside`."""
    if aside is None:
        return None
    trained = {str(audio) for audio, _ in pairs if isinstance(audio, str | Path)}
    return sum(str(audio) in trained for audio, _ in aside if isinstance(audio, str | Path))


def _digest(pairs: Pairs) -> str:
    """Return a hash of the recordings and of their texts."""
    total = hashlib.sha256(sounds_digest(_name_files(pairs)).encode())
    for _, text in pairs:
        total.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return total.hexdigest()
