"""The folder of a wav2vec 2.0 or HuBERT network, as transformers writes it.

config.json                   model_type "wav2vec2" or "hubert"
model.safetensors             or pytorch_model.bin, read without running what may be in it
preprocessor_config.json      sample rate, and whether clips are brought to one loudness
vocab.json, tokenizer_config.json    what a head for recognition (CTC) writes
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import read_json
from sememe.models.wav2vec2.config import SpeechConfig, from_config
from sememe.models.wav2vec2.weights import speech_weights
from sememe.models.weights.checkpoint import read_weights, weight_files
from sememe.models.weights.folder import SPEECH_TYPES

if TYPE_CHECKING:
    from sememe.models.wav2vec2.weights import SpeechWeights
    from sememe.models.weights.safetensors import Tensors

_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_RATES = (100, 1_000_000)


@dataclass(frozen=True, eq=False, slots=True)
class SpeechFolder:
    """What a folder says of its network.

    Attributes:
        path: Where its files lie.
        config: The network.
        facts: config.json as it is.
        sample_rate: Of the samples it reads, a second.
        normalize: Whether each clip is brought to mean 0 and variance 1.
        files: The weights.
    """

    path: Path
    config: SpeechConfig
    facts: Mapping[str, Any]
    sample_rate: int
    normalize: bool
    files: tuple[Path, ...]

    def weights(self) -> SpeechWeights:
        """Read the weights.

        Raises:
            CorruptFileError: A file is damaged, or does not fit config.json.
            InvalidInputError: A .bin file holds more than tensors.
            MissingExtraError: The package safetensors is not installed.
        """
        return speech_weights(self.config, self.tensors(), where=str(self.path))

    def tensors(self) -> Tensors:
        """Read the tensors of all files as they are; raises what `weights` does."""
        return read_weights(self.files)

    def fingerprint(self) -> str:
        """Return 32 hex digits of all that shapes a state: weights, config, preprocessing."""
        digest = hashlib.blake2b(digest_size=16)
        for path in self.files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        facts = [repr(self.config), self.sample_rate, self.normalize]
        digest.update(json.dumps(facts).encode())
        return digest.hexdigest()


def read_speech_folder(path: Path) -> SpeechFolder:
    """Read what a folder says, but for the weights.

    Raises:
        InvalidInputError: A file is missing, or of a kind that sememe cannot use.
        CorruptFileError: A file is damaged.
    """
    facts = _object(path / "config.json")
    if facts.get("model_type") not in SPEECH_TYPES:
        raise InvalidInputError(
            f"{path} is of the type {facts.get('model_type')!r}; sememe reads "
            f"{', '.join(SPEECH_TYPES)}. "
            "Give the folder of such a network, as transformers writes it"
        )
    processor = _processor(path)
    rate = processor.get("sampling_rate", 16_000)
    low, high = _RATES
    if not isinstance(rate, int) or not low <= rate <= high:
        raise CorruptFileError(f"{path}: sampling_rate={rate!r} in {_PROCESSORS[0]} is no rate")
    return SpeechFolder(
        path=path,
        config=from_config(facts, str(path)),
        facts=facts,
        sample_rate=rate,
        normalize=bool(processor.get("do_normalize", True)),
        files=weight_files(path, torch=True),
    )


def _processor(path: Path) -> Mapping[str, Any]:
    """Return how clips are made, {} where nothing says so: transformers' own usual then."""
    for name in _PROCESSORS:
        facts = _object(path / name, missing={})
        facts = facts.get("feature_extractor", {}) if name == _PROCESSORS[1] else facts
        if isinstance(facts, dict) and facts:
            return facts
    return {}


def _object(path: Path, **missing: Any) -> Any:
    """Return the object in a JSON file, as `read_json` does."""
    found = read_json(path, **missing)
    if not isinstance(found, dict):
        raise CorruptFileError(f"{path} holds no object. Fetch it anew")
    return found
