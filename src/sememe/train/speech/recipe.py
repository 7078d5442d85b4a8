"""Train a network to write what is said: CTC on wav2vec 2.0, section 3.3 of arXiv:2006.11477.

    SpeechTraining(base="mine").fit("transcripts.csv").save("recogniser")
    SpeechTraining(size="tiny").fit("recordings/").save("recogniser")        # from scratch
    sememe transcribe memo.wav -m recogniser

A base that has heard speech without texts needs fewer texts. transformers opens the folder, and
sememe runs it without torch.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._lazy import require
from sememe._types import Skipped
from sememe.sources.transcripts import read_transcripts
from sememe.train.base.base_model import weights_digest
from sememe.train.base.curve import even_plan
from sememe.train.base.device import Compute, Precision
from sememe.train.base.options import fitted, parameters, refuse
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.base.torch_loop import Loop
from sememe.train.data.files import Named
from sememe.train.data.waveforms import read_waveforms, sounds_digest
from sememe.train.speech.examples import Spoken, Variation, check_spoken, spoken
from sememe.train.speech.network import base_folder, network_of, new_network, own_vocabulary
from sememe.train.speech.objective import SpeechBatches, SpeechObjective
from sememe.train.speech.report import SpeechReport, control_rate, speech_card, speech_notes
from sememe.train.speech.vocabulary import SpeechVocabulary, Units
from sememe.train.wav2vec2.network import preprocessor, shape_of

if TYPE_CHECKING:
    from sememe.train.speech.network import SpeechNetwork

    Transcripts = str | Path | Sequence[tuple[Any, str]]

KIND = "speech"
# Step sizes fall with the width: 1.5e-3 from scratch and 1e-3 from a base at 128.
_FROM_SCRATCH, _GOING_ON = 0.192, 0.128
_NARROW = 128  # networks so narrow learn from small batches
_BETAS = (0.9, 0.98)  # of Adam
_MAX_GRAD_NORM = 1.0  # CTC's first gradients are wild
_MODULES = ("torch", "transformers", "safetensors", "soundfile", "soxr", "matplotlib")


@dataclass
class SpeechTraining:
    """Trains a recogniser of speech, from a base or from scratch.

    Attributes:
        base: What training goes on from: a folder or hf:org/name of the layout of wav2vec2 or
            HuBERT, trained without texts or with them. None: from scratch.
        size: From scratch: tiny, small or base.
        sample_rate: From scratch: what recordings are brought to; a base has its own.
        units: What it writes: "characters", or "jamo", the letters of Hangul.
        lower: Texts are made lower case.
        punctuation: Signs are learnt too; else all but those within words go.
        epochs: Passes over the recordings.
        batch_seconds: Seconds of sound a step, padding counted; None: 8 in a tiny network, else 20.
        learning_rate: Step size at its highest; None: by the network's width, 1.5e-3 in a tiny one
            from scratch and 1e-3 from a base.
        weight_decay: Of the weights.
        warmup: Share of the steps in which the step size rises; then it falls as a cosine.
        freeze_feature_encoder: The convolutions that hear the waveform stay as they are; unless
            told, those of a base do and others do not.
        head_share: Share of the steps in which only the layer of letters learns: what a base knows
            is not to be lost to a layer that knows nothing yet.
        dropout: In all places of the network that have one.
        mask_time: Share of frames that are hidden while it learns, in spans of `mask_length`.
        mask_length: Frames.
        mask_feature: Share of features that are hidden, in spans of a tenth.
        speed: Largest change of a recording's speed and pitch, either way; 0: none.
        noise: Loudest noise laid over it, as a share of its own level; 0: none.
        colour: How many decibels a range of pitches is made louder or softer, at most, as other
            microphones and rooms do; 0: none.
        join: How probable it is that one more recording follows in the same example, up to four.
        longest: Seconds of the longest recording that is learnt from.
        held_out: Share of the recordings that is held out, where no others are given for that.
        evaluations: How often it is measured and its state saved; None: after every epoch.
        patience: Evaluations without a better word error rate after which it stops; None: never.
        seed: Of all random numbers. On CPU the same seed gives the same weights.
        precision: Of the steps: float32, bfloat16, or auto, which is bfloat16 on a GPU that has
            instructions for it.
        device: auto, cpu, cuda, cuda:1 or mps; auto is a GPU where there is one.
    """

    base: str | None = None
    size: str = "tiny"
    sample_rate: int = 16_000
    units: Units = "characters"
    lower: bool = True
    punctuation: bool = False
    epochs: float = 30
    batch_seconds: float | None = None
    learning_rate: float | None = None
    weight_decay: float = 0.01
    warmup: float = 0.1
    freeze_feature_encoder: bool | None = None
    head_share: float | None = None
    dropout: float = 0.1
    mask_time: float = 0.05
    mask_length: int = 4
    mask_feature: float = 0.0
    speed: float = 0.2
    noise: float = 0.3
    colour: float = 0.0
    join: float = 0.3
    longest: float = 15.0
    held_out: float = 0.1
    evaluations: int | None = None
    patience: int | None = None
    seed: int = 0
    precision: Precision = "auto"
    device: str = "auto"
    model_: Any = field(default=None, init=False, repr=False)
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
    ) -> SpeechTraining:
        """Train on recordings and what is said in them.

        Args:
            transcripts: A table with columns path and text, a folder of NAME.wav beside NAME.txt,
                or pairs of what `read_sound` reads and a text. What cannot be used is reported,
                and the run goes on: damaged or silent recordings, those without a letter of text,
                those whose text has more letters than they have frames.
            evaluate: Such recordings to measure with and to choose the best weights by; else a
                share of the others is held out for it.
            checkpoint: A folder for the run's state: killed, the same call goes on from there. It
                is left for the caller to delete.
            show_progress: Draw a bar.

        Raises:
            InvalidInputError, UnknownNameError: An option, the base or the recordings will not do.
            MissingExtraError: The extra `train` or `audio` is not installed.
            FloatingPointError: Training diverged.
        """
        for name in _MODULES:
            require(name, "SpeechTraining.fit")
        self._check()
        base = None if self.base is None else base_folder(self.base)
        given, aside = _pairs(transcripts), None if evaluate is None else _pairs(evaluate)
        facts = {
            "parameters": parameters(self),
            "data": _digest(given),
            "evaluate": None if aside is None else _digest(aside),
            "weights of the base": None if base is None else weights_digest(base),
        }
        with checkpoint_folder(checkpoint, facts) as folder:
            self._train(given, aside, base, folder, show=show_progress)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write the recogniser as transformers writes it, with a card and the curve.

        Raises:
            InvalidInputError: Nothing was fitted, or the folder holds something else.
        """
        report = fitted(self)
        training = {name: value for name, value in asdict(report).items() if name != "curve"}
        facts = {
            "recipe": "speech",
            "base": self.base,
            "vocabulary": self.vocabulary_.facts(),
            "units": self.units,
            "parameters": parameters(self),
            "training": training,
        }

        def write(fresh: Path) -> None:
            import json

            from sememe.train.base.hf_callbacks import a_quiet_guest

            with a_quiet_guest():
                self.model_.save_pretrained(str(fresh))
            self.vocabulary_.write(fresh)
            document = preprocessor(self.sample_rate_) | {"processor_class": "Wav2Vec2Processor"}
            text = json.dumps(document, indent=1)
            (fresh / "preprocessor_config.json").write_text(text + "\n", encoding="utf-8")

        return write_trained(
            Path(folder),
            KIND,
            write=write,
            facts=facts,
            card=speech_card(self, report),
            curve=report.curve,
        )

    def _train(
        self,
        given: list[tuple[Any, str]],
        aside: list[tuple[Any, str]] | None,
        base: Path | None,
        folder: Path,
        *,
        show: bool,
    ) -> None:
        from sememe.train.base.hf_callbacks import a_quiet_guest

        vocabulary = self._vocabulary([text for _, text in given], base)
        with a_quiet_guest():
            network = self._network(vocabulary, base)
            data, skipped = self._read(given, vocabulary, network, folder / "sounds-run", show=show)
            missed: tuple[Skipped, ...] = ()
            if aside is None:
                data, held = self._divided(data)
            else:
                place = folder / "held-run"
                held, missed = self._read(aside, vocabulary, network, place, show=show)
                if not len(held):
                    raise InvalidInputError(
                        "no recording to evaluate on can be used: "
                        f"{missed[0].source}: {missed[0].reason}."
                    )
            check_spoken(data)
            objective = self._objective(network, vocabulary, data, held)
            loop = self._loop(objective)
            curve, seen = loop.run(objective, folder, show_progress=show)
        self.model_, self.vocabulary_ = network.module, vocabulary
        self.sample_rate_ = network.sample_rate
        self.report_ = SpeechReport(
            n_recordings=len(data),
            n_held=len(held),
            seconds_of_speech=float(data.sounds.lengths.sum()) / network.sample_rate,
            vocab_size=len(vocabulary),
            skipped=(*skipped, *missed),
            curve=curve,
            figures=seen,
            control=control_rate(data.texts, held.texts),
            notes=speech_notes(skipped, missed, seen, shared=_shared(given, aside)),
        )

    def _read(
        self,
        given: list[tuple[Any, str]],
        vocabulary: SpeechVocabulary,
        network: SpeechNetwork,
        beside: Path,
        *,
        show: bool,
    ) -> tuple[Spoken, tuple[Skipped, ...]]:
        """Return the recordings that can be used, and those that cannot, with reasons."""
        sounds = read_waveforms(
            _named(given),
            sample_rate=network.sample_rate,
            longest=self.longest,
            longer="skip",
            beside=beside,
            show=show,
        )
        found, left_out = spoken(sounds, [text for _, text in given], vocabulary, network.config)
        return found, (*sounds.skipped, *left_out)

    def _divided(self, data: Spoken) -> tuple[Spoken, Spoken]:
        """Return the recordings to learn from, and those held out."""
        order = np.random.default_rng([self.seed, 0]).permutation(len(data))
        n_held = min(len(data) - 2, max(1, round(len(data) * self.held_out)))
        if n_held < 1:
            raise InvalidInputError(
                f"{len(data)} recordings with a transcript can be used; give three or more, or "
                "others to evaluate on."
            )
        return (
            data.some(np.sort(order[n_held:]).tolist()),
            data.some(np.sort(order[:n_held]).tolist()),
        )

    def _vocabulary(self, texts: list[str], base: Path | None) -> SpeechVocabulary:
        """Return what it is to write: as its base does, where that has every letter."""
        found = SpeechVocabulary.of(
            texts, units=self.units, lower=self.lower, punctuation=self.punctuation
        )
        known = None if base is None else own_vocabulary(base)
        alike = known is not None and known.facts() == found.facts()
        return known if known and alike and set(found.letters) <= set(known.letters) else found

    def _network(self, vocabulary: SpeechVocabulary, base: Path | None) -> SpeechNetwork:
        spans = (self.mask_time, self.mask_length, self.mask_feature, 0)
        if base is None:
            network = new_network(
                self.size,
                vocabulary,
                sample_rate=self.sample_rate,
                dropout=self.dropout,
                spans=spans,
                seed=self.seed,
            )
        else:
            network = network_of(
                base, vocabulary, dropout=self.dropout, spans=spans, seed=self.seed
            )
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
        usual = (_FROM_SCRATCH if self.base is None else _GOING_ON) / objective.network.config.dim
        evaluations = self.evaluations or max(1, math.ceil(self.epochs))
        return Loop(
            plan=even_plan(objective.batches.steps, evaluations=evaluations),
            learning_rate=self.learning_rate or usual,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            betas=_BETAS,
            max_grad_norm=_MAX_GRAD_NORM,
            keep="best",
            patience=self.patience,
            seed=self.seed,
        )

    def _check(self) -> None:
        if self.units not in get_args(Units):
            raise UnknownNameError.of("units", self.units, get_args(Units))
        Compute.of(self.device, self.precision)
        shape_of(self.size)
        rate, share, seconds = self.learning_rate, self.head_share, self.batch_seconds
        rules = (
            ("epochs", 0 < self.epochs < math.inf, "a number above 0"),
            ("batch_seconds", seconds is None or 0 < seconds < math.inf, "seconds, such as 20"),
            ("learning_rate", rate is None or 0 < rate < math.inf, "a number such as 3e-4"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "0 or more, such as 0.01"),
            ("warmup", 0 <= self.warmup < 1, "a share of the steps, 0 to 1"),
            ("head_share", share is None or 0 <= share < 1, "a share of the steps, 0 to 1"),
            ("dropout", 0 <= self.dropout < 1, "a share between 0 and 1"),
            ("mask_time", 0 <= self.mask_time < 1, "a share between 0 and 1, such as 0.05"),
            ("mask_length", self.mask_length >= 1, "1 frame or more"),
            ("mask_feature", 0 <= self.mask_feature < 1, "a share between 0 and 1"),
            ("speed", 0 <= self.speed <= 0.5, "0 to 0.5, such as 0.1"),
            ("noise", 0 <= self.noise <= 10, "0 to 10, such as 0.3"),
            ("colour", 0 <= self.colour <= 40, "decibels from 0 to 40, such as 10"),
            ("join", 0 <= self.join < 1, "a share between 0 and 1"),
            ("longest", self.longest > 0.1, "seconds, such as 15"),
            ("held_out", 0 < self.held_out < 1, "a share between 0 and 1, such as 0.1"),
            ("evaluations", self.evaluations is None or self.evaluations >= 1, "1 or more, None"),
            ("patience", self.patience is None or self.patience >= 1, "1 or more, or None"),
        )
        refuse(self, rules)


def _pairs(given: Transcripts) -> list[tuple[Any, str]]:
    """Return recordings, not yet opened, and what is said in each."""
    if isinstance(given, str | Path):
        return list(read_transcripts(given))
    pairs = list(given)
    for place, pair in enumerate(pairs):
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[1], str)):
            raise InvalidInputError(
                f"transcript {place} is {type(pair).__name__}; give pairs of a sound and a text."
            )
    if not pairs:
        raise InvalidInputError("no transcripts were given. Give pairs of a sound and a text.")
    return [(sound, text) for sound, text in pairs]


def _named(given: list[tuple[Any, str]]) -> list[Named]:
    return [
        Named(str(sound) if isinstance(sound, str | Path) else f"sound {place}", sound)
        for place, (sound, _) in enumerate(given)
    ]


def _shared(given: list[tuple[Any, str]], aside: list[tuple[Any, str]] | None) -> int | None:
    """Return how many recordings to evaluate on are learnt from too; None: a share of all."""
    if aside is None:
        return None
    known = {str(sound) for sound, _ in given if isinstance(sound, str | Path)}
    return sum(str(sound) in known for sound, _ in aside if isinstance(sound, str | Path))


def _digest(given: list[tuple[Any, str]]) -> str:
    """Return a hash of the recordings and of their texts."""
    found = hashlib.sha256(sounds_digest(_named(given)).encode())
    for _, text in given:
        found.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()
