"""The folder of a CLAP model, as transformers writes it.

config.json                   model_type "clap"
model.safetensors             or pytorch_model.bin, read without running what may be in it
preprocessor_config.json      how audio becomes spectrograms (or processor_config.json)
tokenizer.json                the tokenizer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import fingerprint
from sememe.models.clap.config import ClapConfig, read_config
from sememe.models.clap.features import ClapFeatures, read_features
from sememe.models.weights.folder import CONFIG, ModelFolder, ModelKind, NetworkFolder


@dataclass(frozen=True, eq=False)
class ClapFolder(NetworkFolder):
    """The documents of a model's folder.

    Attributes:
        config: The network.
        facts: config.json as it is.
        features: How audio becomes spectrograms.
        tokenizer: tokenizer.json.
    """

    config: ClapConfig
    facts: Mapping[str, Any]
    features: ClapFeatures
    tokenizer: Path

    def fingerprint(self) -> str:
        """Return 32 hex digits of all that shapes a vector of either tower."""
        metadata = [self.facts, repr(self.features)]
        return fingerprint((*self.files, self.tokenizer), metadata=metadata)


def read_clap_folder(path: Path) -> ClapFolder:
    """Read the documents of a folder, but not the weights.

    Raises:
        InvalidInputError: If a file is missing, or of a kind that sememe cannot use.
        CorruptFileError: If a file is damaged, or files do not belong together.
    """
    folder = ModelFolder.open(path)
    facts = folder.json(CONFIG)
    if not folder.holds(ModelKind.CLAP):
        raise InvalidInputError(
            f"{path} holds no CLAP model: its {CONFIG} has no model_type 'clap'. Give the folder "
            "of one, as transformers writes it"
        )
    config = read_config(facts, str(path))
    name, document = folder.processor("feature_extractor", writer="ClapFeatureExtractor")
    features = read_features(document, fused=config.audio.fused, where=str(path / name))
    files = folder.weight_files(torch=True)
    tokenizer = folder.tokenizer()
    _check_fit(path, config, features)
    return ClapFolder(path, files, config, facts, features, tokenizer)


def _check_fit(path: Path, config: ClapConfig, features: ClapFeatures) -> None:
    """Compare the spectrograms that are made with those that the network reads."""
    mel, tower = features.mel, config.audio
    if mel.n_mels != tower.mels or features.frames > tower.max_frames:
        raise CorruptFileError(
            f"{path}: spectrograms are made of {mel.n_mels} bins and {features.frames} frames, "
            f"the network reads {tower.mels} and at most {tower.max_frames}. Fetch it anew"
        )
    if mel.mel_scale == "htk" and not tower.fused:
        raise CorruptFileError(
            f"{path}: audio is prepared for a network with fusion (truncation 'fusion'), "
            f"{CONFIG} has enable_fusion false. Fetch it anew"
        )
