"""Fine-tuning of image networks for `ImageClassifier`: what is read, trained and written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sememe._errors import CorruptFileError
from sememe._types import Skipped
from sememe.encoders.image.encoder import ImageEncoder, ImageModel
from sememe.encoders.space import fingerprint_space
from sememe.models.image.engine import VisionEngine
from sememe.models.image.folder import GRAPH, KIND, describe_graph
from sememe.sources.datasets.labelled_data import Labelled
from sememe.sources.media.image_decoding import open_image
from sememe.train.classify.finetuning import Examples, FineTuning, item_name
from sememe.train.classify.image_batches import TunablePictures
from sememe.train.classify.image_network import WEIGHTS, trainable_image

if TYPE_CHECKING:
    from sememe.models.image.preprocess import Preprocess
    from sememe.sources.datasets.labelled_data import Labelled
    from sememe.train.classify.image_network import Trainable


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

    packages: ClassVar[tuple[str, ...]] = (
        "torch",
        "safetensors",
        "onnxscript",
        "matplotlib",
        "PIL",
    )
    recipe_name: ClassVar[str] = "classifier"
    kind: ClassVar[str] = KIND
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

    def open_network(self, classes: tuple[str, ...]) -> tuple[TunablePictures, str]:
        """Return the base with a layer for the classes, and a hash of all its weights."""
        import torch

        recipe = self.recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            network = trainable_image(recipe.base, classes, size=self.size)
        return TunablePictures(network), _digest_weights(network.kept)

    def read(
        self, data: Labelled, rows: Sequence[int], network: Any, folder: Path, *, show: bool
    ) -> Examples:
        """Open each image once; it is decoded again, in the size it is trained at, in each step."""
        readable, skipped = [], []
        for row in rows:
            try:
                open_image(data.items[row])
                readable.append(row)
            except CorruptFileError as error:
                skipped.append(Skipped(item_name(data, row), str(error)))
        return Examples.of(data, [data.items[row] for row in readable], readable, skipped)

    def export(self, network: Any, classes: tuple[str, ...]) -> tuple[ImageEncoder, TunedImage]:
        """Return the network as an image encoder, and its ONNX file with the weights."""
        tuned = _export(network.network, classes)
        preprocess = network.network.preprocess
        return _open_encoder(f"{self.recipe.base}, fine-tuned", tuned, preprocess, classes), tuned

    def write(self, folder: Path, tuned: TunedImage) -> None:
        """Write model.onnx, and its weights for torch."""
        from safetensors.torch import save_file

        (folder / GRAPH).write_bytes(tuned.graph)
        save_file(dict(tuned.state), str(folder / WEIGHTS))

    def facts(self, tuned: TunedImage) -> Mapping[str, Any]:
        """Return what `read_image_folder` reads of sememe.json."""
        return tuned.facts


def _digest_weights(module: Any) -> str:
    hashed = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        hashed.update(name.encode() + tensor.numpy().tobytes())
    return hashed.hexdigest()


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


def _open_encoder(
    name: str, tuned: TunedImage, preprocess: Preprocess, classes: tuple[str, ...]
) -> ImageEncoder:
    space = fingerprint_space(
        v=1,
        graph=tuned.facts["sha256"],
        preprocess=preprocess.facts(),
        output="features",
        normalize=True,
    )
    maps, dim = tuned.facts["maps"], tuned.facts["dim"]
    model = ImageModel(name, dim, space, labels=classes, maps=maps)
    return ImageEncoder(model, VisionEngine(lambda: tuned.graph, preprocess))
