"""The folder of a wav2vec 2.0 or HuBERT network, as transformers writes it.

config.json                   model_type "wav2vec2" or "hubert"
model.safetensors             or pytorch_model.bin, read without running what may be in it
preprocessor_config.json      sample rate, and whether clips are normalised
vocab.json, tokenizer_config.json    the units that a CTC head writes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import fingerprint
from sememe.models.wav2vec2.config import SpeechConfig, read_config
from sememe.models.wav2vec2.weights import SpeechWeights, read_speech_weights
from sememe.models.weights.folder import (
    CONFIG,
    PROCESSOR,
    SPEECH_TYPES,
    ModelFolder,
    ModelKind,
    NetworkFolder,
)


@dataclass(frozen=True, eq=False)
class SpeechFolder(NetworkFolder):
    """The documents of a network's folder.

    Attributes:
        config: The network.
        facts: config.json as it is.
        sample_rate: Samples a second that the network reads.
        normalize: Whether each clip is brought to mean 0 and variance 1.
    """

    config: SpeechConfig
    facts: Mapping[str, Any]
    sample_rate: int
    normalize: bool

    def weights(self) -> SpeechWeights:
        """Read the weights; raises as `tensors` and `read_speech_weights` do."""
        return read_speech_weights(self.config, self.tensors(), where=str(self.path))

    def fingerprint(self) -> str:
        """Return 32 hex digits of all that shapes a state: weights, config, preprocessing."""
        facts = [repr(self.config), self.sample_rate, self.normalize]
        return fingerprint(self.files, metadata=facts)


def read_speech_folder(path: Path) -> SpeechFolder:
    """Read the documents of a folder, but not the weights.

    Raises:
        InvalidInputError: If a file is missing, or of a kind that sememe cannot use.
        CorruptFileError: If a file is damaged.
    """
    folder = ModelFolder.open(path)
    facts = folder.object(CONFIG)
    if not folder.holds(ModelKind.SPEECH):
        raise InvalidInputError(
            f"{path} is of the type {facts.get('model_type')!r}; sememe reads "
            f"{', '.join(SPEECH_TYPES)}. Give such a folder, as transformers writes it"
        )
    _, processor = folder.processor("feature_extractor")
    rate = processor.get("sampling_rate", 16_000)
    if not isinstance(rate, int) or not 100 <= rate <= 1_000_000:
        raise CorruptFileError(f"{path}: sampling_rate={rate!r} in {PROCESSOR} is no rate")
    return SpeechFolder(
        path=path,
        files=folder.weight_files(torch=True),
        config=read_config(facts, str(path)),
        facts=facts,
        sample_rate=rate,
        normalize=bool(processor.get("do_normalize", True)),
    )
