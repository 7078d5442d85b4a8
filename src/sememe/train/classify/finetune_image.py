"""Fine-tuning of image networks for `ImageClassifier`: batches, reading, opening and writing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sememe._errors import CorruptFileError
from sememe._types import Skipped
from sememe.encoders.image.encoder import ImageEncoder, ImageModel
from sememe.encoders.space import fingerprint_space
from sememe.models.image.engine import VisionEngine
from sememe.models.image.folder import GRAPH, KIND, describe_graph
from sememe.sources.datasets.labelled_data import Labelled
from sememe.sources.media.image_decoding import open_image
from sememe.train.classify.finetuning import FineTuning, name_item
from sememe.train.classify.image_network import WEIGHTS, open_trainable
from sememe.train.data.augment import Augmentation, normalise, scale_pixels, view

if TYPE_CHECKING:
    from sememe.train.classify.image_network import Trainable


_LIGHT = Augmentation(crop=0.5, colour=0.2, jitter=0.5, grey=0.0, blur=0.0)
_THREADS = 4  # that decode


@dataclass(frozen=True)
class TunableImages:
    """A network that classifies images; see `sememe.train.classify.objective.Tunable`."""

    network: Trainable
    eval_batch_size: int = 64

    @property
    def module(self) -> Any:
        """The module of torch."""
        return self.network.module

    def batch(self, items: Sequence[Any], rng: np.random.Generator | None = None) -> dict[str, Any]:
        """Decode images. rng: Of their augmentation, for training."""
        make = self.network.preprocess.pixels
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="sememe-images") as pool:
            pixels = np.stack(list(pool.map(lambda item: make(open_image(item)), items)))
        images = scale_pixels(pixels) if rng is None else view(pixels, _LIGHT, rng)
        return {"images": normalise(images, self.network.preprocess)}  # (B, 3, size, size)

    def logits(self, batch: dict[str, Any]) -> Any:
        """Return (n, classes) before the softmax."""
        return self.module(batch["images"])[-1]


@dataclass(frozen=True, eq=False, slots=True)
class TunedImage:
    """A trained network: the ONNX file, its facts for sememe.json, and the weights for torch."""

    graph: bytes
    facts: Mapping[str, Any]
    state: Mapping[str, Any]


@dataclass(frozen=True)
class ImageFineTuning(FineTuning):
    """Fine-tuning of an image network; the result is a folder that `sememe.load` opens.

    Attributes:
        recipe: The options.
        size: Width and height of the images in pixels; None: the network's own.
    """

    packages: ClassVar[Sequence[str]] = ("torch", "safetensors", "onnxscript", "matplotlib", "PIL")
    recipe_name: ClassVar[str] = "classifier"
    folder_kind: ClassVar[str] = KIND
    card_head: ClassVar[Mapping[str, Any]] = {"pipeline_tag": "image-classification"}
    card_use: ClassVar[Sequence[str]] = (
        "```python",
        "import sememe",
        "",
        'sememe.load("this-folder").classify(["a.jpg"])',
        "```",
        "",
        "It runs without torch.",
    )

    size: int | None = None

    def open_network(self, classes: tuple[str, ...]) -> tuple[TunableImages, str]:
        """Return the base with a layer for the classes, and a hash of all its weights."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            network = open_trainable(self.recipe.base, classes, size=self.size)
        digest = hashlib.sha256()
        for name, tensor in network.kept.state_dict().items():
            digest.update(name.encode() + tensor.numpy().tobytes())
        return TunableImages(network), digest.hexdigest()

    def read(
        self, data: Labelled, rows: Sequence[int], network: Any, folder: Path, *, show: bool
    ) -> Labelled:
        """Open each image once; each step decodes it again, at the size of training."""
        readable, skipped = [], []
        for row in rows:
            try:
                open_image(data.items[row])
                readable.append(row)
            except CorruptFileError as error:
                skipped.append(Skipped(name_item(data, row), str(error)))
        return replace(data.select(readable), skipped=tuple(skipped))

    def export(self, network: Any, classes: tuple[str, ...]) -> tuple[ImageEncoder, TunedImage]:
        """Return the network as an image encoder, and its ONNX file with the weights."""
        tuned, preprocess = _export(network.network, classes), network.network.preprocess
        space = fingerprint_space(
            v=1,
            graph=tuned.facts["sha256"],
            preprocess=preprocess.facts(),
            output="features",
            normalize=True,
        )
        name, dim = f"{self.recipe.base}, fine-tuned", tuned.facts["dim"]
        model = ImageModel(name, dim, space, labels=classes, maps=tuned.facts["maps"])
        return ImageEncoder(model, VisionEngine(lambda: tuned.graph, preprocess)), tuned

    def write(self, folder: Path, tuned: TunedImage) -> None:
        """Write model.onnx, and its weights for torch."""
        from safetensors.torch import save_file

        (folder / GRAPH).write_bytes(tuned.graph)
        save_file(dict(tuned.state), str(folder / WEIGHTS))

    def facts(self, tuned: TunedImage) -> Mapping[str, Any]:
        """Return the facts that `read_image_folder` reads."""
        return tuned.facts


def _export(network: Trainable, classes: tuple[str, ...]) -> TunedImage:
    import torch

    from sememe.models.image.export import export_image

    size = network.preprocess.size
    with torch.no_grad():
        outputs = network.module(torch.zeros(1, 3, size, size))
    shapes = {name: tuple(x.shape) for name, x in zip(network.outputs, outputs, strict=True)}
    graph = export_image(network.module, network.preprocess, outputs=network.outputs)
    facts = describe_graph(
        graph,
        preprocess=network.preprocess,
        dim=int(shapes["features"][1]),  # (1, dim)
        labels=classes,
        maps="map" in shapes,
    )
    if network.facts["library"] in ("timm", "torchvision"):
        facts["network"] = dict(network.facts)
    state = {name: x.contiguous() for name, x in network.kept.state_dict().items()}
    return TunedImage(graph, facts, state)
