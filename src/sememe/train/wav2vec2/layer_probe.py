"""Linear probes on the layers of wav2vec 2.0, with labelled audio that is never trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.evaluate.metrics.representation import linear_probe
from sememe.train.wav2vec2.network import count_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.train.data.waveforms import Waveforms

_MAX_CLIPS = 2000  # of the bank, and asked about
_MIN_CLIPS = 4  # of a class; the layer is chosen among half of half of them
_SECONDS = 30  # of audio at once


@dataclass(frozen=True, slots=True)
class LabelledAudio:
    """Labelled audio: a bank that the probes learn from, and clips asked about.

    Attributes:
        bank, asked: The audio.
        bank_rows, asked_rows: (n,), (m,) indices of its clips.
        bank_labels, asked_labels: (n,), (m,) numbers of their classes.
    """

    bank: Waveforms
    bank_rows: NDArray[np.int64]
    bank_labels: NDArray[np.int64]
    asked: Waveforms
    asked_rows: NDArray[np.int64]
    asked_labels: NDArray[np.int64]

    def probe(self, model: Any) -> tuple[tuple[float, ...], int]:
        """Return the accuracy of a linear probe on each layer, and the best layer.

        Layer 0 is the input of the context network. The layer is chosen on every second clip of the
        bank, held out for it.
        """
        bank = mean_layers(model, self.bank, self.bank_rows)
        asked = mean_layers(model, self.asked, self.asked_rows)
        y = self.bank_labels
        choice = [linear_probe(x[::2], y[::2], x[1::2], y[1::2]) for x in bank]
        pairs = zip(bank, asked, strict=True)
        scores = tuple(linear_probe(x, y, queries, self.asked_labels) for x, queries in pairs)
        return scores, int(np.argmax(choice))


def split_labelled(labelled: Waveforms, trained_on: Waveforms) -> LabelledAudio:
    """Split labelled audio into a bank and clips asked about.

    Classes are the topmost folders. Training clips in folders of the same names, without those that
    are labelled too, are the bank and all labelled ones are asked about, if four or more of each
    class are left; else every second one of each class is in the bank. Of a long clip the first
    piece counts.

    Raises:
        InvalidInputError: Not two classes of four clips each.
    """
    names = _classes(labelled)
    classes = sorted(set(names) - {""})
    counts = [names.count(name) for name in classes]
    if len(classes) < 2 or min(counts) < _MIN_CLIPS:
        raise InvalidInputError(
            f"the labelled audio is in {len(classes)} folders with {min(counts, default=0)} files "
            "or more; give two folders or more, each a class, with four readable files or more."
        )
    own = np.array([classes.index(name) if name else -1 for name in names], np.int64)
    y, bank_audio = _match_classes(trained_on, labelled, classes), trained_on
    if np.bincount(y[y >= 0], minlength=len(classes)).min() >= _MIN_CLIPS:
        bank, asked = np.flatnonzero(y >= 0), np.flatnonzero(own >= 0)
    else:
        y, bank_audio = own, labelled
        rows = [np.flatnonzero(own == i) for i in range(len(classes))]
        bank = np.sort(np.concatenate([one[::2] for one in rows]))
        asked = np.sort(np.concatenate([one[1::2] for one in rows]))
    bank, asked = _thin(bank), _thin(asked)
    return LabelledAudio(bank_audio, bank, y[bank], labelled, asked, own[asked])


def mean_layers(model: Any, audio: Waveforms, rows: NDArray[np.int64]) -> list[FloatArray]:
    """Return the mean over frames of each layer: (n, dim) float32 each, padding left out."""
    import torch

    network = getattr(model, "wav2vec2", model)
    device = next(network.parameters()).device
    layers: list[FloatArray] = []
    order = rows[np.argsort(audio.lengths[rows], kind="stable")]
    size = max(1, int(_SECONDS * audio.sample_rate / max(int(audio.lengths[order].max()), 1)))
    for start in range(0, len(order), size):
        values, mask = audio.pad(order[start : start + size].tolist())
        with torch.no_grad():
            outputs = network(
                torch.from_numpy(values).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
                output_hidden_states=True,
            )
        frames = count_frames(network.config, mask.sum(1))
        width = outputs.hidden_states[0].shape[1]
        kept = torch.from_numpy(np.arange(width) < frames[:, None]).to(device)[..., None]
        means = [(x * kept).sum(1) / kept.sum(1) for x in outputs.hidden_states]  # (B, dim) each
        layers = layers or [np.empty((len(order), x.shape[1]), np.float32) for x in means]
        for layer, part in zip(layers, means, strict=True):
            layer[start : start + len(part)] = part.cpu().numpy()
    back = np.argsort(np.argsort(audio.lengths[rows], kind="stable"))
    return [layer[back] for layer in layers]


def _classes(audio: Waveforms) -> list[str]:
    """Return the topmost folder of each clip, "" without one and for later pieces of a clip."""
    folders = [PurePosixPath(source).parts[:-1] for source in audio.sources]
    first = np.diff(audio.places, prepend=-1) > 0
    return [parts[0] if i and parts else "" for parts, i in zip(folders, first, strict=True)]


def _match_classes(
    trained_on: Waveforms, labelled: Waveforms, classes: list[str]
) -> NDArray[np.int64]:
    """Return the class of each training clip, -1 if it has none or is labelled too."""
    asked = {_digest(labelled, row) for row in range(len(labelled))}
    return np.array(
        [
            classes.index(name) if name in classes and _digest(trained_on, row) not in asked else -1
            for row, name in enumerate(_classes(trained_on))
        ],
        np.int64,
    )


def _digest(audio: Waveforms, row: int) -> bytes:
    return hashlib.sha256(audio[row].tobytes()).digest()


def _thin(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows evenly thinned to `_MAX_CLIPS`."""
    if len(rows) <= _MAX_CLIPS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _MAX_CLIPS).astype(np.int64)]
