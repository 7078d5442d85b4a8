"""The folder of a CLAP model, as transformers writes it.

config.json                   model_type "clap"
model.safetensors             or pytorch_model.bin, read without running what may be in it
preprocessor_config.json      how clips become spectrograms (or processor_config.json)
tokenizer.json                the tokenizer
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
from sememe.models.clap.config import ClapConfig, from_config
from sememe.models.clap.features import ClapFeatures, of_processor
from sememe.models.weights.checkpoint import read_weights, weight_files
from sememe.models.weights.folder import TOKENIZER

if TYPE_CHECKING:
    from sememe.models.weights.safetensors import Tensors

KIND = "clap"
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True, eq=False, slots=True)
class ClapFolder:
    """What a folder says of its model.

    Attributes:
        path: Where its files lie.
        config: The network.
        facts: config.json as it is.
        features: How clips become spectrograms.
        tokenizer: tokenizer.json.
        files: The weights.
    """

    path: Path
    config: ClapConfig
    facts: Mapping[str, Any]
    features: ClapFeatures
    tokenizer: Path
    files: tuple[Path, ...]

    def tensors(self) -> Tensors:
        """Read the weights.

        Raises:
            CorruptFileError, InvalidInputError, MissingExtraError: See `read_weights`.
        """
        return read_weights(self.files)

    def fingerprint(self) -> str:
        """Return 32 hex digits of all that shapes a vector of either tower."""
        digest = hashlib.blake2b(digest_size=16)
        for path in (*self.files, self.tokenizer):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        digest.update(json.dumps([self.facts, repr(self.features)], sort_keys=True).encode())
        return digest.hexdigest()


def read_clap_folder(path: Path) -> ClapFolder:
    """Read what a folder says, but for the weights.

    Raises:
        InvalidInputError: A file is missing, or of a kind that sememe cannot use.
        CorruptFileError: A file is damaged, or files do not belong together.
    """
    facts = read_json(path / "config.json")
    if not isinstance(facts, dict) or facts.get("model_type") != KIND:
        raise InvalidInputError(
            f"{path} holds no CLAP model: its config.json does not say model_type {KIND!r}. Give "
            "the folder of one, as transformers writes it"
        )
    config = from_config(facts, str(path))
    found = ClapFolder(
        path=path,
        config=config,
        facts=facts,
        features=_features(path, fused=config.audio.fused),
        tokenizer=path / TOKENIZER,
        files=weight_files(path, torch=True),
    )
    if not found.tokenizer.is_file():
        raise InvalidInputError(
            f"{path} holds no {TOKENIZER}. Write it there with transformers: "
            f"AutoTokenizer.from_pretrained({str(path)!r}).save_pretrained({str(path)!r})"
        )
    _check_fit(found)
    return found


def _features(path: Path, *, fused: bool) -> ClapFeatures:
    for name in _PROCESSORS:
        facts = read_json(path / name, missing={})
        if isinstance(facts, dict) and name == _PROCESSORS[1]:
            facts = facts.get("feature_extractor", {})
        if isinstance(facts, dict) and facts:
            return of_processor(facts, fused=fused, where=str(path / name))
    raise InvalidInputError(
        f"{path} holds no {_PROCESSORS[0]}, so nothing says how clips are made. Write it there "
        f"with transformers: ClapFeatureExtractor().save_pretrained({str(path)!r})"
    )


def _check_fit(folder: ClapFolder) -> None:
    """Compare the spectrograms that are made with those that the network reads."""
    made, tower = folder.features, folder.config.audio
    if made.mel.n_mels != tower.mels or made.frames > tower.most_frames:
        raise CorruptFileError(
            f"{folder.path}: spectrograms are made of {made.mel.n_mels} bins and {made.frames} "
            f"frames, the network reads {tower.mels} and at most {tower.most_frames}. Fetch it anew"
        )
    if made.mel.mel_scale == "htk" and not tower.fused:
        raise CorruptFileError(
            f"{folder.path}: clips are made for a network with fusion (truncation 'fusion'), "
            "config.json says enable_fusion false. Fetch it anew"
        )
