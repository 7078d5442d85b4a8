"""What the layers of wav2vec 2.0 know of sounds whose classes are known: a linear layer on each.

Labels are used here alone, never to train.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.evaluate.metrics.representation import linear_probe
from sememe.train.wav2vec2.network import n_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.train.data.waveforms import Waveforms

_MOST = 2000  # sounds that are learnt from, and asked about, at most
_LEAST = 4  # sounds of a class; the layer is chosen among half of half of them
_SECONDS = 30  # of sound at once


@dataclass(frozen=True, slots=True)
class LabelledSounds:
    """Sounds whose classes are known: those that a linear layer learns from, and those asked about.

    Attributes:
        bank, asked: The sounds.
        bank_places, asked_places: (n,), (m,) which of them.
        bank_labels, asked_labels: (n,), (m,) numbers of their classes.
    """

    bank: Waveforms
    bank_places: NDArray[np.int64]
    bank_labels: NDArray[np.int64]
    asked: Waveforms
    asked_places: NDArray[np.int64]
    asked_labels: NDArray[np.int64]

    def probe(self, model: Any) -> tuple[tuple[float, ...], int]:
        """Return the accuracy on what is asked of each layer, and the layer that is chosen.

        Layer 0 is what the context network is given. The layer is chosen among the sounds that are
        learnt from, every second of them held out.
        """
        shown = layer_means(model, self.bank, self.bank_places)
        asked = layer_means(model, self.asked, self.asked_places)
        known = self.bank_labels
        choice = [linear_probe(x[::2], known[::2], x[1::2], known[1::2]) for x in shown]
        found = [
            linear_probe(x, known, of, self.asked_labels)
            for x, of in zip(shown, asked, strict=True)
        ]
        return tuple(found), int(np.argmax(choice))


def labelled_sounds(labelled: Waveforms, trained_on: Waveforms) -> LabelledSounds:
    """Return the sounds of known classes, divided into shown ones and asked ones.

    Classes are the topmost folders. Where the sounds trained on lie in folders of the same names
    they are shown, but for those that are among the labelled ones too, and all labelled ones are
    asked about, if four or more of each class are left; else every second of each class is shown.
    Of a long sound the first piece counts.

    Raises:
        InvalidInputError: Not two classes of four sounds each.
    """
    names = _classes(labelled)
    classes = sorted(set(names) - {""})
    counts = [names.count(name) for name in classes]
    if len(classes) < 2 or min(counts) < _LEAST:
        raise InvalidInputError(
            f"the labelled sounds lie in {len(classes)} folders with {min(counts, default=0)} "
            "sounds or more; give two folders or more, each a class, with four readable sounds or "
            "more."
        )
    own = np.array([classes.index(name) if name else -1 for name in names], np.int64)
    shown = _shown(trained_on, labelled, classes)
    if np.bincount(shown[shown >= 0], minlength=len(classes)).min() >= _LEAST:
        bank, asked = _some(np.flatnonzero(shown >= 0)), _some(np.flatnonzero(own >= 0))
        return LabelledSounds(trained_on, bank, shown[bank], labelled, asked, own[asked])
    places = [np.flatnonzero(own == i) for i in range(len(classes))]
    bank = _some(np.sort(np.concatenate([found[::2] for found in places])))
    asked = _some(np.sort(np.concatenate([found[1::2] for found in places])))
    return LabelledSounds(labelled, bank, own[bank], labelled, asked, own[asked])


def layer_means(model: Any, sounds: Waveforms, places: NDArray[np.int64]) -> list[FloatArray]:
    """Return the mean over frames of each layer: (n, dim) float32 each, padding left out."""
    import torch

    network = getattr(model, "wav2vec2", model)
    device = next(network.parameters()).device
    found: list[FloatArray] = []
    order = places[np.argsort(sounds.lengths[places], kind="stable")]
    many = max(1, int(_SECONDS * sounds.sample_rate / max(int(sounds.lengths[order].max()), 1)))
    for start in range(0, len(order), many):
        values, mask = sounds.pad(order[start : start + many].tolist())
        with torch.no_grad():
            outputs = network(
                torch.from_numpy(values).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
                output_hidden_states=True,
            )
        frames = n_frames(network.config, mask.sum(1))
        width = outputs.hidden_states[0].shape[1]
        kept = torch.from_numpy(np.arange(width) < frames[:, None]).to(device)[..., None]
        means = [(x * kept).sum(1) / kept.sum(1) for x in outputs.hidden_states]  # (B, dim) each
        if not found:
            found = [np.empty((len(order), x.shape[1]), np.float32) for x in means]
        for whole, part in zip(found, means, strict=True):
            whole[start : start + len(part)] = part.cpu().numpy()
    back = np.argsort(np.argsort(sounds.lengths[places], kind="stable"))
    return [whole[back] for whole in found]


def _classes(sounds: Waveforms) -> list[str]:
    """Return the topmost folder of each, "" where it lies in none or is no first piece."""
    parts = [PurePosixPath(source).parts for source in sounds.sources]
    first = np.diff(sounds.places, prepend=-1) > 0
    return [
        found[0] if begins and len(found) > 1 else ""
        for found, begins in zip(parts, first.tolist(), strict=True)
    ]


def _shown(trained_on: Waveforms, labelled: Waveforms, classes: list[str]) -> NDArray[np.int64]:
    """Return the class of each sound trained on, -1 where it has none or is a labelled one too."""
    names = _classes(trained_on)
    asked = {_mark(labelled, place) for place in range(len(labelled))}
    return np.array(
        [
            classes.index(name) if name in classes and _mark(trained_on, place) not in asked else -1
            for place, name in enumerate(names)
        ],
        np.int64,
    )


def _mark(sounds: Waveforms, place: int) -> bytes:
    return hashlib.sha256(sounds[place].tobytes()).digest()


def _some(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return places evenly thinned to as many as count."""
    if len(places) <= _MOST:
        return places
    return places[np.linspace(0, len(places) - 1, _MOST).astype(np.int64)]
