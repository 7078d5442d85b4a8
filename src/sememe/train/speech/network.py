"""Networks for speech recognition: wav2vec 2.0 or HuBERT with a linear layer over letters.

Baevski et al. 2020 (arXiv:2006.11477), Hsu et al. 2021, HuBERT (arXiv:2106.07447). Their parts are
called in turn, not `forward`, so that the other clips of a batch change nothing: a feature encoder
whose first layer normalises over time must not read the padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import read_json
from sememe.models.wav2vec2.config import SpeechConfig, read_config
from sememe.models.wav2vec2.folder import read_speech_folder
from sememe.train.speech.vocabulary import BLANK, SPACE, SpeechVocabulary
from sememe.train.wav2vec2 import network as wav2vec2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Spans = tuple[float, int, float, int]

_DROPOUTS = ("hidden", "attention", "activation", "feat_proj", "final")
_SPANS = ("mask_time_prob", "mask_time_length", "mask_feature_prob", "mask_feature_length")


@dataclass(frozen=True)
class SpeechNetwork:
    """A network for speech recognition.

    Attributes:
        module: Wav2Vec2ForCTC or HubertForCTC of transformers.
        sample_rate: Of its input.
        kept_head: Whether the output layer is the base's own.
    """

    module: Any
    sample_rate: int
    kept_head: bool = False

    @cached_property
    def config(self) -> SpeechConfig:
        """The layers of the network."""
        return read_config(self.module.config.to_dict(), "the network")

    def logits(
        self, clips: Sequence[Any], *, masks: tuple[Any, Any] | None = None, head_only: bool = False
    ) -> tuple[Any, Any]:
        """Return (n, frames, letters) before the softmax, and the frames of each clip, (n,).

        clips: Arrays or tensors (samples,) of mean 0 and variance 1, each long enough for a frame.
        masks: Boolean tensors of masked frames, (n, frames), and masked features, (n, dim).
        head_only: Compute gradients of the output layer alone.
        """
        import torch

        with torch.set_grad_enabled(torch.is_grad_enabled() and not head_only):
            hidden, lengths = self.states(clips, masks=masks)
        return self.module.lm_head(self.module.dropout(hidden)), lengths

    def states(
        self, clips: Sequence[Any], *, masks: tuple[Any, Any] | None = None
    ) -> tuple[Any, Any]:
        """Return (n, frames, dim) states of the last layer, and the frames of each clip, (n,).

        clips, masks: See `logits`.
        """
        import torch

        hidden, lengths = self._features(clips)
        if masks is not None:
            time, feature = masks  # (n, frames), (n, dim)
            if (mark := getattr(self._body, "masked_spec_embed", None)) is not None:
                hidden = torch.where(time[:, :, None], mark.to(hidden.dtype), hidden)
            hidden = torch.where(feature[:, None, :], 0.0, hidden)
        real = torch.arange(hidden.shape[1], device=self.device)[None] < lengths[:, None]  # (B, T)
        return self._body.encoder(hidden, attention_mask=real)[0], lengths

    @property
    def device(self) -> Any:
        """The device of the weights."""
        return next(self.module.parameters()).device

    @property
    def _body(self) -> Any:
        return getattr(self.module, self.module.base_model_prefix)

    def _features(self, clips: Sequence[Any]) -> tuple[Any, Any]:
        """Return the input of the context network, (n, frames, dim), and the frames, (n,)."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        encoder = self._body.feature_extractor
        lengths = torch.tensor([self.config.frames(len(clip)) for clip in clips]).to(self.device)
        audio = [torch.as_tensor(clip, dtype=torch.float32).to(self.device) for clip in clips]
        if self.module.config.feat_extract_norm == "layer":  # padding changes no other frame
            features = encoder(pad_sequence(audio, batch_first=True)).transpose(1, 2)
        else:
            features = pad_sequence([encoder(one[None])[0].T for one in audio], batch_first=True)
        projected = self._body.feature_projection(features)
        return projected[0] if isinstance(projected, tuple) else projected, lengths


def make_network(
    size: str,
    sample_rate: int,
    vocabulary: SpeechVocabulary,
    *,
    dropout: float,
    spans: Spans,
    seed: int,
) -> SpeechNetwork:
    """Return a network with random weights; see `sememe.train.wav2vec2.network.make_network`."""
    import torch
    from transformers import Wav2Vec2ForCTC

    config = wav2vec2.make_network(size, sample_rate, codebooks=1, entries=2, seed=seed).config
    config.update(_config(vocabulary, dropout, spans))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SpeechNetwork(Wav2Vec2ForCTC(config), sample_rate)


def open_network(
    base: Path, vocabulary: SpeechVocabulary, *, dropout: float, spans: Spans, seed: int
) -> SpeechNetwork:
    """Open the folder of a base. Its output layer is kept if it has just these letters."""
    import torch
    from transformers import AutoModelForCTC

    kept = read_vocabulary(base) == vocabulary
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = AutoModelForCTC.from_pretrained(
            str(base), ignore_mismatched_sizes=not kept, **_config(vocabulary, dropout, spans)
        )
    return SpeechNetwork(module, read_speech_folder(base).sample_rate, kept)


def find_base(base: str) -> Path:
    """Return the folder of a network by its name: a folder, or hf:org/name.

    Raises:
        InvalidInputError: There is none, or it is no network for audio.
        UnknownNameError, HubError: The hub has none of that name, or cannot be reached.
    """
    from sememe.models.locate import fetch
    from sememe.models.weights.hub import PREFIX

    folder = fetch(base) if base.startswith(PREFIX) else Path(base)
    if not folder.is_dir():
        raise InvalidInputError(
            f"base={base!r} is no folder. Give the folder of a network of the layout of wav2vec2 "
            "or HuBERT, or hf:org/name."
        )
    read_speech_folder(folder)
    return folder


def read_vocabulary(base: Path) -> SpeechVocabulary | None:
    """Return the vocabulary of a recogniser that sememe trained, else None."""
    about, numbers = (read_json(base / name, missing={}) for name in ("sememe.json", "vocab.json"))
    options = about.get("vocabulary") if isinstance(about, dict) else None
    if not isinstance(options, dict) or not numbers:
        return None
    try:
        letters = sorted(numbers, key=lambda name: int(numbers[name]))[SPACE + 1 :]
        return SpeechVocabulary(tuple(letters), **options)
    except (TypeError, ValueError) as error:
        raise CorruptFileError(f"{base / 'vocab.json'} is damaged ({error!r}).") from error


def draw_spans(
    frames: Sequence[int], width: int, *, prob: float, length: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw spans to mask, (n, width): about the share `prob` of the frames of each row.

    As in SpecAugment (Park et al. 2019, arXiv:1904.08779) and wav2vec 2.0, spans may overlap; none
    is longer than a third of its row.

    >>> drawn = draw_spans([9, 3], 9, prob=0.4, length=3, rng=np.random.default_rng(0))
    >>> drawn.sum(1) <= [6, 3], bool(drawn[1, 3:].any())
    (array([ True,  True]), False)
    """
    mask = np.zeros((len(frames), width), bool)
    for row, n in enumerate(frames):
        size = min(length, n // 3)
        if size < 1 or prob <= 0:
            continue
        count = int(prob * n / size + rng.random())  # rounded up or down by chance
        for start in rng.integers(0, n - size + 1, count).tolist():
            mask[row, start : start + size] = True
    return mask


def _config(vocabulary: SpeechVocabulary, dropout: float, spans: Spans) -> dict[str, Any]:
    """Return fields of transformers' config."""
    return {
        "vocab_size": len(vocabulary),
        "pad_token_id": BLANK,
        "bos_token_id": None,
        "eos_token_id": None,
        "ctc_loss_reduction": "mean",
        "ctc_zero_infinity": True,
        "layerdrop": 0.0,
        "apply_spec_augment": True,
        **{f"{name}_dropout": dropout for name in _DROPOUTS},
        **dict(zip(_SPANS, spans, strict=True)),
    }
