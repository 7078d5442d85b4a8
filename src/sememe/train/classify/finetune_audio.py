"""Fine-tuning behind `AudioClassifier`: which recordings, the run, and the folder that is saved."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import weakref
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._nouns import noun
from sememe._types import Skipped
from sememe.encoders.classify.speech_classifier import load_speech_classes
from sememe.evaluate.confusion import measured
from sememe.sources.labelled_data import Labelled
from sememe.space.classes import folds
from sememe.train.base.base_model import weights_digest
from sememe.train.base.device import Compute
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table
from sememe.train.base.options import fell, parameters
from sememe.train.base.output_folder import write_trained
from sememe.train.base.run_folder import checkpoint_folder
from sememe.train.classify.audio_batches import TunableSounds, tunable_sounds
from sememe.train.classify.features import none_to_measure, several
from sememe.train.classify.objective import finetune
from sememe.train.classify.report import few_note, report_of, skipped_note
from sememe.train.data.files import Named
from sememe.train.data.waveforms import read_waveforms
from sememe.train.speech.network import base_folder
from sememe.train.wav2vec2.network import preprocessor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.encoders.classify.speech_classifier import SpeechClasses
    from sememe.train.base.curve import Curve
    from sememe.train.classify.audio import AudioClassifier
    from sememe.train.classify.report import ClassifierReport

KIND = "speech-classifier"
_LONGEST = 30.0  # seconds of a piece: longer recordings count as several
_MAX_GRAD_NORM = 1.0
_FIFTH = "measured on a fifth held out, which it has not learnt from"


@dataclass(frozen=True, eq=False)
class Tuned:
    """What came out: a folder of transformers' own files, which lasts as long as this does."""

    folder: Path


class _Clips(NamedTuple):
    """Pieces of recordings and numbers of their classes; what is left out."""

    items: list[Any]
    y: NDArray[np.int64]
    group: NDArray[np.int64] | None
    labels: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def finetuned(
    recipe: AudioClassifier,
    given: Labelled,
    aside: Labelled | None,
    notes: tuple[str, ...],
    *,
    checkpoint: str | Path | None,
    show_progress: bool,
) -> tuple[SpeechClasses | None, ClassifierReport, Tuned]:
    """Train a network; see `AudioClassifier.fit`. Of several processes the main one opens it."""
    for name in ("torch", "transformers", "safetensors", "matplotlib", "soundfile"):
        require(name, "AudioClassifier.fit with method='finetune'")
    from sememe.train.base.hf_callbacks import a_quiet_guest

    compute = Compute.of(recipe.device, recipe.precision)
    base = base_folder(recipe.base)
    facts = {
        "parameters": parameters(recipe),
        "data": _hash(given),
        "evaluate": None if aside is None else _hash(aside),
        "weights of the base": weights_digest(base),
    }
    with a_quiet_guest(), checkpoint_folder(checkpoint, facts) as folder:
        labels = several(given, "the data").classes
        network = tunable_sounds(base, labels, seconds=recipe.seconds, seed=recipe.seed)
        read = _read(given, network, labels, folder / "sounds-run", show=show_progress)
        train, held = _divided(recipe, given, aside, network, read, folder, show=show_progress)
        curve, told = finetune(
            recipe,
            network,
            (train.items, train.y),
            (held.items, held.y),
            folder,
            compute=compute,
            max_grad_norm=_MAX_GRAD_NORM,
            show_progress=show_progress,
        )
        tuned = _written(network)
    said = (*notes, *(() if aside is not None else (_FIFTH,)))
    missed = () if aside is None else held.skipped
    report = _report(recipe, train, held._replace(skipped=missed), told, curve, said)
    made = load_speech_classes(tuned.folder) if compute.is_main else None  # which alone has written
    return made, report, tuned


def _report(
    recipe: AudioClassifier,
    train: _Clips,
    held: _Clips,
    told: NDArray[np.int64],
    curve: Curve,
    notes: tuple[str, ...],
) -> ClassifierReport:
    """Say how what is held out was told. notes: What is to be said before other things."""
    shuffled = np.random.default_rng(recipe.seed).permutation(held.y)
    counts = np.bincount(train.y, minlength=len(train.labels)).tolist()
    n_train = dict(zip(train.labels, counts, strict=True))
    return report_of(
        measured(told, held.y, train.labels, seed=recipe.seed),
        n_train=n_train,
        n_held=len(held.y),
        control=float((told == shuffled).mean()),
        curve=curve,
        skipped=(*train.skipped, *held.skipped),
        notes=(
            *notes,
            *few_note(n_train, noun(recipe.modality)),
            *fell(curve),
            *skipped_note("", train.skipped),
            *skipped_note("held out: ", held.skipped),
        ),
    )


def write_finetuned(place: Path, recipe: AudioClassifier, tuned: Tuned) -> Path:
    """Write the network as transformers does, a card and the curve.

    Raises:
        InvalidInputError: The folder holds something else.
    """
    report = recipe.report_
    if report.curve is None:
        raise InvalidInputError("nothing is trained yet. Call fit first.")
    training = {name: value for name, value in asdict(report).items() if name != "curve"}

    def write(fresh: Path) -> None:
        shutil.copytree(tuned.folder, fresh, dirs_exist_ok=True)

    return write_trained(
        place,
        KIND,
        write=write,
        facts={
            "recipe": "audio-classifier",
            "base": recipe.base,
            "labels": list(recipe.labels),
            "parameters": parameters(recipe),
            "training": training,
        },
        card=_card(recipe),
        curve=report.curve,
    )


def _read(
    data: Labelled, network: TunableSounds, labels: tuple[str, ...], beside: Path, *, show: bool
) -> _Clips:
    """Decode what can be read and is of these classes."""
    known = [place for place, label in enumerate(data.labels) if label in labels]
    other = [
        Skipped(_name(data, place), f"its class {label} is not learnt")
        for place, label in enumerate(data.labels)
        if label not in labels
    ]
    sounds = read_waveforms(
        [Named(_name(data, place), data.items[place]) for place in known],
        sample_rate=network.network.sample_rate,
        longest=_LONGEST,
        beside=beside,
        show=show,
    )
    number = {label: i for i, label in enumerate(labels)}
    kept = [i for i in range(len(sounds)) if _frames(network, int(sounds.lengths[i])) > 0]
    places = [known[sounds.places[i]] for i in kept]
    y = np.array([number[data.labels[place]] for place in places], np.int64)
    group = None
    if data.groups and places:
        names = np.array([data.groups[place] for place in places])
        group = np.unique(names, return_inverse=True)[1].astype(np.int64)
    skipped = (*data.skipped, *other, *sounds.skipped)
    return _Clips([sounds[i] for i in kept], y, group, labels, skipped)


def _frames(network: TunableSounds, samples: int) -> int:
    return network.network.config.frames(samples)


def _name(data: Labelled, place: int) -> str:
    item = data.items[place]
    return str(item) if isinstance(item, str | Path) else f"recording {place}"


def _divided(
    recipe: AudioClassifier,
    given: Labelled,
    aside: Labelled | None,
    network: TunableSounds,
    read: _Clips,
    folder: Path,
    *,
    show: bool,
) -> tuple[_Clips, _Clips]:
    """Return what is learnt from and what is measured with."""
    if set(read.y.tolist()) != set(range(len(read.labels))):
        raise InvalidInputError(
            "a class has no recording that can be read: "
            f"{'; '.join(f'{one.source}: {one.reason}' for one in read.skipped[:3])}."
        )
    if aside is not None:
        held = _read(aside, network, read.labels, folder / "held-run", show=show)
        if not len(held.y):
            raise InvalidInputError(none_to_measure(given, aside, read.labels))
        return read, held
    learnt, places = next(
        folds(read.y, seed=recipe.seed, groups=read.group),
        (np.arange(len(read.y)), np.arange(0)),
    )
    if not len(places):
        raise InvalidInputError(none_to_measure(given, None, read.labels))
    return _some(read, learnt), _some(read, places)


def _some(clips: _Clips, places: NDArray[np.int64]) -> _Clips:
    return clips._replace(items=[clips.items[i] for i in places.tolist()], y=clips.y[places])


def _written(network: TunableSounds) -> Tuned:
    """Write the network to a folder for the time being."""
    place = Path(tempfile.mkdtemp(prefix="sememe-"))
    tuned = Tuned(place)
    weakref.finalize(tuned, shutil.rmtree, place, True)
    network.module.save_pretrained(str(place))
    document = json.dumps(preprocessor(network.network.sample_rate), indent=1)
    (place / "preprocessor_config.json").write_text(document + "\n", encoding="utf-8")
    return tuned


def _hash(data: Labelled) -> str:
    found = hashlib.sha256()
    for item, label in zip(data.digests(), data.labels, strict=True):
        found.update(item + label.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()


def _card(recipe: AudioClassifier) -> str:
    report = recipe.report_
    results = {} if report.curve is None else curve_rows(report.curve)
    low, high = report.interval
    results["accuracy held out"] = f"{report.accuracy:.4f} ({low:.4f} to {high:.4f})"
    results["accuracy on shuffled labels (control)"] = f"{report.control:.4f}"
    sections = {
        "Use": [
            "```",
            "sememe classify recording.wav -m this-folder",
            "```",
            "",
            "It runs without torch. The folder opens in transformers too.",
        ],
        "Data": [
            f"{sum(report.n_train.values()):,} recordings of {len(report.n_train)} classes.",
            "",
            *note_lines(report.notes),
        ],
        "Results": table(results),
        "Accuracy by class": table({k: f"{v:.4f}" for k, v in report.per_class.items()}),
        "Settings": table(parameters(recipe)),
    }
    head = {
        "library_name": "transformers",
        "pipeline_tag": "audio-classification",
        "tags": ["sememe"],
    }
    return model_card(f"A classifier, fine-tuned from {recipe.base}", head=head, sections=sections)
